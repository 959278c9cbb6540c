#include "analysis/power.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// Mean of `value(u)` over u = s / sigma, whose nu u^2 is chi-square with nu degrees of freedom: Simpson's rule over all
/// but 1e-18 of the distribution.
template <typename Value>
double mean_over_spread(double freedom, const Value& value) {
  constexpr int strips = 2000;  // even; the error is largest with one degree of freedom, and below 1e-7
  const double low = std::max(0.0, 1 - 9 / std::sqrt(freedom)), high = 1 + 9 / std::sqrt(freedom);
  const double front = std::log(2.0) + freedom / 2 * std::log(freedom / 2) - std::lgamma(freedom / 2);
  double sum = 0;
  for (int i = 0; i <= strips; ++i) {
    const double u = low + (high - low) * i / strips;
    if (u <= 0 && freedom > 1) continue;
    const double density = std::exp(front + (freedom > 1 ? (freedom - 1) * std::log(u) : 0) - freedom * u * u / 2);
    sum += (i == 0 || i == strips ? 1 : i % 2 == 1 ? 4 : 2) * density * value(u);
  }
  return sum * (high - low) / strips / 3;
}

void check(double effect, double power, double level) {
  if (!(effect > 0)) throw Error(cat("an effect to plan for is positive, not ", effect));
  if (!(power > 0 && power < 1)) throw Error(cat("a power lies between 0 and 1, not at ", power));
  if (!(level > 0.5 && level < 1)) throw Error(cat("the level of a test lies between 0.5 and 1, not at ", level));
  if (power <= 1 - level) throw Error(cat("a power of ", power, " is no more than the chance of a false alarm"));
}

/// The most losses of n with which the sign test takes the winner for faster; -1: not even none.
int sign_limit(int n, double level) {
  int few = -1, many = n / 2;  // 2 P(X <= few) <= alpha < 2 P(X <= many)
  while (many - few > 1) {
    const int middle = (few + many) / 2;
    (2 * binomial_cdf(middle, n, 0.5) <= 1 - level ? few : many) = middle;
  }
  return few;
}

/// The first n >= 2 for which an increasing power reaches what was asked.
template <typename PowerOf>
std::optional<std::int64_t> first_reaching(double power, const PowerOf& power_of) {
  std::int64_t enough = 2;
  while (power_of(enough) < power) {
    if (enough >= most_planned_pairs) return std::nullopt;
    enough *= 2;
  }
  std::int64_t few = enough / 2;
  while (enough - few > 1) {
    const std::int64_t middle = (few + enough) / 2;
    (power_of(middle) < power ? few : enough) = middle;
  }
  return enough;
}

}  // namespace

double power_student(double effect, double spread, std::int64_t pairs, double level) {
  const auto n = static_cast<double>(pairs);
  const double t = student_quantile((1 + level) / 2, n - 1), shift = std::sqrt(n) * effect / spread;
  return mean_over_spread(n - 1, [&](double u) { return normal_cdf(shift - t * u) + normal_cdf(-shift - t * u); });
}

double power_equivalence(double delta, double spread, std::int64_t pairs, double level) {
  const auto n = static_cast<double>(pairs);
  const double t = student_quantile(level, n - 1), reach = std::sqrt(n) * delta / spread;
  return mean_over_spread(n - 1, [&](double u) { return std::max(0.0, 2 * normal_cdf(reach - t * u) - 1); });
}

double power_sign(double effect, double spread, std::int64_t pairs, double level) {
  const int n = static_cast<int>(pairs);
  const int most = sign_limit(n, level);
  const double p = normal_cdf(effect / spread);
  return binomial_cdf(most, n, p) + binomial_cdf(most, n, 1 - p);
}

std::optional<std::int64_t> pairs_student(double effect, double spread, double power, double level) {
  check(effect, power, level);
  return first_reaching(power, [&](std::int64_t n) { return power_student(effect, spread, n, level); });
}

std::optional<std::int64_t> pairs_equivalence(double delta, double spread, double power, double level) {
  check(delta, power, level);
  return first_reaching(power, [&](std::int64_t n) { return power_equivalence(delta, spread, n, level); });
}

std::optional<std::int64_t> pairs_sign(double effect, double spread, double power, double level) {
  check(effect, power, level);
  // The power of a discrete test is a saw: every n is tried, from some teeth below the normal approximation.
  const double p = normal_cdf(effect / spread);
  const double root = normal_quantile((1 + level) / 2) / 2 + normal_quantile(power) * std::sqrt(p * (1 - p));
  const double near = root > 0 ? root * root / ((p - 0.5) * (p - 0.5)) : 0;
  if (!(near < most_planned_signs)) return std::nullopt;
  for (auto n = std::max<std::int64_t>(1, std::llround(near - 4 * std::sqrt(near) - 5)); n <= most_planned_signs; ++n) {
    if (power_sign(effect, spread, n, level) >= power) return n;
  }
  return std::nullopt;
}

double smallest_effect(double spread, std::int64_t pairs, double power, double level) {
  check(1, power, level);
  if (spread == 0) return 0;
  double low = 0, high = 1;  // in spreads
  while (power_student(high, 1, pairs, level) < power) high *= 2;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (power_student(middle, 1, pairs, level) < power ? low : high) = middle;
  }
  return high * spread;
}

double Spread::upper(double confidence) const {
  if (freedom <= 0) return not_reached;
  return deviation * std::sqrt(freedom / chi_square_quantile(1 - confidence, freedom));
}

namespace {

/// First two moments of a log time: exact, or given that it exceeds c.
struct Moments {
  double mean, square;
};

Moments moments(const CensoredTime& time, double mean, double deviation) {
  const double x = std::log(time.value);
  if (time.reached) return {x, x * x};
  const double z = (x - mean) / deviation, above = normal_cdf(-z);
  const double density = std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  const double hazard = above > 0 ? density / above : z;  // far out the hazard approaches z
  const double expected = mean + deviation * hazard;
  return {expected, deviation * deviation * (1 + z * hazard) + 2 * mean * expected - mean * mean};
}

}  // namespace

Spread spread_within(const std::vector<std::vector<CensoredTime>>& groups) {
  std::vector<std::vector<CensoredTime>> told;
  double all = 0, reached = 0;
  for (const auto& group : groups) {
    const auto hits = std::count_if(group.begin(), group.end(), [](const CensoredTime& t) { return t.reached; });
    if (hits == 0) continue;
    told.push_back(group);
    all += static_cast<double>(group.size());
    reached += static_cast<double>(hits);
  }
  const double freedom = reached - static_cast<double>(told.size());
  if (freedom <= 0) return {};
  std::vector<double> means(told.size(), 0.0);
  double deviation = 0;
  // The first round takes censored times as they are; without any it is the answer.
  constexpr int most_rounds = 5000;
  for (int round = 0; round < most_rounds; ++round) {
    double squares = 0;
    for (std::size_t g = 0; g < told.size(); ++g) {
      double sum = 0, sum_of_squares = 0;
      for (CensoredTime time : told[g]) {
        time.reached = time.reached || round == 0;
        const Moments m = moments(time, means[g], deviation);
        sum += m.mean;
        sum_of_squares += m.square;
      }
      const auto n = static_cast<double>(told[g].size());
      means[g] = sum / n;
      squares += std::max(0.0, sum_of_squares - sum * sum / n);
    }
    const double before = deviation;
    deviation = std::sqrt(squares / all);
    if (all == reached || deviation == 0 || std::abs(deviation - before) < 1e-10 * deviation) break;
  }
  return {deviation * std::sqrt(reached / freedom), freedom};
}

Spread spread_of_pairs(const std::vector<std::vector<double>>& rows) {
  const auto a = static_cast<double>(rows.size()), s = static_cast<double>(rows.front().size());
  std::vector<double> columns(rows.front().size(), 0.0), means;
  double whole = 0;
  for (const auto& row : rows) {
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      sum += row[i];
      columns[i] += row[i] / a;
    }
    means.push_back(sum / s);
    whole += sum / s / a;
  }
  double squares = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const double rest = rows[r][i] - means[r] - columns[i] + whole;
      squares += rest * rest;
    }
  }
  const double freedom = (a - 1) * (s - 1);
  return {std::sqrt(2 * squares / freedom), freedom};
}

}  // namespace velo::analysis
