#include "analysis/refine.hpp"

#include <algorithm>
#include <cmath>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// Median over windows of 2 half + 1 values; constant before the first, mirrored behind the last (which is repeated).
std::vector<double> median_filtered(std::span<const double> values, std::int64_t half) {
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<double> out, window;
  for (std::int64_t t = 0; t < n; ++t) {
    window.clear();
    for (std::int64_t k = t - half; k <= t + half; ++k) {
      const std::int64_t mirrored = k < n ? k : 2 * n - 1 - k;
      window.push_back(values[static_cast<std::size_t>(std::clamp<std::int64_t>(mirrored, 0, n - 1))]);
    }
    std::nth_element(window.begin(), window.begin() + half, window.end());
    out.push_back(window[static_cast<std::size_t>(half)]);
  }
  return out;
}

/// Straight lines through values at 0, 1, 2, ...
double interpolated(const std::vector<double>& values, double at) {
  const auto left = std::min(static_cast<std::size_t>(at), values.size() - 2);
  const double share = at - static_cast<double>(left);
  return (1.0 - share) * values[left] + share * values[left + 1];
}

}  // namespace

std::vector<double> at_every_step(std::span<const double> steps, std::span<const double> norms, std::int64_t total) {
  std::vector<double> known_steps, known;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (std::isnan(norms[i])) continue;
    known_steps.push_back(steps[i]);
    known.push_back(norms[i]);
  }
  if (known.empty()) throw Error("no gradient norm was logged");
  std::vector<double> out;
  std::size_t next = 0;
  for (std::int64_t t = 1; t <= total; ++t) {
    const auto at = static_cast<double>(t);
    while (next < known.size() && known_steps[next] < at) ++next;
    if (next == 0 || next == known.size()) {
      out.push_back(known[next == 0 ? 0 : next - 1]);
      continue;
    }
    const double share = (at - known_steps[next - 1]) / (known_steps[next] - known_steps[next - 1]);
    out.push_back((1.0 - share) * known[next - 1] + share * known[next]);
  }
  return out;
}

std::vector<double> refined_factors(std::span<const double> norms, const Refinement& how) {
  for (std::size_t t = 0; t < norms.size(); ++t)
    if (!(norms[t] > 0.0) || std::isinf(norms[t]))
      throw Error(
          cat("the gradient norm of step ", t + 1, " is ", norms[t], "; a schedule needs positive finite ones"));
  const auto half = static_cast<std::int64_t>(how.smoothing * static_cast<double>(norms.size()) / 2.0);
  std::vector<double> smooth = median_filtered(norms, half);
  const double largest = *std::max_element(smooth.begin(), smooth.end());  // so that no power overflows
  std::vector<double> f(smooth.size() + 1);
  double sum = 0.0;
  for (std::size_t t = smooth.size(); t-- > 0;) {
    const double weight = std::pow(smooth[t] / largest, -how.power);
    sum += weight;
    f[t] = weight * sum;
  }
  std::vector<double> out;
  const double steps = static_cast<double>(smooth.size());
  for (std::int64_t k = 0; k < how.points; ++k)
    out.push_back(interpolated(f, steps * static_cast<double>(k) / static_cast<double>(how.points - 1)));
  const double top = *std::max_element(out.begin(), out.end());
  for (double& value : out) value /= top;
  return out;
}

}  // namespace velo::analysis
