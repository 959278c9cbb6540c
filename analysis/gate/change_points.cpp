#include "analysis/gate/change_points.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/score.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr std::uint64_t permutation_seed = 0xed1;
constexpr int permutations = 499;

struct Cut {
  std::size_t at = 0;  ///< first value after it; 0: none
  double q = -1;
};

/// The best cut of [begin, end). Moving one value from right to left changes the three sums by its distances to both
/// sides: O(n^2) for all cuts together.
Cut best_cut(const std::vector<double>& x, std::size_t begin, std::size_t end, std::size_t least) {
  Cut best;
  double left = 0, right = 0, across = 0;
  for (std::size_t i = begin; i < end; ++i)
    for (std::size_t j = i + 1; j < end; ++j) right += std::abs(x[i] - x[j]);
  for (std::size_t cut = begin + 1; cut < end; ++cut) {
    const double moved = x[cut - 1];
    double to_left = 0, to_right = 0;
    for (std::size_t i = begin; i < cut - 1; ++i) to_left += std::abs(x[i] - moved);
    for (std::size_t j = cut; j < end; ++j) to_right += std::abs(moved - x[j]);
    left += to_left;
    right -= to_right;
    across += to_right - to_left;
    const auto m = static_cast<double>(cut - begin), n = static_cast<double>(end - cut);
    if (cut - begin < least || end - cut < least) continue;
    const double energy = 2 / (m * n) * across - 2 / (m * (m - 1)) * left - 2 / (n * (n - 1)) * right;
    const double q = m * n / (m + n) * energy;
    if (q > best.q) best = {cut, q};
  }
  return best;
}

Cut best_of_all(const std::vector<double>& x, const std::vector<std::size_t>& bounds, std::size_t least) {
  Cut best;
  for (std::size_t s = 0; s + 1 < bounds.size(); ++s) {
    const Cut cut = best_cut(x, bounds[s], bounds[s + 1], least);
    if (cut.at > 0 && cut.q > best.q) best = cut;
  }
  return best;
}

double permutation_p(const std::vector<double>& x, const std::vector<std::size_t>& bounds, const Cut& found,
                     std::size_t least) {
  int as_large = 0;
  for (int round = 0; round < permutations; ++round) {
    CounterStream stream(permutation_seed, static_cast<std::uint64_t>(round) << 16 | bounds.size());
    std::vector<double> shuffled = x;
    for (std::size_t s = 0; s + 1 < bounds.size(); ++s)
      for (std::size_t i = bounds[s + 1] - 1; i > bounds[s]; --i)
        std::swap(shuffled[i], shuffled[bounds[s] + stream.below(static_cast<std::uint32_t>(i - bounds[s] + 1))]);
    as_large += best_of_all(shuffled, bounds, least).q >= found.q ? 1 : 0;
  }
  return (1.0 + as_large) / (1.0 + permutations);
}

}  // namespace

std::vector<ChangePoint> change_points(const std::vector<double>& values, const ChangePointOptions& options) {
  if (options.least < 2) throw Error(cat("a segment between change points has at least 2 values, not ", options.least));
  if (!(options.alpha > 0 && options.alpha < 1))
    throw Error(cat("the level of a change point's test lies between 0 and 1, not at ", options.alpha));
  if (std::any_of(values.begin(), values.end(), [](double value) { return !std::isfinite(value); }))
    throw Error("a series with values that are no numbers has no change points; leave them out");
  std::vector<std::size_t> bounds = {0, values.size()};
  std::vector<ChangePoint> out;
  while (true) {
    const Cut cut = best_of_all(values, bounds, options.least);
    if (cut.at == 0 || cut.q <= 0) break;
    const double p = permutation_p(values, bounds, cut, options.least);
    if (p > options.alpha) break;
    bounds.insert(std::upper_bound(bounds.begin(), bounds.end(), cut.at), cut.at);
    out.push_back({.at = cut.at, .p_value = p});
  }
  for (ChangePoint& point : out) {
    const auto here = std::find(bounds.begin(), bounds.end(), point.at);
    const auto part = [&](std::size_t from, std::size_t to) {
      return median(
          {values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + static_cast<std::ptrdiff_t>(to)});
    };
    point.before = part(*(here - 1), *here);
    point.after = part(*here, *(here + 1));
  }
  std::sort(out.begin(), out.end(), [](const ChangePoint& a, const ChangePoint& b) { return a.at < b.at; });
  return out;
}

}  // namespace velo::analysis
