// analysis/gate/change_points.hpp
//
// Where a series of measurements changed, and by how much: E-divisive (Matteson and James, J. Am. Stat. Assoc. 109:334,
// 2014, sections 2 and 3, exponent 1), as in the performance gates of MongoDB (Daly et al., ICPE 2020).
//
//   energy    of a segment cut after its first m of m + n values:
//               E = 2/(m n) sum |x_i - y_j| - 2/(m (m-1)) sum_{i<k} |x_i - x_k| - 2/(n (n-1)) sum_{j<l} |y_j - y_l|
//   split     the cut with the largest Q = m n / (m + n) E; each side keeps at least `least` values
//   test      permutation: the values of every segment are shuffled within it, 499 times, and the largest Q of the whole
//             is taken; p = (1 + number at least as large) / 500 (equation 10); from the counter-based generator, so that
//             the same series has the same answer
//   go on     with the segments, until a p exceeds alpha
//
// It assumes no distribution and no known variance, and sees changes of location and of spread. Under no change the first
// test rejects with probability <= alpha. Differs from the paper: the shift that is reported is that of medians.
#pragma once

#include <cstddef>
#include <vector>

namespace velo::analysis {

struct ChangePoint {
  std::size_t at = 0;            ///< index of the first value after the change
  double before = 0, after = 0;  ///< medians of the segments on either side
  double p_value = 1;
};

struct ChangePointOptions {
  double alpha = 0.05;
  std::size_t least = 3;  ///< values in a segment, at least 2
};

/// In the order of the series. Fewer than 2 `least` values have none. NaN is refused: Error.
[[nodiscard]] std::vector<ChangePoint> change_points(const std::vector<double>& values,
                                                     const ChangePointOptions& options = {});

}  // namespace velo::analysis
