// analysis/band.hpp
//
// Bands around a curve from resampled curves.
//
//   pointwise      at each place the percentile interval of the draws: each place is covered at the level by itself
//   simultaneous   the whole curve lies inside at the level. The depth of a resampled curve is the least, over all places,
//                  of the share of curves at or above it and the share at or below it; the band is the envelope of the
//                  deepest curves, as many as make up the level. It is the percentile band that is widened by the same
//                  share at every place until it holds whole curves (Beran, 1988, on balanced confidence sets; in the rank form of Mandel
//                  and Betensky, Comput. Stat. Data Anal. 52:2158, 2008), and never narrower than the pointwise one.
//
// The level is reached among the resampled curves exactly (ties may take more of them in); that the truth is covered as
// often is the usual promise of the bootstrap, for large samples. With n studies see attainable_coverage().
#pragma once

#include <vector>

#include "analysis/bootstrap.hpp"

namespace velo::analysis {

struct Bands {
  std::vector<Interval> pointwise, simultaneous;  ///< one per place
};

/// `curves[b][i]`: resampled curve b at place i; at least one curve, all of the same length, no NaN. Throws Error else.
/// O(places x curves x log curves).
[[nodiscard]] Bands bands(const std::vector<std::vector<double>>& curves, double level);

}  // namespace velo::analysis
