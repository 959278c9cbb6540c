#include "algorithms/transforms/column_sums.hpp"

#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

constexpr Index group_rows = 256;

void group_pass(const Tensor& x, Index groups, bool squares, double* partial) {
  const Scalar* values = x.data;
  const Index rows = x.shape[0], columns = x.shape[1];
  for_each(
      "velo::column_sums_groups", groups * columns, KOKKOS_LAMBDA(const Index i) {
        const Index first = i / columns * group_rows, column = i % columns;
        const Index last = first + group_rows < rows ? first + group_rows : rows;
        double sum = 0.0;
        for (Index row = first; row < last; ++row) {
          const auto value = static_cast<double>(values[row * columns + column]);
          sum += squares ? value * value : value;
        }
        partial[i] = sum;
      });
}

void join_pass(Index columns, Index groups, const double* partial, double* sums) {
  for_each(
      "velo::column_sums", columns, KOKKOS_LAMBDA(const Index column) {
        double sum = 0.0;
        for (Index g = 0; g < groups; ++g) sum += partial[g * columns + column];
        sums[column] = sum;
      });
}

void reserve(Kokkos::View<double*, MemorySpace>& view, Index size) {
  if (static_cast<Index>(view.extent(0)) < size)
    view = Kokkos::View<double*, MemorySpace>("column_sums", static_cast<std::size_t>(size));
}

}  // namespace

const double* ColumnSums::operator()(const Tensor& x, Of what) {
  const Index columns = x.shape[1], groups = (x.shape[0] + group_rows - 1) / group_rows;
  reserve(partial_, groups * columns);
  reserve(sums_, columns);
  group_pass(x, groups, what == Of::squares, partial_.data());
  join_pass(columns, groups, partial_.data(), sums_.data());
  return sums_.data();
}

}  // namespace velo
