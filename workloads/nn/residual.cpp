#include "workloads/nn/residual.hpp"

#include <stdexcept>

#include "harness/device/elementwise.hpp"
#include "workloads/nn/costs.hpp"

namespace velo::nn {

namespace {

void sum(const Scalar* a, const Scalar* b, Scalar* y, Index size) {
  for_each(
      "velo::nn::add", size, KOKKOS_LAMBDA(const Index i) { y[i] = a[i] + b[i]; });
}

void copy_gradient(const Scalar* from, Scalar* to, Index size) {
  for_each(
      "velo::nn::copy_gradient", size, KOKKOS_LAMBDA(const Index i) { to[i] = from[i]; });
}

}  // namespace

Value add(Tape& tape, Value a, Value b) {
  const Tensor first = tape[a], second = tape[b];
  if (!(first.shape == second.shape)) throw std::logic_error("a shortcut has another shape than what it goes around");
  const bool to_a = tape.differentiable(a), to_b = tape.differentiable(b);
  tape.operation("add", {}, [&] {
    return OperationCosts{elementwise_cost(first.size(), 1, 3),
                          elementwise_cost(first.size(), 0, to_a && to_b ? 2 : 0)};
  });
  const Value y = tape.output(first.shape, to_a || to_b);
  sum(first.data, second.data, tape[y].data, first.size());
  if (!to_a && !to_b) return y;
  tape.record([&tape, a, b, y, to_a, to_b] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    // One side gets a copy, and before the other gets dy itself: that one may change it in place.
    if (to_a && to_b) copy_gradient(dy.data, tape.gradient_target(b).data, dy.size());
    tape.pass_gradient(y, to_a ? a : b);
  });
  return y;
}

}  // namespace velo::nn
