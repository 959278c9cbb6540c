// analysis/report/thin.hpp
//
// Curves with fewer points that are drawn the same.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "analysis/report/data.hpp"

namespace velo::analysis {

/// Positions of the evaluations to keep, in order: the first and last, the best and worst, the one at `hit` that met the
/// target and the one before it, the ends of each run of values that are not finite, and as many others as it takes for
/// every dropped value to lie within `tolerance` of the straight line between its kept neighbours, whichever clock is the
/// axis (Ramer, Comput. Graph. Image Process. 1:244, 1972; Douglas and Peucker, Cartographica 10:112, 1973; with vertical
/// distance, since axes have no common unit).
[[nodiscard]] std::vector<std::size_t> thinned(const Curve& curve, double tolerance, std::optional<std::size_t> hit);

}  // namespace velo::analysis
