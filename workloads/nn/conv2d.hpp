// workloads/nn/conv2d.hpp
//
// y = maxpool(f(conv(x, W) + b)): a convolution with its usual followers, so that they can share a pass.
//   x [n, in / b, h, w, b]   W [out, in, k, k], kind conv_weight   b [out], kind bias
// Blocking of images: harness/device/convolution.hpp.
//
// Initial values, as torch.nn.Conv2d: W and b uniform in +-1/sqrt(in k k).
#pragma once

#include <string>

#include "harness/device/blas.hpp"
#include "harness/device/convolution.hpp"
#include "workloads/nn/activation.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

struct Conv2dOptions {
  Index kernel = 3;
  Index stride = 1;
  Index padding = 1;
  Activation activation = Activation::none;
  bool bias = true;
  Index max_pool = 1;  ///< window and stride of max pooling behind the activation; 1: none
};

class Conv2d {
 public:
  /// Adds the blocks "<name>/weight" and "<name>/bias".
  Conv2d(ParameterLayout& layout, const std::string& name, Index in, Index out, Conv2dOptions options = {});

  [[nodiscard]] Value operator()(Tape& tape, Value x) const;

 private:
  [[nodiscard]] ConvolutionForm form(const Shape& x) const;
  void announce(Tape& tape, Value x) const;
  [[nodiscard]] const Convolution& convolution(const Shape& x) const;
  /// A strided convolution of single pixels takes every stride-th pixel first and runs on those alone. Left to stride by
  /// itself, oneDNN 2.6 writes past its buffers (AVX2, channels last, channels not a multiple of eight).
  [[nodiscard]] bool samples() const { return options_.kernel == 1 && options_.padding == 0 && options_.stride > 1; }
  /// Whether the fused first layer does it. It never has the gradient of a convolution's output as a whole: not for a
  /// visitor of layers.
  [[nodiscard]] bool thin(const Tape& tape, Value x) const;
  [[nodiscard]] Value run_thin(Tape& tape, Value x) const;
  [[nodiscard]] Value run_pooled(Tape& tape, Value x) const;
  [[nodiscard]] Value run_plain(Tape& tape, Value x) const;
  /// Gradients of weights, bias and input from that of the convolution's output.
  void backward(Tape& tape, Value x, const Scalar* dz) const;
  /// Unfolds patches of x and unblocks dz for the visitor of layers.
  void show(Tape& tape, Value x, const ConvolutionForm& form, const Scalar* dz) const;
  [[nodiscard]] const Scalar* bias(const Tape& tape) const;

  Index in_, out_;
  Conv2dOptions options_;
  Index weight_ = 0, bias_ = 0;
  mutable PlanCache<Convolution> convolutions_;  ///< by examples; holds nothing of a pass
};

}  // namespace velo::nn
