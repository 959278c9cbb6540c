#include "analysis/equivalence.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "analysis/compare.hpp"
#include "analysis/distributions.hpp"
#include "analysis/rank_interval.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

std::string name(Standing standing) {
  switch (standing) {
    case Standing::improved:
      return "improved";
    case Standing::equivalent:
      return "equivalent";
    case Standing::regressed:
      return "regressed";
    case Standing::inconclusive:
      return "inconclusive";
  }
  return {};
}

std::string name(IntervalMethod method) { return method == IntervalMethod::student ? "student" : "ranks"; }

namespace {

void check(const EquivalenceOptions& options) {
  if (!(options.margin > 0 && options.margin < not_reached)) {
    throw Error(cat("a margin is a positive fraction such as 0.05, not ", options.margin));
  }
  if (!(options.level > 0.5 && options.level < 1)) {
    throw Error(cat("the level of an equivalence test lies between 0.5 and 1, not at ", options.level));
  }
}

/// Level of the interval that two one-sided tests at alpha amount to.
double inner_level(const EquivalenceOptions& options) { return 1 - 2 * (1 - options.level); }

bool exact(const Interval& value) { return value.low == value.high && std::isfinite(value.low); }
bool exact(const std::vector<Interval>& values) {
  return std::all_of(values.begin(), values.end(), [](const Interval& value) { return exact(value); });
}

std::vector<double> lows(const std::vector<Interval>& values) {
  std::vector<double> out;
  for (const Interval& value : values) out.push_back(value.low);
  return out;
}
std::vector<double> highs(const std::vector<Interval>& values) {
  std::vector<double> out;
  for (const Interval& value : values) out.push_back(value.high);
  return out;
}

/// An estimate with its variance, and the degrees of freedom of that.
struct Effect {
  double estimate = 0, variance = 0, freedom = 0;
};

Effect mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  for (const double value : values) squares += (value - sum / n) * (value - sum / n);
  return {sum / n, squares / (n - 1) / n, n - 1};
}

/// The weighted sum of independent effects; degrees of freedom by Satterthwaite.
Effect combined(const std::vector<Effect>& effects, const std::vector<double>& weights) {
  Effect out;
  double fourth = 0, freedom = 0;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const double variance = weights[i] * weights[i] * effects[i].variance;
    out.estimate += weights[i] * effects[i].estimate;
    out.variance += variance;
    fourth += variance * variance / effects[i].freedom;
    freedom += effects[i].freedom;
  }
  out.freedom = fourth > 0 ? out.variance * out.variance / fourth : freedom;
  return out;
}

Interval student_interval(const Effect& effect, double level) {
  const double reach = student_quantile((1 + level) / 2, effect.freedom) * std::sqrt(effect.variance);
  return {effect.estimate - reach, effect.estimate + reach};
}

/// Fills in the standing, from estimate and intervals.
void judge(EquivalenceTest& test, const EquivalenceOptions& options) {
  const double delta = std::log1p(options.margin);
  const bool magnitude = options.burden == Burden::zero;
  const double hurdle = magnitude ? 0 : delta;
  if (test.inner.low > -delta && test.inner.high < delta) {
    test.standing = Standing::equivalent;
  } else if (test.interval.low > hurdle && (!magnitude || test.estimate.low >= delta)) {
    test.standing = Standing::improved;
  } else if (test.interval.high < -hurdle && (!magnitude || test.estimate.high <= -delta)) {
    test.standing = Standing::regressed;
  } else if (test.interval.low == -not_reached && test.interval.high == not_reached) {
    test.reason = cat(test.pairs, test.paired ? " pairs" : " studies a side",
                      " with missed targets give no interval at this level; more studies are needed");
  } else {
    test.reason = "the interval reaches across the margin; more studies would narrow it";
  }
}

void fill_student(EquivalenceTest& test, const Effect& effect, const EquivalenceOptions& options) {
  test.method = IntervalMethod::student;
  test.freedom = effect.freedom;
  test.estimate = {effect.estimate, effect.estimate};
  test.interval = student_interval(effect, options.level);
  test.inner = student_interval(effect, inner_level(options));
  judge(test, options);
}

/// `interval_at(level, upper)` is the rank interval of the least (upper = false) or greatest possible values.
template <typename IntervalAt>
void fill_ranks(EquivalenceTest& test, const IntervalAt& interval_at, const EquivalenceOptions& options) {
  test.method = IntervalMethod::ranks;
  const auto bounds = [&](double level) {
    return Interval{interval_at(level, false).interval.low, interval_at(level, true).interval.high};
  };
  test.interval = bounds(options.level);
  test.inner = bounds(inner_level(options));
  test.estimate = {interval_at(options.level, false).estimate, interval_at(options.level, true).estimate};
  judge(test, options);
}

EquivalenceTest too_few(bool paired, std::size_t pairs) {
  EquivalenceTest test;
  test.paired = paired;
  test.pairs = pairs;
  test.estimate = test.interval = test.inner = {-not_reached, not_reached};
  test.reason = cat(paired ? "one pair" : "one study a side", " has no spread to judge a difference by");
  if (pairs == 0) test.reason = "there is nothing to compare";
  return test;
}

Effect paired_effect(const std::vector<Interval>& log_speedups) { return mean_of(lows(log_speedups)); }

Effect welch_effect(const std::vector<Interval>& candidate, const std::vector<Interval>& baseline) {
  return combined({mean_of(lows(baseline)), mean_of(lows(candidate))}, {1, -1});
}

}  // namespace

EquivalenceTest equivalence_paired(const std::vector<Interval>& log_speedups, const EquivalenceOptions& options) {
  check(options);
  if (log_speedups.size() < 2) return too_few(true, log_speedups.size());
  EquivalenceTest test;
  test.pairs = log_speedups.size();
  test.missed = static_cast<std::size_t>(
      std::count_if(log_speedups.begin(), log_speedups.end(), [](const Interval& d) { return !exact(d); }));
  if (exact(log_speedups)) {
    fill_student(test, paired_effect(log_speedups), options);
  } else {
    fill_ranks(
        test,
        [&](double level, bool upper) {
          return signed_rank_interval(upper ? highs(log_speedups) : lows(log_speedups), level);
        },
        options);
  }
  return test;
}

EquivalenceTest equivalence_unpaired(const std::vector<Interval>& candidate, const std::vector<Interval>& baseline,
                                     const EquivalenceOptions& options) {
  check(options);
  const std::size_t fewer = std::min(candidate.size(), baseline.size());
  if (fewer < 2) return too_few(false, fewer);
  EquivalenceTest test;
  test.paired = false;
  test.pairs = fewer;
  for (const auto* side : {&candidate, &baseline}) {
    test.missed += static_cast<std::size_t>(
        std::count_if(side->begin(), side->end(), [](const Interval& time) { return !exact(time); }));
  }
  if (test.missed == 0) {
    fill_student(test, welch_effect(candidate, baseline), options);
  } else {
    fill_ranks(
        test,
        [&](double level, bool upper) {
          return upper ? rank_sum_interval(lows(candidate), highs(baseline), level)
                       : rank_sum_interval(highs(candidate), lows(baseline), level);
        },
        options);
  }
  return test;
}

namespace {

/// The studies of both on one workload, as bounds of log times.
struct Sides {
  std::string workload;
  double candidate_time = not_reached, baseline_time = not_reached;
  std::vector<Interval> candidate, baseline;
  bool paired = false;
  std::size_t missed = 0;
};

std::vector<Interval> log_times(const std::vector<StudyTime>& studies) {
  std::vector<Interval> out;
  for (const StudyTime& study : studies) out.push_back({std::log(study.lower_bound()), std::log(study.time)});
  return out;
}

double median_time(const std::vector<StudyTime>& studies) {
  std::vector<double> times;
  for (const StudyTime& study : studies) times.push_back(study.time);
  return median(std::move(times));
}

/// ln t(baseline) - ln t(candidate), within bounds. Two times of 0 are equal.
std::vector<Interval> log_speedups(const Sides& sides) {
  const auto difference = [](double x, double y) { return x == y && !(x == not_reached) ? 0 : x - y; };
  std::vector<Interval> out;
  for (std::size_t i = 0; i < sides.candidate.size(); ++i) {
    out.push_back({difference(sides.baseline[i].low, sides.candidate[i].high),
                   difference(sides.baseline[i].high, sides.candidate[i].low)});
  }
  return out;
}

bool reached(const std::vector<StudyTime>& studies) {
  return std::any_of(studies.begin(), studies.end(), [](const StudyTime& study) { return study.time < not_reached; });
}

/// The workloads that can be judged; the others are named in the report.
std::vector<Sides> sides_of(const StudyTable& table, EquivalenceReport& report) {
  const auto& candidate = table.at[position_of(table.algorithms, report.candidate)];
  const auto& baseline = table.at[position_of(table.algorithms, report.baseline)];
  std::vector<Sides> out;
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    if (candidate[w].empty() && baseline[w].empty()) continue;
    if (candidate[w].empty() || baseline[w].empty()) {
      report.only_one_ran.push_back(table.workloads[w]);
    } else if (!reached(candidate[w]) && !reached(baseline[w])) {
      report.reached_by_neither.push_back(table.workloads[w]);
    } else {
      Sides sides{table.workloads[w],
                  median_time(candidate[w]),
                  median_time(baseline[w]),
                  log_times(candidate[w]),
                  log_times(baseline[w]),
                  same_studies(candidate[w], baseline[w]),
                  0};
      for (const auto* studies : {&candidate[w], &baseline[w]}) {
        for (const StudyTime& study : *studies) sides.missed += study.time == not_reached;
      }
      out.push_back(std::move(sides));
    }
  }
  return out;
}

EquivalenceTest test_of(const Sides& sides, const EquivalenceOptions& options) {
  EquivalenceTest test = sides.paired ? equivalence_paired(log_speedups(sides), options)
                                      : equivalence_unpaired(sides.candidate, sides.baseline, options);
  test.missed = sides.missed;
  return test;
}

/// The mean over workloads, all of which have an exact answer.
EquivalenceTest mean_test(const std::vector<Sides>& all, const EquivalenceOptions& options) {
  EquivalenceTest out;
  out.pairs = 0;
  std::vector<Effect> effects;
  for (const Sides& sides : all) {
    effects.push_back(sides.paired ? paired_effect(log_speedups(sides))
                                   : welch_effect(sides.candidate, sides.baseline));
    out.paired = out.paired && sides.paired;
    out.pairs += std::min(sides.candidate.size(), sides.baseline.size());
  }
  const auto share = 1 / static_cast<double>(effects.size());
  fill_student(out, combined(effects, std::vector<double>(effects.size(), share)), options);
  return out;
}

/// The whole race from its workloads, where a target was missed.
EquivalenceTest workloads_decide(const std::vector<Sides>& all, const EquivalenceOptions& options) {
  EquivalenceOptions strict = options;
  strict.level = 1 - (1 - options.level) / static_cast<double>(all.size());
  EquivalenceTest out;
  out.pairs = 0;
  out.method = IntervalMethod::ranks;
  out.estimate = out.interval = out.inner = {-not_reached, not_reached};
  std::vector<std::string> regressed, improved, open;
  for (const Sides& sides : all) {
    const EquivalenceTest one = test_of(sides, options), sure = test_of(sides, strict);
    out.paired = out.paired && one.paired;
    out.pairs += one.pairs;
    out.missed += one.missed;
    if (sure.standing == Standing::regressed) {
      regressed.push_back(sides.workload);
    } else if (sure.standing == Standing::improved) {
      improved.push_back(sides.workload);
    } else if (one.standing != Standing::equivalent) {
      open.push_back(sides.workload);
    }
  }
  if (!regressed.empty()) {
    out.standing = Standing::regressed;
  } else if (open.empty()) {
    out.standing = improved.empty() ? Standing::equivalent : Standing::improved;
  } else {
    out.reason = cat("with missed targets or single pairs every workload has to be settled by itself, and ",
                     join_words(open), open.size() == 1 ? " is not" : " are not");
  }
  return out;
}

}  // namespace

EquivalenceReport equivalence(const std::vector<TrialOutcome>& trials, const std::string& candidate,
                              const std::string& baseline, const ScoreOptions& score,
                              const EquivalenceOptions& options) {
  check(options);
  EquivalenceReport out;
  out.candidate = candidate;
  out.baseline = baseline;
  out.clock = score.clock;
  out.options = options;
  const StudyTable table = studies_of_two(trials, candidate, baseline, score);
  out.left_out = table.left_out;
  const std::vector<Sides> all = sides_of(table, out);
  if (all.empty()) {
    throw Error(cat("there is no workload on which ", candidate, " or ", baseline, " reached the target and both ran"),
                ExitCode::nothing_measured);
  }
  for (const Sides& sides : all) {
    out.workloads.push_back({sides.workload, sides.candidate_time, sides.baseline_time, test_of(sides, options)});
  }
  const auto settled_by_mean = [](const WorkloadEquivalence& w) {
    return w.test.method == IntervalMethod::student && w.test.pairs > 1;
  };
  out.overall = all.size() == 1 ? out.workloads.front().test
                : std::all_of(out.workloads.begin(), out.workloads.end(), settled_by_mean)
                    ? mean_test(all, options)
                    : workloads_decide(all, options);
  return out;
}

namespace {

TableValue shown(double value) { return std::isfinite(value) ? TableValue(value) : TableValue(); }

std::vector<TableValue> row_of(const std::string& workload, double candidate, double baseline,
                               const EquivalenceTest& test) {
  const auto ratio = [](double log) { return TableValue(std::exp(log)); };
  return {workload,
          shown(candidate),
          shown(baseline),
          ratio(test.estimate.low),
          ratio(test.estimate.high),
          ratio(test.interval.low),
          ratio(test.interval.high),
          ratio(test.inner.low),
          ratio(test.inner.high),
          static_cast<std::int64_t>(test.pairs),
          static_cast<std::int64_t>(test.missed),
          cat(test.paired ? "paired " : "unpaired ", name(test.method)),
          name(test.standing)};
}

std::string percent(double fraction) { return cat(rounded(100 * fraction, 3), " %"); }

/// "at least 1.2" and "at most 0.9" where a target was missed.
std::string ratio_text(const Interval& log) {
  const double low = std::exp(log.low), high = std::exp(log.high);
  if (low == high) return rounded(low);
  if (low == 0 && high == not_reached) return "unknown";
  if (high == not_reached) return cat("at least ", rounded(low));
  if (low == 0) return cat("at most ", rounded(high));
  return cat(rounded(low), " to ", rounded(high));
}

}  // namespace

Table equivalence_table(const EquivalenceReport& report) {
  Table table{{{"workload", ColumnType::text},
               {report.candidate, ColumnType::real},
               {report.baseline, ColumnType::real},
               {"speedup_low", ColumnType::real},
               {"speedup_high", ColumnType::real},
               {"interval_low", ColumnType::real},
               {"interval_high", ColumnType::real},
               {"inner_low", ColumnType::real},
               {"inner_high", ColumnType::real},
               {"pairs", ColumnType::integer},
               {"missed", ColumnType::integer},
               {"test", ColumnType::text},
               {"verdict", ColumnType::text}},
              {}};
  for (const WorkloadEquivalence& w : report.workloads) {
    table.rows.push_back(row_of(w.workload, w.candidate, w.baseline, w.test));
  }
  if (report.workloads.size() > 1) {
    table.rows.push_back(row_of("all (geometric mean)", not_reached, not_reached, report.overall));
  }
  return table;
}

std::string verdict_sentence(const EquivalenceReport& report) {
  const EquivalenceTest& test = report.overall;
  std::string out = cat(report.candidate, " against ", report.baseline, " in ", name(report.clock), ", margin ",
                        percent(report.options.margin), ": ", name(test.standing));
  if (std::isfinite(test.interval.low) || std::isfinite(test.interval.high)) {
    out += cat(" (speedup ", ratio_text(test.estimate), ", ", percent(report.options.level), " interval ",
               rounded(std::exp(test.interval.low)), " to ", rounded(std::exp(test.interval.high)), ", ", test.pairs,
               test.paired ? " pairs of studies)" : " studies a side)");
  }
  return test.reason.empty() ? out : cat(out, ": ", test.reason);
}

std::vector<std::string> notes(const EquivalenceReport& report) {
  std::vector<std::string> out;
  const EquivalenceOptions& options = report.options;
  out.push_back(cat(
      "equivalent: the interval at ", percent(inner_level(options)),
      " (inner) lies within the margin; improved, regressed: the one at ", percent(options.level),
      options.burden == Burden::margin ? " lies beyond it" : " excludes no difference and the speedup lies beyond it"));
  if (report.workloads.size() > 1) {
    out.push_back("each row's error rate is its own; the last row speaks for the whole race");
  }
  for (std::string& note : notes(report.left_out)) out.push_back(std::move(note));
  if (!report.reached_by_neither.empty()) {
    out.push_back(cat("neither reached the target of ", join_words(report.reached_by_neither), ", which is left out"));
  }
  if (!report.only_one_ran.empty()) {
    out.push_back(cat("only one of the two has trials on ", join_words(report.only_one_ran), ", which is left out"));
  }
  return out;
}

double fraction_from(const std::string& text, const std::string& what) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  std::string rest(end);
  std::erase(rest, ' ');
  if (rest == "%") value /= 100;
  const bool understood = end != text.c_str() && (rest.empty() || rest == "%");
  if (!understood || !(value > 0 && value < not_reached)) {
    throw Error(cat(what, " is a positive fraction such as 5% or 0.05, not '", text, "'"));
  }
  return value;
}

}  // namespace velo::analysis
