#include "analysis/report/thin.hpp"

#include <algorithm>
#include <cmath>

namespace velo::analysis {

namespace {

/// How far value `i` lies from the line between `first` and `last`, at the clock where it lies farthest.
double distance(const Curve& curve, std::size_t first, std::size_t last, std::size_t i) {
  double most = 0;
  for (const Clock clock : {Clock::example_gradients, Clock::steps, Clock::seconds}) {
    const auto& work = curve.work(clock);
    const double span = work[last] - work[first];
    if (!(span > 0)) continue;
    const double share = (work[i] - work[first]) / span;
    const double line = curve.metric[first] + share * (curve.metric[last] - curve.metric[first]);
    most = std::max(most, std::abs(curve.metric[i] - line));
  }
  return most;
}

std::vector<bool> landmarks(const Curve& curve, std::optional<std::size_t> hit) {
  const std::size_t n = curve.metric.size();
  std::vector<bool> keep(n);
  keep.front() = keep.back() = true;
  if (hit && *hit < n) {
    keep[*hit] = true;
    if (*hit > 0) keep[*hit - 1] = true;
  }
  std::optional<std::size_t> least, most;
  for (std::size_t i = 0; i < n; ++i) {
    const bool finite = std::isfinite(curve.metric[i]);
    if (i > 0 && finite != std::isfinite(curve.metric[i - 1])) keep[i] = keep[i - 1] = true;
    if (!finite) continue;
    if (!least || curve.metric[i] < curve.metric[*least]) least = i;
    if (!most || curve.metric[i] > curve.metric[*most]) most = i;
  }
  if (least) keep[*least] = keep[*most] = true;
  return keep;
}

}  // namespace

std::vector<std::size_t> thinned(const Curve& curve, double tolerance, std::optional<std::size_t> hit) {
  std::vector<std::size_t> kept;
  if (curve.metric.empty()) return kept;
  const auto keep = landmarks(curve, hit);
  std::vector<std::size_t> ends;  // of the pieces still to be looked at, the next one last
  for (std::size_t i = keep.size(); i-- > 0;) {
    if (keep[i]) ends.push_back(i);
  }
  kept.push_back(ends.back());
  ends.pop_back();
  while (!ends.empty()) {
    const std::size_t first = kept.back(), last = ends.back();
    std::size_t farthest = first;
    double most = tolerance;
    if (std::isfinite(curve.metric[first]) && std::isfinite(curve.metric[last])) {
      for (std::size_t i = first + 1; i < last; ++i) {
        const double off = distance(curve, first, last, i);
        if (off > most) {
          most = off;
          farthest = i;
        }
      }
    }
    if (farthest != first) {
      ends.push_back(farthest);
    } else {
      kept.push_back(last);
      ends.pop_back();
    }
  }
  return kept;
}

}  // namespace velo::analysis
