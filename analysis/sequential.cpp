#include "analysis/sequential.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

double normal_density(double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }

/// The density of the Brownian motion at one look, of paths that have not crossed, at points with Simpson weights.
struct Paths {
  double time = 0;
  std::vector<double> points{0}, mass{1};  // mass: weight times density
};

constexpr int strips = 600;  // even

/// P(|B(t)| >= limit) of the paths that are still running.
double crossing(const Paths& paths, double time, double limit) {
  const double deviation = std::sqrt(time - paths.time);
  double sum = 0;
  for (std::size_t i = 0; i < paths.points.size(); ++i) {
    sum += paths.mass[i] *
           (normal_cdf((-limit - paths.points[i]) / deviation) + normal_cdf((paths.points[i] - limit) / deviation));
  }
  return sum;
}

Paths carried(const Paths& paths, double time, double limit) {
  const double deviation = std::sqrt(time - paths.time);
  // Beyond 9 standard deviations there is no path; a boundary may lie far beyond.
  const double reach = std::min(limit, 9 * std::sqrt(time)), step = 2 * reach / strips;
  Paths out{time, {}, {}};
  for (int i = 0; i <= strips; ++i) {
    const double x = -reach + i * step;
    double density = 0;
    for (std::size_t j = 0; j < paths.points.size(); ++j) {
      density += paths.mass[j] * normal_density((x - paths.points[j]) / deviation) / deviation;
    }
    out.points.push_back(x);
    out.mass.push_back((i == 0 || i == strips ? 1 : i % 2 == 1 ? 4 : 2) * step / 3 * density);
  }
  return out;
}

/// The limit of |B(t)| that the given share of all paths crosses at this look for the first time.
double limit_for(const Paths& paths, double time, double share) {
  double low = 0, high = 40 * std::sqrt(time);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (crossing(paths, time, middle) > share ? low : high) = middle;
  }
  return high;
}

}  // namespace

double spent(double t, double alpha) {
  if (t <= 0) return 0;
  return t >= 1 ? alpha : 4 * normal_cdf(normal_quantile(alpha / 4) / std::sqrt(t));
}

SequentialPlan sequential_plan(const std::vector<double>& fractions, double level) {
  if (!(level > 0.5 && level < 1)) throw Error(cat("the level of a test lies between 0.5 and 1, not at ", level));
  if (fractions.empty()) throw Error("a sequential test needs at least one look");
  SequentialPlan plan{level, fractions, {}, {}};
  Paths paths;
  double used = 0;
  for (const double time : fractions) {
    if (!(time > paths.time && time <= 1)) {
      throw Error(cat("looks come at increasing fractions of the sample, up to 1; ", time, " follows ", paths.time));
    }
    const double allowed = spent(time, 1 - level);
    const double limit = limit_for(paths, time, allowed - used);
    used = allowed;
    plan.boundaries.push_back(limit / std::sqrt(time));
    plan.nominal.push_back(2 * normal_cdf(-plan.boundaries.back()));
    paths = carried(paths, time, limit);
  }
  return plan;
}

SequentialPlan sequential_plan_of_pairs(const std::vector<std::size_t>& looks, std::size_t largest, double level) {
  std::vector<double> fractions;
  for (const std::size_t pairs : looks) {
    fractions.push_back(static_cast<double>(pairs) / static_cast<double>(largest));
  }
  return sequential_plan(fractions, level);
}

SequentialAnswer look_at(const std::vector<double>& log_speedups, const SequentialPlan& plan, std::size_t look) {
  if (look >= plan.nominal.size()) throw Error(cat("the plan has ", plan.nominal.size(), " looks, not ", look + 1));
  if (log_speedups.size() < 2) throw Error("one pair has no spread to judge a difference by; look at two or more");
  const auto n = static_cast<double>(log_speedups.size());
  double sum = 0, squares = 0;
  for (const double d : log_speedups) sum += d;
  for (const double d : log_speedups) squares += (d - sum / n) * (d - sum / n);
  SequentialAnswer out;
  out.mean = sum / n;
  out.nominal = plan.nominal[look];
  const double error = std::sqrt(squares / (n - 1) / n);
  // Without spread any difference at all is beyond doubt.
  out.p_value = error > 0 ? 2 * student_cdf(-std::abs(out.mean) / error, n - 1) : out.mean == 0 ? 1 : 0;
  // A nominal level can be too small for a double: then no finite interval has it.
  const double reach = out.nominal > 0 ? -student_quantile(out.nominal / 2, n - 1) * error : not_reached;
  out.interval = {out.mean - reach, out.mean + reach};
  if (out.p_value <= out.nominal) {
    out.look = Look::decided;
  } else if (look + 1 == plan.nominal.size()) {
    out.look = Look::exhausted;
  }
  return out;
}

}  // namespace velo::analysis
