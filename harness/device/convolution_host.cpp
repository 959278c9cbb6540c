// Host implementation of convolution.hpp in float: oneDNN. In double: image_columns.hpp.
#include "harness/device/convolution.hpp"

#include <stdexcept>
#include <type_traits>

#include "harness/device/dnnl_support.hpp"
#include "harness/device/image_columns.hpp"

namespace velo {

namespace {

using dnnl::memory;
using Tag = memory::format_tag;

/// Channels per vector register, the blocks that oneDNN's kernels are made for; 0 where it has none. They beat its
/// channels-last ones: 1.1 to 2.3 times with AVX-512, and with AVX2 a whole step of fashion_mnist_cnn 4 times.
Index register_block() {
  static const Index block = [] {
    const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto has = [&](dnnl::cpu_isa part) {
      return (isa & static_cast<unsigned>(part)) == static_cast<unsigned>(part);  // instruction sets are sets of bits
    };
    return has(dnnl::cpu_isa::avx512_core) ? 16 : has(dnnl::cpu_isa::avx2) ? 8 : 0;
  }();
  return std::is_same_v<Scalar, float> ? block : 0;
}

bool blocked(Index in_channels, Index in_block, Index out_channels) {
  const Index block = register_block();
  return block > 0 && (in_channels == 1 || in_block == block) && out_channels % block == 0;
}

/// Everything oneDNN for one form. Weights are packed into the order that a kernel wants before it runs; there are
/// few, and they change with every step.
class Primitives {
 public:
  explicit Primitives(const ConvolutionForm& form) : form_(form) {
    const bool in_blocks = blocked(form.in_channels, form.in_block, form.out_channels);
    const Tag blocks = register_block() == 16 ? Tag::nChw16c : Tag::nChw8c;
    const Tag in_tag = !in_blocks ? Tag::nhwc : form.in_channels == 1 ? Tag::nchw : blocks;
    x_ = {{form.examples, form.in_channels, form.height, form.width}, onednn::f32, in_tag};
    y_ = {{form.examples, form.out_channels, form.out_height(), form.out_width()},
          onednn::f32,
          in_blocks ? blocks : Tag::nhwc};
    const memory::dims weight_dims = {form.out_channels, form.in_channels, form.kernel, form.kernel};
    weight_ = {weight_dims, onednn::f32, Tag::oihw};
    any_weight_ = {weight_dims, onednn::f32, Tag::any};
    bias_ = {{form.out_channels}, onednn::f32, Tag::x};

    dnnl::primitive_attr attributes;
    if (form.relu) {
      dnnl::post_ops after;
      onednn::append_relu(after);
      attributes.set_post_ops(after);
    }
    forward_desc_ = describe_forward(attributes);
    forward_ = onednn::BoundPrimitive(dnnl::convolution_forward(forward_desc_));
    forward_.argument(DNNL_ARG_SRC, x_);
    forward_.argument(DNNL_ARG_DST, y_);
    if (form.bias) forward_.argument(DNNL_ARG_BIAS, bias_);
    const memory packed(forward_desc_.weights_desc(), onednn::engine());
    forward_.bind(DNNL_ARG_WEIGHTS, packed);
    pack_forward_ = repack(weight_, packed, true);
  }

  void forward(const float* x, const float* weight, const float* bias, float* y) {
    pack_forward_.point(0, weight);
    pack_forward_.run();
    forward_.point(0, x);
    forward_.point(1, y);
    if (form_.bias) forward_.point(2, bias);
    forward_.run();
  }

  void backward_input(const float* dy, const float* weight, float* dx) {
    if (!backward_input_) plan_backward_input();
    pack_backward_.point(0, weight);
    pack_backward_.run();
    backward_input_.point(0, dy);
    backward_input_.point(1, dx);
    backward_input_.run();
  }

  void backward_weight(const float* x, const float* dy, float* dweight, float* dbias) {
    if (!backward_weight_) plan_backward_weight();
    if (pack_image_) {
      pack_image_.point(0, x);
      pack_image_.run();
    } else {
      backward_weight_.point(0, x);
    }
    backward_weight_.point(1, dy);
    if (form_.bias) backward_weight_.point(2, dbias);
    backward_weight_.run();
    unpack_gradient_.point(0, dweight);
    unpack_gradient_.run();
  }

 private:
  [[nodiscard]] dnnl::convolution_forward::primitive_desc describe_forward(
      const dnnl::primitive_attr& attributes) const {
    using Forward = dnnl::convolution_forward;
    const memory::dims strides = {form_.stride, form_.stride}, padding = {form_.padding, form_.padding};
    constexpr auto kind = dnnl::prop_kind::forward_training;
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
    if (form_.bias)
      return onednn::describe<Forward>(attributes, kind, algorithm, x_, any_weight_, bias_, y_, strides, padding,
                                       padding);
    return onednn::describe<Forward>(attributes, kind, algorithm, x_, any_weight_, y_, strides, padding, padding);
  }

  void plan_backward_input() {
    const memory::dims strides = {form_.stride, form_.stride}, padding = {form_.padding, form_.padding};
    const auto desc = onednn::describe_backward<dnnl::convolution_backward_data>(
        forward_desc_, dnnl::algorithm::convolution_direct, x_, any_weight_, y_, strides, padding, padding);
    backward_input_ = onednn::BoundPrimitive(dnnl::convolution_backward_data(desc));
    backward_input_.argument(DNNL_ARG_DIFF_DST, y_);
    backward_input_.argument(DNNL_ARG_DIFF_SRC, x_);
    const memory packed(desc.weights_desc(), onednn::engine());
    backward_input_.bind(DNNL_ARG_WEIGHTS, packed);
    pack_backward_ = repack(weight_, packed, true);
  }

  void plan_backward_weight() {
    using Backward = dnnl::convolution_backward_weights;
    const memory::dims strides = {form_.stride, form_.stride}, padding = {form_.padding, form_.padding};
    constexpr auto algorithm = dnnl::algorithm::convolution_direct;
    // For images of one channel oneDNN chooses: AVX2's kernels want them padded to a block, AVX-512's as they are, and
    // what an instruction set has no kernel for falls back to a reference loop that takes a hundred times as long.
    memory::desc x = x_;
    if (form_.in_channels == 1 && blocked(form_.in_channels, form_.in_block, form_.out_channels))
      x = {{form_.examples, form_.in_channels, form_.height, form_.width}, onednn::f32, Tag::any};
    const auto desc = form_.bias ? onednn::describe_backward<Backward>(forward_desc_, algorithm, x, any_weight_, bias_,
                                                                       y_, strides, padding, padding)
                                 : onednn::describe_backward<Backward>(forward_desc_, algorithm, x, any_weight_, y_,
                                                                       strides, padding, padding);
    backward_weight_ = onednn::BoundPrimitive(Backward(desc));
    if (desc.src_desc() == x_) {
      backward_weight_.argument(DNNL_ARG_SRC, x_);
    } else {
      const memory image(desc.src_desc(), onednn::engine());
      backward_weight_.bind(DNNL_ARG_SRC, image);
      pack_image_ = repack(x_, image, true);
    }
    backward_weight_.argument(DNNL_ARG_DIFF_DST, y_);
    if (form_.bias) backward_weight_.argument(DNNL_ARG_DIFF_BIAS, bias_);
    const memory packed(desc.diff_weights_desc(), onednn::engine());
    backward_weight_.bind(DNNL_ARG_DIFF_WEIGHTS, packed);
    unpack_gradient_ = repack(weight_, packed, false);
  }

  /// Between plain numbers, given at each run (argument 0), and packed ones.
  static onednn::BoundPrimitive repack(const memory::desc& plain, const memory& packed, bool forward) {
    const auto& engine = onednn::engine();
    onednn::BoundPrimitive out(
        forward ? dnnl::reorder(dnnl::reorder::primitive_desc(engine, plain, engine, packed.get_desc()))
                : dnnl::reorder(dnnl::reorder::primitive_desc(engine, packed.get_desc(), engine, plain)));
    out.argument(forward ? DNNL_ARG_FROM : DNNL_ARG_TO, plain);
    out.bind(forward ? DNNL_ARG_TO : DNNL_ARG_FROM, packed);
    return out;
  }

  ConvolutionForm form_;
  memory::desc x_, y_, weight_, any_weight_, bias_;
  dnnl::convolution_forward::primitive_desc forward_desc_;
  onednn::BoundPrimitive forward_, backward_input_, backward_weight_;
  onednn::BoundPrimitive pack_forward_, pack_backward_, pack_image_, unpack_gradient_;
};

}  // namespace

struct Convolution::Plan {
  explicit Plan(const ConvolutionForm& f) : form(f), run(f) {}
  ConvolutionForm form;
  std::conditional_t<std::is_same_v<Scalar, float>, Primitives, ImageColumns> run;
};

Shape ConvolutionForm::out_shape() const {
  const Index block = convolution_output_block(in_channels, in_block, out_channels);
  return {examples, out_channels / block, out_height(), out_width(), block};
}

Index convolution_output_block(Index in_channels, Index in_block, Index out_channels) {
  return blocked(in_channels, in_block, out_channels) ? register_block() : out_channels;
}

Convolution::Convolution(const ConvolutionForm& form) {
  if (form.examples <= 0 || form.in_channels <= 0 || form.out_channels <= 0 || form.out_height() <= 0 ||
      form.out_width() <= 0)
    throw std::logic_error("a convolution has an empty extent");
  plan_ = std::make_shared<Plan>(form);
}

const ConvolutionForm& Convolution::form() const { return plan_->form; }

void Convolution::forward(const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y) const {
  plan_->run.forward(x, weight, bias, y);
}

void Convolution::backward_input(const Scalar* dy, const Scalar* weight, Scalar* dx) const {
  plan_->run.backward_input(dy, weight, dx);
}

void Convolution::backward_weight(const Scalar* x, const Scalar* dy, Scalar* dweight, Scalar* dbias) const {
  plan_->run.backward_weight(x, dy, dweight, dbias);
}

}  // namespace velo
