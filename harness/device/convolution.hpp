// harness/device/convolution.hpp
//
// Two-dimensional convolutions on the device: oneDNN (float) or im2col with OpenBLAS (double) on the host, cuDNN under
// CUDA. Cross-correlation, as everywhere in the field:
//
//   y[n, o, i, j] = bias[o] + sum_{c, k, l} w[o, c, k, l] x[n, c, i s + k - p, j s + l - p],   zero outside x
//
// Images are [examples, channels / b, height, width, b]: channels lie in blocks of b. b = channels is "channels last"
// (NHWC), b = 1 is NCHW, and in between are the blocks that vector units like. A convolution chooses the b of its
// output (output_block); everything behind it follows. Weights are [out, in, height, width] always, as in a flat
// parameter vector.
//
// Like products (blas.hpp), convolutions are planned once for a form and run many times.
#pragma once

#include <memory>

#include "harness/device/tensor.hpp"

namespace velo {

struct ConvolutionForm {
  Index examples = 0;
  Index in_channels = 0;
  Index in_block = 0;  ///< b of the input
  Index height = 0;    ///< of the input
  Index width = 0;
  Index out_channels = 0;
  Index kernel = 3;  ///< square
  Index stride = 1;
  Index padding = 0;
  bool bias = false;
  bool relu = false;  ///< y = max(y, 0), in forward() alone: the caller masks gradients

  [[nodiscard]] Index out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  [[nodiscard]] Index out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  [[nodiscard]] Shape in_shape() const { return {examples, in_channels / in_block, height, width, in_block}; }
  [[nodiscard]] Shape out_shape() const;
};

/// How many channels of the output lie together when the input's are `in_channels` in blocks of `in_block`.
[[nodiscard]] Index convolution_output_block(Index in_channels, Index in_block, Index out_channels);

class Convolution {
 public:
  Convolution() = default;
  /// Plans the forward pass; the others are planned when first run. Throws std::logic_error for an empty extent.
  explicit Convolution(const ConvolutionForm& form);

  [[nodiscard]] const ConvolutionForm& form() const;

  void forward(const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y) const;
  /// dx, every element.
  void backward_input(const Scalar* dy, const Scalar* weight, Scalar* dx) const;
  /// dweight, every element, and dbias where the form has a bias.
  void backward_weight(const Scalar* x, const Scalar* dy, Scalar* dweight, Scalar* dbias) const;

 private:
  struct Plan;
  std::shared_ptr<Plan> plan_;
};

}  // namespace velo
