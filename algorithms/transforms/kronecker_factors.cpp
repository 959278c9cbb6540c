#include "algorithms/transforms/kronecker_factors.hpp"

#include <algorithm>

#include "harness/device/elementwise.hpp"
#include "harness/device/linear_algebra.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/runtime.hpp"

namespace velo {

namespace {

/// The row and the column of A that belong to the input 1.
void border_pass(Index side, double keep, double add, double rows, const double* sums, Scalar* a) {
  const Index last = side - 1;
  for_each(
      "velo::kronecker_border", side, KOKKOS_LAMBDA(const Index i) {
        const double fresh = add * (i < last ? sums[i] : rows);
        const double old = keep == 0.0 ? 0.0 : keep * static_cast<double>(a[last * side + i]);
        const auto value = static_cast<Scalar>(old + fresh);
        a[last * side + i] = value;
        a[i * side + last] = value;
      });
}

void join_pass(Index rows, Index columns, Index side, const Scalar* weight, const Scalar* bias, Scalar* matrix) {
  for_each(
      "velo::kronecker_join", rows * side, KOKKOS_LAMBDA(const Index i) {
        const Index row = i / side, column = i % side;
        matrix[i] = column < columns ? weight[row * columns + column] : bias[row];
      });
}

void split_pass(Index rows, Index columns, Index side, const Scalar* matrix, Scalar* weight, Scalar* bias) {
  for_each(
      "velo::kronecker_split", rows * side, KOKKOS_LAMBDA(const Index i) {
        const Index row = i / side, column = i % side;
        if (column < columns)
          weight[row * columns + column] = matrix[i];
        else
          bias[row] = matrix[i];
      });
}

}  // namespace

void KroneckerFactors::operator()(const LayerTable::Layer& layer, const LayerRecord& record, double keep, double add,
                                  Scalar* a, Scalar* g) {
  const LibraryThreads one(1);
  const Index rows = record.inputs.shape[0], side = layer.side();
  const auto examples = static_cast<double>(record.examples), positions = static_cast<double>(rows);
  multiply({.rows = layer.columns,
            .columns = layer.columns,
            .inner = rows,
            .transpose_a = true,
            .alpha = add / examples,
            .beta = keep,
            .stride_c = side},
           record.inputs.data, record.inputs.data, a);
  if (layer.has_bias())
    border_pass(side, keep, add / examples, positions, sums_(record.inputs, ColumnSums::Of::values), a);
  multiply({.rows = layer.rows,
            .columns = layer.rows,
            .inner = rows,
            .transpose_a = true,
            .alpha = add * examples * examples / positions,
            .beta = keep},
           record.output_gradients.data, record.output_gradients.data, g);
}

void LayerPreconditioner::reserve(const LayerTable& table) {
  Index largest = 0;
  for (const LayerTable::Layer& layer : table.layers()) largest = std::max(largest, layer.rows * layer.largest_side());
  for (Vector* work : {&joined_, &half_, &product_}) *work = zeros("layer_preconditioner", largest);
}

void LayerPreconditioner::operator()(const LayerTable::Layer& layer, const Vector& left, const Vector& right,
                                     const Vector& gradient, const Vector& direction) const {
  const Index rows = layer.rows, columns = layer.columns, side = layer.side();
  const Scalar* from = gradient.data();
  Scalar* to = direction.data();
  join_pass(rows, columns, side, from + layer.offset, from + layer.bias_offset, joined_.data());
  multiply({.rows = rows, .columns = side, .inner = rows}, left.data(), joined_.data(), half_.data());
  multiply({.rows = rows, .columns = side, .inner = side}, half_.data(), right.data(), product_.data());
  split_pass(rows, columns, side, product_.data(), to + layer.offset, to + layer.bias_offset);
}

ParameterSpec fisher_parameter() {
  return choice("fisher", "sampled", {"sampled", "empirical"},
                "labels drawn from the model's predictions, or the batch's");
}

void ask_with_layers(Oracle& oracle, Fisher kind, bool due, LayerVisitor& visitor, const Vector& gradient,
                     const Vector& spare) {
  oracle.gradient(gradient, {.layers = due && kind == Fisher::empirical ? &visitor : nullptr});
  if (due && kind == Fisher::sampled)
    oracle.gradient(spare, {.model_state = ModelStateUse::discard, .layers = &visitor, .sampled_labels = true});
}

}  // namespace velo
