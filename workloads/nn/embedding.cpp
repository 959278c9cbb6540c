#include "workloads/nn/embedding.hpp"

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

struct Scatter {
  const std::int32_t* indices;
  const Scalar* dy;
  Scalar* table;
  Index count, entries, width;

  /// One task per block of columns: no two tasks touch the same number, and each adds in order.
  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Index first = task * column_block;
    const Index last = first + column_block < width ? first + column_block : width;
    for (Index e = 0; e < entries; ++e)
      for (Index c = first; c < last; ++c) table[e * width + c] = 0;
    for (Index i = 0; i < count; ++i)
      for (Index c = first; c < last; ++c) table[indices[i] * width + c] += dy[i * width + c];
  }
};

}  // namespace

Embedding::Embedding(ParameterLayout& layout, const std::string& name, Index entries, Index width, double deviation)
    : entries_(entries), width_(width) {
  table_ = layout.add(
      {name + "/table", ParameterKind::embedding, {entries, width}, entries, width, Initialiser::normal(deviation)});
}

Value Embedding::operator()(Tape& tape, const std::int32_t* indices, Index count) const {
  tape.operation("embedding", table_, [&] {
    return OperationCosts{elementwise_cost(count * width_, 0, 2),
                          elementwise_cost(count * width_, 1, 1) + elementwise_cost(entries_ * width_, 0, 1)};
  });
  const Value y = tape.output({count, width_});
  const Scalar* table = tape.parameter(table_);
  Scalar* out = tape[y].data;
  const Index width = width_;
  for_each_task(
      "velo::nn::embedding", count, count * width, KOKKOS_LAMBDA(const Index i) {
        const Scalar* row = table + indices[i] * width;
        for (Index c = 0; c < width; ++c) out[i * width + c] = row[c];
      });
  tape.record([this, &tape, indices, count, y] {
    const Tensor dy = tape.gradient(y);
    if (!dy) return;
    for_each_task("velo::nn::embedding_backward", (width_ + column_block - 1) / column_block,
                  dy.size() + entries_ * width_,
                  Scatter{indices, dy.data, tape.parameter_gradient(table_), count, entries_, width_});
  });
  return y;
}

const Embedding::Products& Embedding::products(Index rows) const {
  return products_.find(rows, [&] {
    return Products{
        Product({.rows = rows, .columns = entries_, .inner = width_, .transpose_b = true}),
        Product({.rows = entries_, .columns = width_, .inner = rows, .transpose_a = true}),
        Product({.rows = rows, .columns = width_, .inner = entries_}),
    };
  });
}

Value Embedding::scores(Tape& tape, Value x) const {
  const Tensor in = tape[x];
  const Index rows = in.size() / width_;
  tape.operation("scores", table_, [&] { return linear_costs(rows, width_, entries_, tape.differentiable(x)); });
  const Value z = tape.output({rows, entries_});
  products(rows).forward(in.data, tape.parameter(table_), tape[z].data);
  tape.record([this, &tape, x, z, rows] {
    const Tensor dz = tape.gradient(z);
    if (!dz) return;
    const Products& p = products(rows);
    p.table_gradient(dz.data, tape[x].data, tape.parameter_gradient(table_));
    if (tape.differentiable(x)) p.input_gradient(dz.data, tape.parameter(table_), tape.gradient_target(x).data);
  });
  return z;
}

}  // namespace velo::nn
