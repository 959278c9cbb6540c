// workloads/nn/activation.hpp
//
// Elementwise nonlinearities, as layers of their own and as the tail of a product.
//
//   relu       max(x, 0); derivative 0 at 0
//   gelu       x/2 (1 + erf(x / sqrt 2))                                  Hendrycks & Gimpel 2016, arXiv:1606.08415
//   gelu_tanh  x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))              ibid., the approximation
//   tanh
//   sigmoid    1 / (1 + e^-x)
//   silu       x sigmoid(x)                                               ibid., section 4
#pragma once

#include <string_view>

#include "workloads/nn/tape.hpp"

namespace velo::nn {

enum class Activation { none, relu, gelu, gelu_tanh, tanh, sigmoid, silu };

/// "none", "relu", "gelu", "gelu_tanh", "tanh", "sigmoid", "silu". Throws std::logic_error for another word.
[[nodiscard]] Activation activation(std::string_view name);

/// True where the derivative is a function of the output, so that the input need not be kept.
[[nodiscard]] constexpr bool derivative_from_output(Activation a) {
  return a == Activation::none || a == Activation::relu || a == Activation::tanh || a == Activation::sigmoid;
}

/// y = f(x), elementwise; y may be x.
void apply(Activation f, const Scalar* x, Scalar* y, Index size);
/// gradient *= f', in place. `kept` is the output where derivative_from_output(f), else the input.
void apply_backward(Activation f, const Scalar* kept, Scalar* gradient, Index size);
/// The same for rows of `columns` numbers, with the column sums of the result in one pass: the gradient of a bias.
void apply_backward_and_sum(Activation f, const Scalar* kept, Scalar* gradient, Scalar* column_sums, Index rows,
                            Index columns);

/// The activation as a layer.
[[nodiscard]] Value activate(Tape& tape, Activation f, Value x);

}  // namespace velo::nn
