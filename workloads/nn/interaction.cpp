#include "workloads/nn/interaction.hpp"

#include <stdexcept>

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

/// One example's vectors: the dense one, then the embeddings.
struct Stack {
  Scalar* dense;
  Scalar* embeddings;
  Index features, width;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scalar* at(Index row, Index vector) const {
    return vector == 0 ? dense + row * width : embeddings + (row * features + vector - 1) * width;
  }
};

struct Interact {
  Stack x;
  Scalar* y;
  Index columns;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    Scalar* out = y + row * columns;
    const Scalar* dense = x.at(row, 0);
    for (Index c = 0; c < x.width; ++c) *out++ = dense[c];
    for (Index a = 0; a <= x.features; ++a)
      for (Index b = a; b <= x.features; ++b) *out++ = dot(x.at(row, a), x.at(row, b));
  }
  /// In eight partial sums, which vectorise.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scalar dot(const Scalar* a, const Scalar* b) const {
    Scalar sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    Index c = 0;
    for (; c + 8 <= x.width; c += 8)
      for (Index lane = 0; lane < 8; ++lane) sum[lane] += a[c + lane] * b[c + lane];
    for (; c < x.width; ++c) sum[c % 8] += a[c] * b[c];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
  }
};

struct InteractBackward {
  Stack x, dx;
  const Scalar* dy;
  Index columns;

  KOKKOS_INLINE_FUNCTION void operator()(Index row) const {
    const Scalar* g = dy + row * columns;
    Scalar* dense = dx.at(row, 0);
    Scalar* embeddings = dx.at(row, 1);
    for (Index c = 0; c < x.width; ++c) dense[c] = *g++;
    for (Index c = 0; c < x.width * x.features; ++c) embeddings[c] = 0;
    for (Index a = 0; a <= x.features; ++a)
      for (Index b = a; b <= x.features; ++b, ++g) {
        add(*g, x.at(row, b), dx.at(row, a));
        add(*g, x.at(row, a), dx.at(row, b));
      }
  }
  KOKKOS_INLINE_FUNCTION void add(Scalar factor, const Scalar* from, Scalar* to) const {
    elementwise::run([=](Index c) { to[c] += factor * from[c]; }, 0, x.width);
  }
};

}  // namespace

Value dot_interaction(Tape& tape, Value dense, Value embeddings) {
  const Tensor d = tape[dense], e = tape[embeddings];
  if (d.shape.rank != 2 || e.shape.rank != 3 || e.shape[0] != d.shape[0] || e.shape[2] != d.shape[1])
    throw std::logic_error("dense features and embeddings that interact have one number of rows and one width");
  const Index rows = d.shape[0], width = d.shape[1], features = e.shape[1];
  const Index columns = width + (features + 1) * (features + 2) / 2;
  const Index work = rows * (features + 1) * (features + 2) / 2 * width;
  tape.operation("interaction", {}, [&] {
    const Index ins = d.size() + e.size(), outs = rows * columns;
    return OperationCosts{elementwise_cost(work, 2, 0) + elementwise_cost(ins + outs, 0, 1),
                          elementwise_cost(work, 4, 0) + elementwise_cost(2 * ins + outs, 0, 1)};
  });
  const Value y = tape.output({rows, columns});
  const Stack x{d.data, e.data, features, width};
  for_each_task("velo::nn::dot_interaction", rows, work, Interact{x, tape[y].data, columns});
  tape.record([&tape, dense, embeddings, y, x, rows, columns, work] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    const Stack dx{tape.gradient_target(dense).data, tape.gradient_target(embeddings).data, x.features, x.width};
    for_each_task("velo::nn::dot_interaction_backward", rows, 2 * work, InteractBackward{x, dx, dy.data, columns});
  });
  return y;
}

}  // namespace velo::nn
