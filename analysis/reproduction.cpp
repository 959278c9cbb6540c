#include "analysis/reproduction.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "analysis/distributions.hpp"
#include "results/error.hpp"

namespace velo::analysis {

namespace {

constexpr std::size_t fewest = 3;

std::optional<double> value_at(const std::vector<EvaluatedAt>& curve, std::int64_t step) {
  const auto found = std::lower_bound(curve.begin(), curve.end(), step,
                                      [](const EvaluatedAt& e, std::int64_t s) { return e.step < s; });
  if (found == curve.end() || found->step != step || !std::isfinite(found->value)) return std::nullopt;
  return found->value;
}

double student(double freedom) { return student_quantile(1 - reproduction_alpha / 2, freedom); }

/// Tolerance by the spread over other seeds.
void by_siblings(const std::vector<double>& x, Reproduction& out) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, squares = 0;
  for (const double value : x) mean += value / n;
  for (const double value : x) squares += (value - mean) * (value - mean);
  out.basis = "siblings";
  out.n = x.size();
  out.centre = out.stored;
  out.tolerance = student(n - 1) * std::sqrt(2 * squares / (n - 1));
}

/// By the noise of the stored curve; false when it is too short.
bool by_curve(const std::vector<EvaluatedAt>& stored, std::int64_t step, Reproduction& out) {
  std::vector<double> x;
  for (const EvaluatedAt& e : stored)
    if (e.step <= step && std::isfinite(e.value)) x.push_back(e.value);
  const std::size_t begin = x.size() / 2;
  if (x.size() < begin + fewest + 1) return false;
  double squares = 0;
  for (std::size_t i = begin + 1; i < x.size(); ++i) squares += (x[i] - x[i - 1]) * (x[i] - x[i - 1]);
  const auto m = static_cast<double>(x.size() - begin - 1);
  out.basis = "curve";
  out.n = static_cast<std::size_t>(m);
  out.centre = out.stored;
  out.tolerance = student(m) * std::sqrt(squares / m);  // sqrt(2) sigma
  return true;
}

}  // namespace

std::string_view name(Agreement agreement) {
  return agreement == Agreement::consistent ? "consistent" : "inconsistent";
}

Reproduction reproduction(const std::vector<EvaluatedAt>& stored, const std::vector<EvaluatedAt>& again,
                          const std::vector<std::vector<EvaluatedAt>>& siblings, double epsilon) {
  Reproduction out;
  std::optional<double> x, y;
  for (auto e = stored.rbegin(); e != stored.rend() && !(x && y); ++e) {
    out.step = e->step;
    x = value_at(stored, e->step);
    y = value_at(again, e->step);
  }
  if (!x || !y)
    throw Error("the stored run and its repetition have no evaluation of the target metric in common",
                ExitCode::inconclusive);
  out.stored = *x;
  out.again = *y;

  const double rounding = epsilon * std::sqrt(static_cast<double>(out.step)) * std::max(std::abs(*x), std::abs(*y));
  if (std::abs(*y - *x) <= rounding) {
    out.agreement = Agreement::consistent;
    out.basis = "rounding";
    out.centre = *x;
    out.tolerance = rounding;
    out.n = 1;
    return out;
  }
  std::vector<double> values;
  for (const auto& sibling : siblings)
    if (const auto value = value_at(sibling, out.step)) values.push_back(*value);
  if (values.size() >= fewest) {
    by_siblings(values, out);
  } else if (!by_curve(stored, out.step, out)) {
    throw Error(
        "the results differ, and the store has neither three runs that differ from it in their seed alone nor a curve "
        "of seven "
        "evaluations to judge the difference by",
        ExitCode::inconclusive);
  }
  if (std::abs(*y - out.centre) <= out.tolerance) out.agreement = Agreement::consistent;
  return out;
}

}  // namespace velo::analysis
