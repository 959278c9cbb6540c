// CUDA implementation of convolution.hpp: cuDNN, in full precision of the scalar type (no TF32) and with deterministic
// algorithms alone. Outputs are NCHW (b = 1), inputs NCHW or channels last.
#include "harness/device/convolution.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <type_traits>

#include "harness/device/cuda_libraries.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

constexpr cudnnDataType_t data_type = std::is_same_v<Scalar, float> ? CUDNN_DATA_FLOAT : CUDNN_DATA_DOUBLE;
constexpr Scalar one = 1, zero = 0;

/// A cuDNN descriptor that is destroyed with its owner.
template <typename Descriptor, cudnnStatus_t (*create)(Descriptor*), cudnnStatus_t (*destroy)(Descriptor)>
class Owned {
 public:
  Owned() { cuda::check(create(&descriptor_), "make a descriptor"); }
  ~Owned() { destroy(descriptor_); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  operator Descriptor() const { return descriptor_; }

 private:
  Descriptor descriptor_ = nullptr;
};
using TensorDescriptor = Owned<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using FilterDescriptor = Owned<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor =
    Owned<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;

int int_of(Index value) { return static_cast<int>(value); }

void describe(const TensorDescriptor& tensor, Index examples, Index channels, Index height, Index width, bool last) {
  const Index plane = height * width;
  cuda::check(cudnnSetTensor4dDescriptorEx(tensor, data_type, int_of(examples), int_of(channels), int_of(height),
                                           int_of(width), int_of(channels * plane), int_of(last ? 1 : plane),
                                           int_of(last ? width * channels : width), int_of(last ? channels : 1)),
              "describe an image");
}

/// The fastest deterministic algorithm of cuDNN's own ranking.
template <typename Algorithms>
auto best_of(const Algorithms& ranked, int count) {
  const auto end = ranked.begin() + count;
  const auto best = std::find_if(ranked.begin(), end, [](const auto& a) {
    return a.status == CUDNN_STATUS_SUCCESS && a.determinism == CUDNN_DETERMINISTIC;
  });
  if (best == end) throw Error("cuDNN has no deterministic algorithm for a convolution of this shape");
  return *best;
}

/// y = y + bias[channel], then max(y, 0) if `relu`; NCHW. A null bias adds nothing.
void add_bias(Scalar* y, const Scalar* bias, bool relu, Index size, Index channels, Index plane) {
  for_each(
      "velo::convolution::bias", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar value = bias == nullptr ? y[i] : y[i] + bias[i / plane % channels];
        y[i] = relu && value < 0 ? Scalar(0) : value;
      });
}

}  // namespace

struct Convolution::Plan {
  explicit Plan(const ConvolutionForm& f) : form(f) {
    if (f.in_block != 1 && f.in_block != f.in_channels)
      throw std::logic_error("under CUDA a convolution's input is NCHW or channels last");
    describe(x, f.examples, f.in_channels, f.height, f.width, f.in_block != 1);
    describe(y, f.examples, f.out_channels, f.out_height(), f.out_width(), false);
    describe(bias, 1, f.out_channels, 1, 1, false);
    cuda::check(cudnnSetFilter4dDescriptor(weight, data_type, CUDNN_TENSOR_NCHW, int_of(f.out_channels),
                                           int_of(f.in_channels), int_of(f.kernel), int_of(f.kernel)),
                "describe weights");
    cuda::check(cudnnSetConvolution2dDescriptor(convolution, int_of(f.padding), int_of(f.padding), int_of(f.stride),
                                                int_of(f.stride), 1, 1, CUDNN_CROSS_CORRELATION, data_type),
                "describe a convolution");
    cuda::check(cudnnSetConvolutionMathType(convolution, CUDNN_FMA_MATH), "leave TF32 out");

    int count = 0;
    std::array<cudnnConvolutionFwdAlgoPerf_t, 8> forward_ranking;
    cuda::check(cudnnGetConvolutionForwardAlgorithm_v7(cuda::cudnn(), x, weight, convolution, y, 8, &count,
                                                       forward_ranking.data()),
                "rank algorithms");
    forward = best_of(forward_ranking, count);
    std::array<cudnnConvolutionBwdDataAlgoPerf_t, 8> data_ranking;
    cuda::check(cudnnGetConvolutionBackwardDataAlgorithm_v7(cuda::cudnn(), weight, y, convolution, x, 8, &count,
                                                            data_ranking.data()),
                "rank algorithms");
    backward_data = best_of(data_ranking, count);
    std::array<cudnnConvolutionBwdFilterAlgoPerf_t, 8> filter_ranking;
    cuda::check(cudnnGetConvolutionBackwardFilterAlgorithm_v7(cuda::cudnn(), x, y, convolution, weight, 8, &count,
                                                              filter_ranking.data()),
                "rank algorithms");
    backward_filter = best_of(filter_ranking, count);
    const std::size_t bytes = std::max({forward.memory, backward_data.memory, backward_filter.memory});
    workspace =
        Kokkos::View<char*, MemorySpace>(Kokkos::view_alloc("velo::convolution", Kokkos::WithoutInitializing), bytes);
  }

  ConvolutionForm form;
  TensorDescriptor x, y, bias;
  FilterDescriptor weight;
  ConvolutionDescriptor convolution;
  cudnnConvolutionFwdAlgoPerf_t forward;
  cudnnConvolutionBwdDataAlgoPerf_t backward_data;
  cudnnConvolutionBwdFilterAlgoPerf_t backward_filter;
  Kokkos::View<char*, MemorySpace> workspace;
};

Shape ConvolutionForm::out_shape() const { return {examples, out_channels, out_height(), out_width(), 1}; }

Index convolution_output_block(Index, Index, Index) { return 1; }

Convolution::Convolution(const ConvolutionForm& form) {
  if (form.examples <= 0 || form.in_channels <= 0 || form.out_channels <= 0 || form.out_height() <= 0 ||
      form.out_width() <= 0)
    throw std::logic_error("a convolution has an empty extent");
  plan_ = std::make_shared<Plan>(form);
}

const ConvolutionForm& Convolution::form() const { return plan_->form; }

void Convolution::forward(const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y) const {
  const Plan& p = *plan_;
  cuda::check(cudnnConvolutionForward(cuda::cudnn(), &one, p.x, x, p.weight, weight, p.convolution, p.forward.algo,
                                      p.workspace.data(), p.workspace.size(), &zero, p.y, y),
              "convolve");
  const ConvolutionForm& f = p.form;
  if (f.bias || f.relu)
    add_bias(y, f.bias ? bias : nullptr, f.relu, f.out_shape().size(), f.out_channels, f.out_height() * f.out_width());
}

void Convolution::backward_input(const Scalar* dy, const Scalar* weight, Scalar* dx) const {
  const Plan& p = *plan_;
  cuda::check(
      cudnnConvolutionBackwardData(cuda::cudnn(), &one, p.weight, weight, p.y, dy, p.convolution, p.backward_data.algo,
                                   p.workspace.data(), p.workspace.size(), &zero, p.x, dx),
      "differentiate by an image");
}

void Convolution::backward_weight(const Scalar* x, const Scalar* dy, Scalar* dweight, Scalar* dbias) const {
  const Plan& p = *plan_;
  cuda::check(
      cudnnConvolutionBackwardFilter(cuda::cudnn(), &one, p.x, x, p.y, dy, p.convolution, p.backward_filter.algo,
                                     p.workspace.data(), p.workspace.size(), &zero, p.weight, dweight),
      "differentiate by weights");
  if (p.form.bias)
    cuda::check(cudnnConvolutionBackwardBias(cuda::cudnn(), &one, p.y, dy, &zero, p.bias, dbias),
                "differentiate by a bias");
}

}  // namespace velo
