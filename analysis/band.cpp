#include "analysis/band.hpp"

#include <algorithm>
#include <cmath>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

void check(const std::vector<std::vector<double>>& curves, double level) {
  if (!(level > 0 && level < 1)) throw Error(cat("a level lies between 0 and 1, not at ", level));
  if (curves.empty()) throw Error("a band needs at least one resampled curve");
  for (const auto& curve : curves) {
    if (curve.size() != curves.front().size()) {
      throw Error(cat("resampled curves have ", curves.front().size(), " and ", curve.size(), " places, not the same"));
    }
  }
}

/// Depth of each distinct value: the smaller of the numbers of draws at or below and at or above it.
struct Depths {
  std::vector<double> values;
  std::vector<std::size_t> depths;

  explicit Depths(const std::vector<double>& sorted) {
    for (std::size_t first = 0, next; first < sorted.size(); first = next) {
      for (next = first + 1; next < sorted.size() && sorted[next] == sorted[first];) ++next;
      values.push_back(sorted[first]);
      depths.push_back(std::min(next, sorted.size() - first));
    }
  }
  [[nodiscard]] std::size_t of(double value) const {
    return depths[static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin())];
  }
};

}  // namespace

Bands bands(const std::vector<std::vector<double>>& curves, double level) {
  check(curves, level);
  const std::size_t count = curves.size(), places = curves.front().size();
  Bands out;
  std::vector<std::size_t> depths(count, count);
  std::vector<double> draws(count);
  for (std::size_t i = 0; i < places; ++i) {
    const auto unchanged = [i](const std::vector<double>& curve) { return i > 0 && curve[i] == curve[i - 1]; };
    if (std::all_of(curves.begin(), curves.end(), unchanged)) {  // profiles are steps: most places tell nothing new
      out.pointwise.push_back(out.pointwise.back());
      continue;
    }
    for (std::size_t b = 0; b < count; ++b) draws[b] = curves[b][i];
    std::sort(draws.begin(), draws.end());
    out.pointwise.push_back(interval_of_sorted(draws, level));
    const Depths here(draws);
    for (std::size_t b = 0; b < count; ++b) depths[b] = std::min(depths[b], here.of(curves[b][i]));
  }
  // The depth that as many curves as make up the level have at least.
  std::vector<std::size_t> deepest = depths;
  const auto kept = static_cast<std::size_t>(std::ceil(level * static_cast<double>(count) * (1 - 1e-12)));
  std::nth_element(deepest.begin(), deepest.begin() + static_cast<std::ptrdiff_t>(kept - 1), deepest.end(),
                   std::greater<>());
  const std::size_t least = deepest[kept - 1];
  for (std::size_t i = 0; i < places; ++i) {
    Interval envelope = out.pointwise[i];
    for (std::size_t b = 0; b < count; ++b) {
      if (depths[b] < least) continue;
      envelope.low = std::min(envelope.low, curves[b][i]);
      envelope.high = std::max(envelope.high, curves[b][i]);
    }
    out.simultaneous.push_back(envelope);
  }
  return out;
}

}  // namespace velo::analysis
