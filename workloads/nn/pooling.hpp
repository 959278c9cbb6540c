// workloads/nn/pooling.hpp
//
// Pooling over square windows of images [n, channels / b, height, width, b], without padding: the output has
// (height - window) / stride + 1 rows. Max pooling takes the first of equals.
#pragma once

#include <cstdint>

#include "workloads/nn/tape.hpp"

namespace velo::nn {

struct Window {
  Index size = 2;
  Index stride = 2;
};

[[nodiscard]] Shape pooled_shape(const Shape& images, const Window& window);

/// y = max over the window; `places`: which element of the window, row by row, one byte per output.
/// `relu`: x is the output of a ReLU, whose derivative is folded in: a maximum of zero has no place, `nowhere`.
void max_pool(const Tensor& x, const Window& window, bool relu, const Tensor& y, std::uint8_t* places);
/// dx, every element: each dy goes to its place.
void max_pool_backward(const Tensor& dy, const std::uint8_t* places, const Window& window, const Tensor& dx);
inline constexpr std::uint8_t nowhere = 255;

/// The same as layers.
[[nodiscard]] Value max_pool(Tape& tape, Value x, const Window& window = {});
[[nodiscard]] Value average_pool(Tape& tape, Value x, const Window& window = {});
/// Mean over all rows and columns: [n, channels].
[[nodiscard]] Value global_average_pool(Tape& tape, Value x);

/// [n, height x width x channels], channels running fastest whatever the images' blocking: what a Linear layer sees is
/// the same on every back-end.
[[nodiscard]] Value flatten(Tape& tape, Value x);

}  // namespace velo::nn
