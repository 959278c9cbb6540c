// workloads/nn/row_sums.hpp
//
// Sums and maxima over a row inside a kernel. A compiler may not reorder additions, so a plain loop adds one number per
// latency of an addition; these keep sixteen sums and join them in a fixed order, with the same bits everywhere.
#pragma once

#include "harness/device/tensor.hpp"

namespace velo::nn {

inline constexpr Index row_lanes = 16;

/// function(0) + ... + function(n - 1); in order where n < 16.
template <typename Function>
KOKKOS_FORCEINLINE_FUNCTION Scalar row_sum(Index n, const Function& function) {
  Scalar sum = 0;
  Index i = 0;
  if (n >= row_lanes) {
    Scalar lane[row_lanes] = {};
    for (; i + row_lanes <= n; i += row_lanes)
      for (Index l = 0; l < row_lanes; ++l) lane[l] += function(i + l);
    for (Index distance = row_lanes / 2; distance > 0; distance /= 2)
      for (Index l = 0; l < distance; ++l) lane[l] += lane[l + distance];
    sum = lane[0];
  }
  for (; i < n; ++i) sum += function(i);
  return sum;
}

/// Largest of function(0) ... function(n - 1), n >= 1.
template <typename Function>
KOKKOS_FORCEINLINE_FUNCTION Scalar row_max(Index n, const Function& function) {
  Scalar largest = function(0);
  Index i = 0;
  if (n >= row_lanes) {
    Scalar lane[row_lanes];
    for (Index l = 0; l < row_lanes; ++l) lane[l] = function(l);
    for (i = row_lanes; i + row_lanes <= n; i += row_lanes)
      for (Index l = 0; l < row_lanes; ++l) {
        const Scalar value = function(i + l);
        lane[l] = value > lane[l] ? value : lane[l];
      }
    for (Index l = 0; l < row_lanes; ++l) largest = lane[l] > largest ? lane[l] : largest;
  }
  for (; i < n; ++i) {
    const Scalar value = function(i);
    largest = value > largest ? value : largest;
  }
  return largest;
}

}  // namespace velo::nn
