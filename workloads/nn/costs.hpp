// workloads/nn/costs.hpp
//
// What operations of layers cost (harness/operations.hpp), put together from the two things they do.
#pragma once

#include "harness/operations.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// C [rows, columns] = A B over `inner`.
[[nodiscard]] inline OperationCost product_cost(Index rows, Index columns, Index inner) {
  const auto r = static_cast<double>(rows), c = static_cast<double>(columns), k = static_cast<double>(inner);
  return {2 * r * c * k, sizeof(Scalar) * (r * k + k * c + r * c)};
}

/// `flops` per element, `arrays` of `size` elements read or written.
[[nodiscard]] inline OperationCost elementwise_cost(Index size, double flops, double arrays) {
  const auto n = static_cast<double>(size);
  return {flops * n, arrays * sizeof(Scalar) * n};
}

/// Of y = x W, with W [out, in]; back, the gradients of W and, where asked, of x.
[[nodiscard]] inline OperationCosts linear_costs(Index rows, Index in, Index out, bool differentiable) {
  return {product_cost(rows, out, in),
          product_cost(out, in, rows) + (differentiable ? product_cost(rows, in, out) : OperationCost{})};
}

}  // namespace velo::nn
