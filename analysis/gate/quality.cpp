#include "analysis/gate/quality.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "analysis/equivalence.hpp"
#include "analysis/power.hpp"
#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double planned_power = 0.8;

Interval log_time(const QualityStudy& study) {
  return {std::log(study.time.value), study.time.reached ? std::log(study.time.value) : not_reached};
}

std::vector<Interval> log_times(const QualityValue& value) {
  std::vector<Interval> out;
  for (const QualityStudy& study : value.studies) out.push_back(log_time(study));
  return out;
}

bool are_pairs(const QualityValue& a, const QualityValue& b) {
  return a.root_seed == b.root_seed &&
         std::equal(a.studies.begin(), a.studies.end(), b.studies.begin(), b.studies.end(),
                    [](const QualityStudy& x, const QualityStudy& y) { return x.study == y.study; });
}

/// ln t(baseline) - ln t(candidate), within bounds.
std::vector<Interval> log_speedups(const std::vector<Interval>& candidate, const std::vector<Interval>& baseline) {
  std::vector<Interval> out;
  for (std::size_t i = 0; i < candidate.size(); ++i)
    out.push_back({baseline[i].low - candidate[i].high, baseline[i].high - candidate[i].low});
  return out;
}

EquivalenceTest test_at(const QualityValue& candidate, const QualityValue& baseline, double margin, double level) {
  const EquivalenceOptions options{.margin = margin, .level = level, .burden = Burden::zero};
  const std::vector<Interval> a = log_times(candidate), b = log_times(baseline);
  return are_pairs(candidate, baseline) ? equivalence_paired(log_speedups(a, b), options)
                                        : equivalence_unpaired(a, b, options);
}

GateVerdict verdict_of(Standing strict, Standing own) {
  if (strict == Standing::regressed) return GateVerdict::regressed;
  if (strict == Standing::improved) return GateVerdict::improved;
  return own == Standing::equivalent ? GateVerdict::equivalent : GateVerdict::inconclusive;
}

std::optional<double> fraction(double log) {
  if (!std::isfinite(log)) return std::nullopt;
  return std::expm1(log);
}

std::string steps_text(const QualityValue& value) {
  const double mean = value.value();
  std::string out = std::isnan(mean) ? "target not reached" : cat(rounded(mean), " steps");
  if (value.missed() > 0) out += cat(" (", value.missed(), " of ", value.studies.size(), " seeds missed the target)");
  return out;
}

}  // namespace

double QualityValue::value() const {
  double sum = 0;
  std::size_t n = 0;
  for (const QualityStudy& study : studies) {
    if (!study.time.reached) continue;
    sum += std::log(study.time.value);
    ++n;
  }
  return n > 0 ? std::exp(sum / static_cast<double>(n)) : std::numeric_limits<double>::quiet_NaN();
}

double QualityValue::spread() const {
  std::vector<CensoredTime> times;
  for (const QualityStudy& study : studies) times.push_back(study.time);
  if (times.size() < 2 || missed() == times.size()) return 0;
  const Spread spread = spread_within({times});
  return spread.freedom > 0 ? spread.deviation : 0;
}

std::size_t QualityValue::missed() const {
  return static_cast<std::size_t>(
      std::count_if(studies.begin(), studies.end(), [](const QualityStudy& study) { return !study.time.reached; }));
}

double visible_effect(double spread, std::size_t n, const QualityOptions& options) {
  if (n < 2) return not_reached;
  const double level = 1 - (1 - options.level) / static_cast<double>(std::max<std::size_t>(1, options.cases));
  // Proportional to the spread: the search for the factor is worth keeping.
  thread_local std::map<std::pair<std::size_t, double>, double> factors;
  const auto [known, fresh] = factors.try_emplace({n, level});
  if (fresh) known->second = smallest_effect(1.0, static_cast<std::int64_t>(n), planned_power, level);
  return std::expm1(std::sqrt(2.0) * spread * known->second);
}

GateCase judge_quality(const QualityValue& candidate, const QualityValue& baseline, const QualityOptions& options) {
  GateCase out;
  out.part = GatePart::quality;
  out.name = candidate.name();
  out.margin = options.margin;
  out.metric = candidate.metric;
  out.target = candidate.target;
  out.baseline_curve = baseline.curve;
  out.candidate_curve = candidate.curve;
  const auto settle = [&](GateVerdict verdict, const std::string& sentence) {
    out.verdict = verdict;
    out.word = name(verdict);
    out.sentence = sentence;
    return out;
  };
  if (candidate.protocol != baseline.protocol)
    return settle(
        GateVerdict::inconclusive,
        "the sweep asks for something else than the baseline measured (target, budget, cadence, data, version "
        "or a parameter as given): accept a new baseline");
  if (candidate.missed() == candidate.studies.size() && baseline.missed() == baseline.studies.size())
    return settle(GateVerdict::nothing_measured, "neither side reached the target with any seed");

  const double strict_level = 1 - (1 - options.level) / static_cast<double>(std::max<std::size_t>(1, options.cases));
  const EquivalenceTest strict = test_at(candidate, baseline, options.margin, strict_level);
  const EquivalenceTest own = test_at(candidate, baseline, options.margin, options.level);
  out.pairs = strict.pairs;
  if (strict.estimate.low == strict.estimate.high) out.effect = fraction(strict.estimate.low);
  const GateVerdict verdict = verdict_of(strict.standing, own.standing);
  const Interval& decisive = verdict == GateVerdict::equivalent ? own.inner : strict.interval;
  out.low = fraction(decisive.low);
  out.high = fraction(decisive.high);
  const std::size_t n = std::min(candidate.studies.size(), baseline.studies.size());
  if (const double spread = baseline.spread(); spread > 0) out.visible = visible_effect(spread, n, options);

  std::string sentence = cat(steps_text(candidate), " against ", steps_text(baseline), ", ", n,
                             strict.paired ? " pairs" : " seeds a side");
  if (out.effect) sentence += cat(", speedup ", percent_text(*out.effect, true));
  if (out.low && out.high)
    sentence += cat(" (", percent_text(*out.low, true), " to ", percent_text(*out.high, true), ")");
  sentence += cat("; margin ", percent_text(options.margin));
  if (out.visible) sentence += cat("; such seeds see ", percent_text(*out.visible), " and more");
  if (verdict == GateVerdict::inconclusive && !own.reason.empty()) sentence += cat("; ", own.reason);
  return settle(verdict, sentence);
}

}  // namespace velo::analysis
