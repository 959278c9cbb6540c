#include "workloads/nn/conv2d.hpp"

#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/device/thin_convolution.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/pooling.hpp"

namespace velo::nn {

namespace {

ThinConvolutionForm thin_form(const ConvolutionForm& form) {
  return {.examples = form.examples,
          .height = form.height,
          .width = form.width,
          .out_channels = form.out_channels,
          .kernel = form.kernel,
          .padding = form.padding,
          .relu = form.relu};
}

/// patches[(n, i, j), (c, k, l)] = x[n, c, i s + k - p, j s + l - p]: rows in the order of a weight's [out, in, k, k].
void unfold(const ConvolutionForm& f, const Scalar* x, const Tensor& patches) {
  const Index columns = patches.shape[1], height = f.out_height(), width = f.out_width();
  Scalar* to = patches.data;
  for_each(
      "velo::nn::unfold_patches", patches.size(), KOKKOS_LAMBDA(const Index place) {
        const Index row = place / columns, column = place % columns;
        const Index c = column / (f.kernel * f.kernel);
        const Index i = row / width % height * f.stride + column / f.kernel % f.kernel - f.padding;
        const Index j = row % width * f.stride + column % f.kernel - f.padding;
        const bool inside = i >= 0 && i < f.height && j >= 0 && j < f.width;
        const Index plane = row / (width * height) * (f.in_channels / f.in_block) + c / f.in_block;
        to[place] = inside ? x[((plane * f.height + i) * f.width + j) * f.in_block + c % f.in_block] : Scalar(0);
      });
}

/// rows[(n, i, j), c] of an image [n, c / b, i, j, b].
void unblock(const Shape& image, const Scalar* from, const Tensor& rows) {
  const Index channels = rows.shape[1], positions = image[2] * image[3], blocks = image[1], b = image[4];
  Scalar* to = rows.data;
  for_each(
      "velo::nn::unblock", rows.size(), KOKKOS_LAMBDA(const Index place) {
        const Index row = place / channels, c = place % channels;
        const Index plane = row / positions * blocks + c / b;
        to[place] = from[(plane * positions + row % positions) * b + c % b];
      });
}

}  // namespace

Conv2d::Conv2d(ParameterLayout& layout, const std::string& name, Index in, Index out, Conv2dOptions options)
    : in_(in), out_(out), options_(options) {
  const Index k = options_.kernel;
  const Index fan_in = in * k * k, fan_out = out * k * k;
  const auto start = Initialiser::uniform(1.0 / std::sqrt(static_cast<double>(fan_in)));
  weight_ = layout.add({name + "/weight", ParameterKind::conv_weight, {out, in, k, k}, fan_in, fan_out, start});
  if (options_.bias) bias_ = layout.add({name + "/bias", ParameterKind::bias, {out}, fan_in, fan_out, start});
}

ConvolutionForm Conv2d::form(const Shape& x) const {
  return {.examples = x[0],
          .in_channels = in_,
          .in_block = x[4],
          .height = x[2],
          .width = x[3],
          .out_channels = out_,
          .kernel = options_.kernel,
          .stride = samples() ? 1 : options_.stride,
          .padding = options_.padding,
          .bias = options_.bias,
          .relu = options_.activation == Activation::relu};
}

const Convolution& Conv2d::convolution(const Shape& x) const {
  return convolutions_.find(x[0], [&] { return Convolution(form(x)); });
}

void Conv2d::announce(Tape& tape, Value x) const {
  tape.operation("convolution", weight_, [&] {
    const ConvolutionForm f = form(tape[x].shape);
    const Index in = f.in_shape().size(), out = f.examples * f.out_height() * f.out_width() * out_;
    const Index patch = in_ * f.kernel * f.kernel, weights = out_ * patch;
    const OperationCost pass =
        elementwise_cost(out, 2 * static_cast<double>(patch), 0) + elementwise_cost(in + out + weights, 0, 1);
    return OperationCosts{pass, (tape.differentiable(x) ? 2.0 : 1.0) * pass};
  });
}

const Scalar* Conv2d::bias(const Tape& tape) const { return options_.bias ? tape.parameter(bias_) : nullptr; }

bool Conv2d::thin(const Tape& tape, Value x) const {
  return in_ == 1 && options_.bias && options_.stride == 1 && options_.max_pool == 2 && !tape.differentiable(x) &&
         !tape.shows_layers() && convolution_output_block(1, 1, out_) == ThinConvolutionForm::block &&
         thin_convolution_fits(thin_form(form(tape[x].shape)));
}

Value Conv2d::operator()(Tape& tape, Value x) const {
  if (samples()) x = average_pool(tape, x, {1, options_.stride});
  const bool simple = options_.activation == Activation::none || options_.activation == Activation::relu;
  if (options_.max_pool == 1) return run_plain(tape, x);
  if (!simple) return max_pool(tape, run_plain(tape, x), {options_.max_pool, options_.max_pool});
  return thin(tape, x) ? run_thin(tape, x) : run_pooled(tape, x);
}

Value Conv2d::run_thin(Tape& tape, Value x) const {
  announce(tape, x);
  const ThinConvolutionForm f = thin_form(form(tape[x].shape));
  constexpr Index block = ThinConvolutionForm::block;
  const Value y = tape.output({f.examples, out_ / block, f.full_height() / 2, f.full_width() / 2, block});
  std::uint8_t* places = tape.keep_bytes(tape[y].size());
  thin_convolution(f, tape[x].data, tape.parameter(weight_), bias(tape), tape[y].data, places);
  tape.record([this, &tape, f, x, y, places] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    const Tensor workspace = tape.scratch({thin_convolution_workspace(f)});
    thin_convolution_backward(f, tape[x].data, dy.data, places, tape.parameter_gradient(weight_),
                              tape.parameter_gradient(bias_), workspace.data);
  });
  return y;
}

Value Conv2d::run_pooled(Tape& tape, Value x) const {
  announce(tape, x);
  const Convolution& conv = convolution(tape[x].shape);
  const Shape full = conv.form().out_shape();
  const Window window{options_.max_pool, options_.max_pool};
  const Value y = tape.output(pooled_shape(full, window));
  std::uint8_t* places = tape.keep_bytes(tape[y].size());
  const Tensor z = tape.borrow(full);
  conv.forward(tape[x].data, tape.parameter(weight_), bias(tape), z.data);
  max_pool(z, window, conv.form().relu, tape[y], places);
  tape.give_back(z);
  tape.record([this, &tape, full, window, x, y, places] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    const Tensor dz = tape.scratch(full);
    max_pool_backward(dy, places, window, dz);
    backward(tape, x, dz.data);
  });
  return y;
}

Value Conv2d::run_plain(Tape& tape, Value x) const {
  announce(tape, x);
  const Convolution& conv = convolution(tape[x].shape);
  const Shape full = conv.form().out_shape();
  const Value z = tape.output(full);
  conv.forward(tape[x].data, tape.parameter(weight_), bias(tape), tape[z].data);
  Value y = z;
  if (!derivative_from_output(options_.activation)) y = tape.output(full);
  if (options_.activation != Activation::relu) apply(options_.activation, tape[z].data, tape[y].data, full.size());
  tape.record([this, &tape, x, z, y] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    apply_backward(options_.activation, tape[z].data, dy.data, dy.size());
    backward(tape, x, dy.data);
  });
  return y;
}

void Conv2d::backward(Tape& tape, Value x, const Scalar* dz) const {
  const Convolution& conv = convolution(tape[x].shape);
  if (tape.shows_layers()) show(tape, x, conv.form(), dz);
  conv.backward_weight(tape[x].data, dz, tape.parameter_gradient(weight_),
                       options_.bias ? tape.parameter_gradient(bias_) : nullptr);
  if (tape.differentiable(x)) conv.backward_input(dz, tape.parameter(weight_), tape.gradient_target(x).data);
}

void Conv2d::show(Tape& tape, Value x, const ConvolutionForm& form, const Scalar* dz) const {
  const Index rows = form.examples * form.out_height() * form.out_width();
  const Tensor inputs = tape.scratch({rows, in_ * form.kernel * form.kernel});
  const Tensor output_gradients = tape.scratch({rows, out_});
  unfold(form, tape[x].data, inputs);
  unblock(form.out_shape(), dz, output_gradients);
  tape.show_layer(weight_, options_.bias ? std::optional(bias_) : std::nullopt, inputs, output_gradients);
}

}  // namespace velo::nn
