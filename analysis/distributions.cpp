#include "analysis/distributions.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double tiny = 1e-300;  // keeps the fractions of Lentz's method from dividing by zero
constexpr double precision = std::numeric_limits<double>::epsilon();
constexpr int most_terms = 10000;  // a fraction needs some sqrt(max(a, b)) terms: enough for 1e7 degrees of freedom

void require_probability(double p) {
  if (!(p > 0 && p < 1)) throw Error(cat("a quantile is asked for a probability between 0 and 1, not ", p));
}

void require_freedom(double freedom) {
  if (!(freedom > 0)) throw Error(cat("degrees of freedom are positive, not ", freedom));
}

/// DLMF 8.17.22 by the modified method of Lentz; converges fast for x < (a + 1)/(a + b + 2).
double beta_fraction(double x, double a, double b) {
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < tiny ? tiny : d);
  double value = d;
  const auto step = [&](double coefficient) {
    d = 1 + coefficient * d;
    c = 1 + coefficient / c;
    d = 1 / (std::abs(d) < tiny ? tiny : d);
    c = std::abs(c) < tiny ? tiny : c;
    value *= d * c;
  };
  for (int m = 1; m <= most_terms; ++m) {
    step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(d * c - 1) < precision) break;
  }
  return value;
}

/// I_x(a, b), given x and 1 - x, of which the smaller one is exact.
double incomplete_beta(double x, double rest, double a, double b) {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log(rest));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(rest, b, a) / b;
}

/// P(a, x).
double incomplete_gamma(double a, double x) {
  const double front = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (int n = 1; n <= most_terms && term > sum * precision; ++n) sum += term *= x / (a + n);
    return front * sum;
  }
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, value = d;
  for (int n = 1; n <= most_terms; ++n) {
    const double coefficient = -n * (n - a);
    b += 2;
    d = 1 / (coefficient * d + b);
    c = b + coefficient / c;
    value *= d * c;
    if (std::abs(d * c - 1) < precision) break;
  }
  return 1 - front * value;
}

/// The root of an increasing function in [low, high], halving until the ends are neighbours.
template <typename Function>
double bisect(double low, double high, const Function& below) {
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (below(middle) ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

/// P(T > t) for t >= 0.
double student_tail(double t, double freedom) {
  const double whole = freedom + t * t;
  return incomplete_beta(freedom / whole, t * t / whole, freedom / 2, 0.5) / 2;
}

double student_density(double t, double freedom) {
  return std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2) -
                  (freedom + 1) / 2 * std::log1p(t * t / freedom)) /
         std::sqrt(freedom * std::numbers::pi);
}

}  // namespace

double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

double normal_quantile(double p) {
  require_probability(p);
  if (p > 0.5) return -normal_quantile(1 - p);
  // Newton's method on the distribution function. From 0 it approaches monotonically, since the function is convex on
  // the side of the root, by about 1/z a step in the tail: 800 steps reach any p that a double can hold.
  double z = 0, moved = 1;
  for (int i = 0; i < 800 && std::abs(moved) > 1e-15; ++i) {
    const double density = std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    moved = (normal_cdf(z) - p) / density;
    z -= moved;
  }
  return z;
}

double student_cdf(double t, double freedom) {
  require_freedom(freedom);
  return t < 0 ? student_tail(-t, freedom) : 1 - student_tail(t, freedom);
}

double student_quantile(double p, double freedom) {
  require_probability(p);
  require_freedom(freedom);
  if (p == 0.5) return 0;
  if (p > 0.5) return -student_quantile(1 - p, freedom);
  // Newton's method as for the normal distribution, from its quantile, which lies nearer to 0.
  double t = -normal_quantile(p);
  for (int i = 0; i < 2000; ++i) {
    const double moved = (student_tail(t, freedom) - p) / student_density(t, freedom);
    t += moved;
    if (moved <= 1e-15 * t) break;
  }
  return -t;
}

double chi_square_cdf(double x, double freedom) {
  require_freedom(freedom);
  return x <= 0 ? 0 : incomplete_gamma(freedom / 2, x / 2);
}

double chi_square_quantile(double p, double freedom) {
  require_probability(p);
  require_freedom(freedom);
  double far = freedom;
  while (chi_square_cdf(far, freedom) < p) far *= 2;
  return bisect(0, far, [&](double x) { return chi_square_cdf(x, freedom) < p; });
}

double binomial_probability(int k, int n, double p) {
  if (k < 0 || k > n) return 0;
  if (p <= 0 || p >= 1) return k == (p <= 0 ? 0 : n) ? 1 : 0;
  return std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) + k * std::log(p) +
                  (n - k) * std::log1p(-p));
}

double binomial_cdf(int k, int n, double p) {
  if (k < 0) return 0;
  return k >= n ? 1 : incomplete_beta(1 - p, p, n - k, k + 1.0);  // DLMF 8.17.5
}

}  // namespace velo::analysis
