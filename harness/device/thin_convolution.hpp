// harness/device/thin_convolution.hpp
//
// The first layer of small image networks in one pass: convolution of a one-channel image, bias, ReLU, 2 x 2 max
// pooling.
//
//   z[n, o, i, j] = bias[o] + sum_{k, l} w[o, k, l] x[n, i + k - p, j + l - p]
//   y[n, o, i, j] = max(0, max over the 2 x 2 window of z at (2i, 2j))
//
// With one input channel a convolution does so little work per output that memory traffic decides; here z never leaves
// the registers, and only y and the place of each maximum are stored. Host only; under CUDA a library's convolution and
// pooling do the same.
//
// Bits do not depend on the number of threads: gradients are summed over at most 16 groups of examples, fixed by the
// batch size, in order.
#pragma once

#include <cstdint>

#include "harness/device/elementwise.hpp"
#include "harness/device/lanes.hpp"

namespace velo {

struct ThinConvolutionForm {
  Index examples = 0;
  Index height = 0;  ///< of the input
  Index width = 0;
  Index out_channels = 0;
  Index kernel = 3;
  Index padding = 1;
  bool relu = true;

  /// Of z; the output has half of each.
  [[nodiscard]] Index full_height() const { return height + 2 * padding - kernel + 1; }
  [[nodiscard]] Index full_width() const { return width + 2 * padding - kernel + 1; }
  /// Channels that lie together in the output: [examples, out_channels / block, height / 2, width / 2, block].
  static constexpr Index block = lanes::count;
  /// Written to `places` where the maximum is not above zero and so carries no gradient.
  static constexpr std::uint8_t nowhere = 255;
};

/// Whether the functions below can do it: on the host, kernels of 3 or 5, out_channels a multiple of the block, even full
/// height and width.
[[nodiscard]] bool thin_convolution_fits(const ThinConvolutionForm& form);

/// `places`: as many bytes as y has elements; which of the window's four, row by row.
void thin_convolution(const ThinConvolutionForm& form, const Scalar* x, const Scalar* weight, const Scalar* bias,
                      Scalar* y, std::uint8_t* places);

/// Scalars of workspace that thin_convolution_backward needs.
[[nodiscard]] Index thin_convolution_workspace(const ThinConvolutionForm& form);
/// dweight and dbias, every element.
void thin_convolution_backward(const ThinConvolutionForm& form, const Scalar* x, const Scalar* dy,
                               const std::uint8_t* places, Scalar* dweight, Scalar* dbias, Scalar* workspace);

}  // namespace velo
