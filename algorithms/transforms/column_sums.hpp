// algorithms/transforms/column_sums.hpp
//
// Sums over the rows of what a layer saw. Rows are added in double, in groups of 256 and then group by group: bits do
// not depend on the number of threads.
#pragma once

#include "harness/device/tensor.hpp"

namespace velo {

class ColumnSums {
 public:
  enum class Of { values, squares };

  /// Per column of x [rows, columns], on the device; valid until the next call.
  const double* operator()(const Tensor& x, Of what);

 private:
  Kokkos::View<double*, MemorySpace> partial_;  ///< [groups, columns]
  Kokkos::View<double*, MemorySpace> sums_;     ///< [columns]
};

}  // namespace velo
