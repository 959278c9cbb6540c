#include "workloads/nn/gated_linear.hpp"

#include "workloads/nn/activation_functions.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

/// Rows that one task takes.
constexpr Index row_block = device_is_host ? 8 : 1;

template <typename Function>
struct GateForward {
  Function f;
  const Scalar* x;
  Scalar* y;
  Index rows, hidden;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    for (Index row = task * row_block; row < rows && row < (task + 1) * row_block; ++row) {
      const Scalar* u = x + row * 2 * hidden;
      const Scalar* v = u + hidden;
      Scalar* to = y + row * hidden;
      elementwise::run([&](Index i) { to[i] = u[i] * f.value(v[i]); }, 0, hidden);
    }
  }
};

template <typename Function, bool from_output>
struct GateBackward {
  Function f;
  const Scalar *x, *dy;
  Scalar* dx;
  Index rows, hidden;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    for (Index row = task * row_block; row < rows && row < (task + 1) * row_block; ++row) {
      const Scalar* u = x + row * 2 * hidden;
      const Scalar* v = u + hidden;
      const Scalar* g = dy + row * hidden;
      Scalar* du = dx + row * 2 * hidden;
      Scalar* dv = du + hidden;
      elementwise::run(
          [&](Index i) {
            const Scalar value = f.value(v[i]);
            du[i] = g[i] * value;
            dv[i] = f.back(g[i] * u[i], from_output ? value : v[i]);
          },
          0, hidden);
    }
  }
};

template <typename Task>
void run_backward(const Task& task) {
  for_each_task("velo::nn::gate_backward", (task.rows + row_block - 1) / row_block, task.rows * 2 * task.hidden, task);
}

}  // namespace

Value gate(Tape& tape, Activation f, Value x) {
  const Tensor in = tape[x];
  const Index rows = in.shape[0], hidden = in.shape[1] / 2;
  tape.operation("gate", {}, [&] {
    return OperationCosts{elementwise_cost(rows * hidden, 2, 3), elementwise_cost(rows * hidden, 5, 5)};
  });
  const Value y = tape.output({rows, hidden}, tape.differentiable(x));
  functions::with_function(f, [&]<typename Function>(Function function) {
    for_each_task("velo::nn::gate", (rows + row_block - 1) / row_block, in.size(),
                  GateForward<Function>{function, in.data, tape[y].data, rows, hidden});
  });
  if (tape.differentiable(x))
    tape.record([&tape, f, x, y, rows, hidden] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      const Tensor dx = tape.gradient_target(x);
      functions::with_function(f, [&]<typename Function>(Function function) {
        if (derivative_from_output(f))
          run_backward(GateBackward<Function, true>{function, tape[x].data, dy.data, dx.data, rows, hidden});
        else
          run_backward(GateBackward<Function, false>{function, tape[x].data, dy.data, dx.data, rows, hidden});
      });
    });
  return y;
}

GatedLinear::GatedLinear(ParameterLayout& layout, const std::string& name, Index width, Index hidden, Activation f,
                         Initialiser in_start, Initialiser out_start)
    : activation_(f),
      in_(layout, name + "/in", width, 2 * hidden, {.bias = false, .weight_start = in_start}),
      out_(layout, name + "/out", hidden, width, {.bias = false, .weight_start = out_start}) {}

Value GatedLinear::operator()(Tape& tape, Value x) const { return out_(tape, gate(tape, activation_, in_(tape, x))); }

}  // namespace velo::nn
