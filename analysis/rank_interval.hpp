// analysis/rank_interval.hpp
//
// Distribution-free intervals that put up with infinite values: exact at any size, since the null distributions of the
// statistics are computed, not approximated.
//
//   median        theta is the median, nothing else is assumed. Limits are the k-th smallest and k-th largest value, k
//                 from the sign test (Thompson, 1936; Conover, 1999)
//   one sample    theta is the centre of a symmetric distribution. Walsh averages (x_i + x_j)/2, i <= j; limits are the
//                 k-th smallest and k-th largest, k from the signed-rank statistic (Tukey, 1949)
//   two samples   theta is the shift of b against a. Differences b_j - a_i; k from the rank-sum statistic (Moses, 1965)
//
// The last two: Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 3rd ed., 2014. The
// estimate is the median of the averages or differences (Hodges and Lehmann, 1963).
// Coverage is at least the level (above it by what the discreteness of the statistic leaves); where not even the
// extreme order statistics cover that often, the limits are infinite. With equal values coverage only grows.
#pragma once

#include <cstddef>
#include <vector>

#include "analysis/bootstrap.hpp"

namespace velo::analysis {

struct RankInterval {
  double estimate = 0;
  Interval interval;
};

/// `values` must not be empty and have no NaN, nor infinities of both signs. O(n^2 log n) time, O(n^2) memory.
[[nodiscard]] RankInterval signed_rank_interval(const std::vector<double>& values, double level);

/// Of b - a. Neither may be empty; an infinity counts as different from any other value. O(m^2 n^2) time.
[[nodiscard]] RankInterval rank_sum_interval(const std::vector<double>& a, const std::vector<double>& b, double level);

/// What the sign test says about the median of `values`, each known only to lie in [low, high]: the lower limit comes
/// from the least possible values, the upper from the greatest. `coverage` is 1 - 2 P(Binomial(n, 1/2) <= k - 1), 0
/// where the limits are infinite. `values` must not be empty.
struct SignInterval {
  Interval estimate;
  Interval interval;
  double coverage = 0;
};
[[nodiscard]] SignInterval sign_interval(const std::vector<Interval>& values, double level);

/// Largest k >= 0 such that the k-th smallest and k-th largest of n values, of their Walsh averages, or of the m n
/// differences, cover at the level; 0: none does.
[[nodiscard]] std::size_t sign_depth(std::size_t n, double level);
[[nodiscard]] std::size_t signed_rank_depth(std::size_t n, double level);
[[nodiscard]] std::size_t rank_sum_depth(std::size_t m, std::size_t n, double level);

}  // namespace velo::analysis
