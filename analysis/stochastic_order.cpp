#include "analysis/stochastic_order.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

void check(const std::vector<double>& values) {
  if (values.empty()) throw Error("a stochastic order needs at least one value on each side");
  if (!std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); })) {
    throw Error("a stochastic order compares finite values; cut missed targets at a common horizon");
  }
}

/// Of sorted samples: walks over the steps of both quantile functions.
double violation_of_sorted(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  double worse = 0, all = 0, from = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    // Ends (i + 1)/n and (j + 1)/m are compared as whole numbers, so that common ones are seen as such.
    const std::size_t end_a = (i + 1) * b.size(), end_b = (j + 1) * a.size();
    const double to = static_cast<double>(std::min(end_a, end_b)) / (n * m);
    const double difference = a[i] - b[j], square = difference * difference * (to - from);
    all += square;
    if (difference > 0) worse += square;
    from = to;
    if (end_a <= end_b) ++i;
    if (end_b <= end_a) ++j;
  }
  return all > 0 ? worse / all : 0.5;
}

std::vector<double> drawn(const std::vector<double>& values, CounterStream& random) {
  std::vector<double> out(values.size());
  for (double& x : out) x = values[random.below(static_cast<std::uint32_t>(values.size()))];
  std::sort(out.begin(), out.end());
  return out;
}

/// The quantile of the bootstrap that stands for the level in samples of n.
double expanded(double level, double n) { return normal_cdf(std::sqrt(n / (n - 1)) * student_quantile(level, n - 1)); }

}  // namespace

double order_violation(std::vector<double> a, std::vector<double> b) {
  check(a);
  check(b);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return violation_of_sorted(a, b);
}

StochasticOrder almost_stochastic_order(const std::vector<double>& a, const std::vector<double>& b,
                                        const OrderOptions& options) {
  if (options.resamples < 2)
    throw Error(cat("a bootstrap variance needs 2 resamples or more, not ", options.resamples));
  if (!(options.level > 0.5 && options.level < 1)) {
    throw Error(cat("the level of a test lies between 0.5 and 1, not at ", options.level));
  }
  StochasticOrder out;
  out.violation = order_violation(a, b);
  std::vector<double> resampled;
  double sum = 0, squares = 0;
  for (std::int64_t r = 0; r < options.resamples; ++r) {
    CounterStream random(options.seed, static_cast<std::uint64_t>(r));
    const auto first = drawn(a, random), second = drawn(b, random);
    resampled.push_back(violation_of_sorted(first, second));
    sum += resampled.back();
    squares += resampled.back() * resampled.back();
  }
  // sqrt((n + m)/(n m)) sigma is the standard deviation of the resampled violation itself.
  const auto count = static_cast<double>(options.resamples);
  const double deviation = std::sqrt(std::max(0.0, (squares - sum * sum / count) / (count - 1)));
  out.published = std::clamp(out.violation + normal_quantile(options.level) * deviation, 0.0, 1.0);
  if (const std::size_t fewer = std::min(a.size(), b.size()); fewer > 1) {
    const double share = expanded(options.level, static_cast<double>(fewer));
    std::sort(resampled.begin(), resampled.end());
    out.limit = resampled[static_cast<std::size_t>(std::ceil(share * count)) - 1];
  }
  out.better = out.limit < 0.5;
  return out;
}

}  // namespace velo::analysis
