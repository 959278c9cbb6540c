// algorithms/transforms/conflict_free_direction.hpp
//
// The direction that agrees equally with the gradients g_1 ... g_m of several losses (ConFIG):
//   U = rows g_k / |g_k|,   u = U^+ 1 / |U^+ 1|,   direction = (sum_k g_k' u) u
// Where the rows are independent U u is constant: u has the same positive cosine with every gradient, so no loss rises,
// and the length is that of all gradients' parts along it together.
// Paper: Liu, Chu, Thuerey, ICLR 2025, arXiv:2408.11104, equations 2 to 4. Agrees with tum-pbs/ConFIG: equal weights,
// projection length; a zero gradient has no say.
//
// All of it happens in the m x m matrix K of cosines, in double: with w = K^+ 1 and n^2 = w' K w,
//   u = sum_k w_k g_k / (|g_k| n),   direction = sum_k c_k g_k,   c_k = w_k / |g_k| sum_j |g_j| (K w)_j / n^2
// Singular values of U below 2^-20 of the largest count as zero (K's below 2^-40): gradients are known to 2^-24. With
// two opposite gradients U^+ 1 = 0, and there is no direction: all c_k are 0.
#pragma once

#include <span>
#include <vector>

#include "harness/device/reduce.hpp"

namespace velo {

class ConflictFreeDirection {
 public:
  /// c_1 ... c_m for the vectors scale_k g_k, so that direction = sum_k c_k g_k. Where a norm is infinite or no number
  /// c_k = scale_k: what is not finite shall be seen. The result stays valid until the next call.
  std::span<const double> coefficients(std::span<const Vector> gradients, std::span<const double> scales);

 private:
  std::vector<double> norms_, cosines_, values_, vectors_, weights_, coefficients_;
  std::vector<Index> active_;
  Reduction reduction_;
};

/// out = sum_k c_k g_k
void combine(std::span<const Vector> gradients, std::span<const double> coefficients, const Vector& out);

}  // namespace velo
