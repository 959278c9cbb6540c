// workloads/nn/activation_functions.hpp
//
// The functions that activation.hpp names, for kernels. Each has value(x), back(dy, kept), the gradient dy times the
// derivative, where `kept` is the output if derivative_from_output(f), else the input.
#pragma once

#include "workloads/nn/activation.hpp"
#include "workloads/nn/math.hpp"

namespace velo::nn::functions {

struct None {
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return x; }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar) const { return dy; }
};
struct Relu {
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return x > 0 ? x : Scalar(0); }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar y) const { return y > 0 ? dy : Scalar(0); }
};
struct Tanh {
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return math::tanh(x); }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar y) const { return dy * (1 - y * y); }
};
struct Gelu {
  static constexpr Scalar root_half = Scalar(0.70710678118654752440);
  static constexpr Scalar normal_density = Scalar(0.39894228040143267794);  // 1 / sqrt(2 pi)
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return Scalar(0.5) * x * (1 + math::erf(root_half * x)); }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar x) const {
    return dy * (Scalar(0.5) * (1 + math::erf(root_half * x)) + x * normal_density * math::exp(Scalar(-0.5) * x * x));
  }
};
struct GeluTanh {
  static constexpr Scalar slope = Scalar(0.79788456080286535588);  // sqrt(2 / pi)
  static constexpr Scalar cubic = Scalar(0.044715);
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const {
    return Scalar(0.5) * x * (1 + math::tanh(slope * (x + cubic * x * x * x)));
  }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar x) const {
    const Scalar t = math::tanh(slope * (x + cubic * x * x * x));
    return dy * (Scalar(0.5) * (1 + t) + Scalar(0.5) * x * (1 - t * t) * slope * (1 + 3 * cubic * x * x));
  }
};
struct Sigmoid {
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return 1 / (1 + math::exp(-x)); }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar y) const { return dy * y * (1 - y); }
};
struct Silu {
  KOKKOS_INLINE_FUNCTION Scalar value(Scalar x) const { return x / (1 + math::exp(-x)); }
  KOKKOS_INLINE_FUNCTION Scalar back(Scalar dy, Scalar x) const {
    const Scalar s = 1 / (1 + math::exp(-x));
    return dy * s * (1 + x * (1 - s));
  }
};

/// visit(F{}) with the F that `f` names.
template <typename Visit>
void with_function(Activation f, const Visit& visit) {
  switch (f) {
    case Activation::none:
      return visit(None{});
    case Activation::relu:
      return visit(Relu{});
    case Activation::gelu:
      return visit(Gelu{});
    case Activation::gelu_tanh:
      return visit(GeluTanh{});
    case Activation::tanh:
      return visit(Tanh{});
    case Activation::sigmoid:
      return visit(Sigmoid{});
    case Activation::silu:
      return visit(Silu{});
  }
}

}  // namespace velo::nn::functions
