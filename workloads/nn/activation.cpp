#include "workloads/nn/activation.hpp"

#include <array>
#include <stdexcept>

#include "results/text.hpp"
#include "workloads/nn/activation_functions.hpp"
#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

using functions::with_function;

constexpr std::array<std::string_view, 7> activation_names = {"none", "relu",    "gelu", "gelu_tanh",
                                                              "tanh", "sigmoid", "silu"};

template <typename Function>
struct Forward {
  Function f;
  const Scalar* x;
  Scalar* y;
  KOKKOS_INLINE_FUNCTION void operator()(Index i) const { y[i] = f.value(x[i]); }
};

template <typename Function>
struct Backward {
  Function f;
  const Scalar* kept;
  Scalar* gradient;
  KOKKOS_INLINE_FUNCTION void operator()(Index i) const { gradient[i] = f.back(gradient[i], kept[i]); }
};

template <typename Function>
struct BackwardAndSum {
  Function f;
  const Scalar* kept;
  Scalar* gradient;
  Scalar* sums;
  Index rows, columns;
  KOKKOS_INLINE_FUNCTION void operator()(Index block) const {
    const Index first = block * column_block;
    const Index width = columns - first < column_block ? columns - first : column_block;
    Scalar sum[column_block];
    for (Index j = 0; j < column_block; ++j) sum[j] = 0;
    if (width == column_block)
      add_rows(first, column_block, sum);
    else
      add_rows(first, width, sum);
    for (Index j = 0; j < width; ++j) sums[first + j] = sum[j];
  }
  KOKKOS_FORCEINLINE_FUNCTION void add_rows(Index first, Index width, Scalar* sum) const {
    for (Index i = 0; i < rows; ++i) {
      const Index at = i * columns + first;
      elementwise::run(
          [&](Index j) {
            const Scalar g = f.back(gradient[at + j], kept[at + j]);
            gradient[at + j] = g;
            sum[j] += g;
          },
          0, width);
    }
  }
};

/// The sum alone: nothing to change.
struct ColumnSum {
  const Scalar* gradient;
  Scalar* sums;
  Index rows, columns;
  KOKKOS_INLINE_FUNCTION void operator()(Index block) const {
    const Index first = block * column_block;
    const Index width = columns - first < column_block ? columns - first : column_block;
    Scalar sum[column_block];
    for (Index j = 0; j < column_block; ++j) sum[j] = 0;
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < width; ++j) sum[j] += gradient[i * columns + first + j];
    for (Index j = 0; j < width; ++j) sums[first + j] = sum[j];
  }
};

}  // namespace

Activation activation(std::string_view name) {
  for (std::size_t i = 0; i < activation_names.size(); ++i)
    if (activation_names[i] == name) return static_cast<Activation>(i);
  throw std::logic_error(cat("no activation is called '", name, "'"));
}

void apply(Activation f, const Scalar* x, Scalar* y, Index size) {
  if (f == Activation::none && x == y) return;
  with_function(f, [&]<typename Function>(Function function) {
    for_each("velo::nn::activation", size, Forward<Function>{function, x, y});
  });
}

void apply_backward(Activation f, const Scalar* kept, Scalar* gradient, Index size) {
  if (f == Activation::none) return;
  with_function(f, [&]<typename Function>(Function function) {
    for_each("velo::nn::activation_backward", size, Backward<Function>{function, kept, gradient});
  });
}

void apply_backward_and_sum(Activation f, const Scalar* kept, Scalar* gradient, Scalar* column_sums, Index rows,
                            Index columns) {
  const Index blocks = (columns + column_block - 1) / column_block;
  if (f == Activation::none) {
    for_each_task("velo::nn::column_sums", blocks, rows * columns, ColumnSum{gradient, column_sums, rows, columns});
    return;
  }
  with_function(f, [&]<typename Function>(Function function) {
    for_each_task("velo::nn::activation_backward_and_sum", blocks, rows * columns,
                  BackwardAndSum<Function>{function, kept, gradient, column_sums, rows, columns});
  });
}

Value activate(Tape& tape, Activation f, Value x) {
  const Tensor in = tape[x];
  tape.operation("activation", {}, [&] {
    return OperationCosts{elementwise_cost(in.size(), 1, 2), elementwise_cost(in.size(), 2, 3)};
  });
  const Value y = tape.output(in.shape, tape.differentiable(x));
  apply(f, in.data, tape[y].data, in.size());
  if (tape.differentiable(x))
    tape.record([&tape, f, x, y] {
      const Tensor dy = tape.gradient(y);
      if (!dy) return;
      apply_backward(f, tape[derivative_from_output(f) ? y : x].data, dy.data, dy.size());
      tape.pass_gradient(y, x);
    });
  return y;
}

}  // namespace velo::nn
