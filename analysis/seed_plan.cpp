#include "analysis/seed_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/compare.hpp"
#include "analysis/distributions.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

using Count = std::optional<std::int64_t>;

/// The studies of all algorithms on one workload, without algorithms that never ran it.
std::vector<std::vector<StudyTime>> studies_on(const StudyTable& table, std::size_t w) {
  std::vector<std::vector<StudyTime>> out;
  for (const auto& row : table.at) {
    if (!row[w].empty()) out.push_back(row[w]);
  }
  return out;
}

bool pairs_known(const std::vector<std::vector<StudyTime>>& rows) {
  return rows.size() > 1 && rows.front().size() > 1 &&
         std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return same_studies(row, rows.front()); });
}

WorkloadSeeds known_of(const std::string& workload, const std::vector<std::vector<StudyTime>>& rows) {
  WorkloadSeeds out;
  out.workload = workload;
  out.studies = std::numeric_limits<std::size_t>::max();
  double all = 0, missed = 0;
  std::vector<std::vector<double>> logs;
  std::vector<std::vector<CensoredTime>> groups;
  for (const auto& row : rows) {
    out.studies = std::min(out.studies, row.size());
    logs.emplace_back();
    groups.emplace_back();
    for (const StudyTime& study : row) {
      const bool reached = study.time < not_reached;
      logs.back().push_back(std::log(study.time));
      groups.back().push_back({study.lower_bound(), reached});
      missed += reached ? 0 : 1;
      all += 1;
    }
  }
  out.missed = missed / all;
  if (missed == 0 && pairs_known(rows)) {
    out.spread = spread_of_pairs(logs);
    out.from = "pairs";
  } else {
    out.spread = spread_within(groups);
    out.spread.deviation *= std::sqrt(2.0);
    out.from = missed > 0 ? "censored studies" : "studies";
  }
  if (out.spread.freedom == 0) out.from.clear();
  return out;
}

/// Pairs for `decided` pairs that somebody reached.
Count with_undecided(Count decided, double missed) {
  if (!decided || missed >= 1) return std::nullopt;
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(*decided) / (1 - missed)));
}

/// Fills in what the spread means. A spread of 0 needs the fewest pairs that a test works with.
void fill_counts(WorkloadSeeds& out, const PlanOptions& options) {
  if (out.spread.freedom == 0) return;
  const double effect = std::log1p(options.detect);
  const double spread = std::max(out.spread.deviation, std::numeric_limits<double>::min());
  out.spread_high = out.spread.upper(options.confidence);
  const double high = std::max(out.spread_high, spread);
  const double power = options.power, level = options.level;
  out.sign = with_undecided(pairs_sign(effect, spread, power, level), out.missed);
  out.sign_high = with_undecided(pairs_sign(effect, high, power, level), out.missed);
  if (out.missed > 0) return;
  out.student = pairs_student(effect, spread, power, level);
  out.student_high = pairs_student(effect, high, power, level);
  out.equivalence = pairs_equivalence(effect, spread, power, level);
  if (out.studies > 1) {
    out.visible =
        std::expm1(smallest_effect(out.spread.deviation, static_cast<std::int64_t>(out.studies), power, level));
  }
}

/// The mean of log speedups over workloads with the same number of pairs in each.
std::optional<WorkloadSeeds> mean_of(const std::vector<WorkloadSeeds>& workloads, const PlanOptions& options) {
  WorkloadSeeds out;
  out.workload = "all (geometric mean)";
  out.studies = std::numeric_limits<std::size_t>::max();
  double count = 0, variance = 0, fourth = 0;
  for (const WorkloadSeeds& w : workloads) {
    if (w.spread.freedom == 0 || w.missed > 0) continue;
    const double square = w.spread.deviation * w.spread.deviation;
    count += 1;
    variance += square;
    fourth += square * square / w.spread.freedom;
    out.studies = std::min(out.studies, w.studies);
  }
  if (count < 2) return std::nullopt;
  out.from = "the above";
  out.spread = {std::sqrt(variance) / count, fourth > 0 ? variance * variance / fourth : 1};
  fill_counts(out, options);
  out.sign = out.sign_high = std::nullopt;  // the sign test counts pairs, it does not average them
  return out;
}

}  // namespace

bool SeedPlan::answered() const {
  return std::any_of(workloads.begin(), workloads.end(), [](const auto& w) { return w.spread.freedom > 0; });
}

SeedPlan plan_seeds(const std::vector<TrialOutcome>& trials, const ScoreOptions& score, const PlanOptions& options) {
  if (!(options.detect > 0)) throw Error(cat("a difference to detect is positive, not ", options.detect));
  SeedPlan out;
  out.options = options;
  out.clock = score.clock;
  const StudyTable table = study_table(trials, score);
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    const auto rows = studies_on(table, w);
    if (rows.empty()) continue;
    out.workloads.push_back(known_of(table.workloads[w], rows));
    fill_counts(out.workloads.back(), options);
  }
  out.all = mean_of(out.workloads, options);
  return out;
}

Table seed_table(const SeedPlan& plan) {
  Table table{{{"workload", ColumnType::text},
               {"studies", ColumnType::integer},
               {"missed", ColumnType::real},
               {"spread", ColumnType::real},
               {"spread_high", ColumnType::real},
               {"spread_from", ColumnType::text},
               {"visible", ColumnType::real},
               {"pairs_student", ColumnType::integer},
               {"pairs_student_high", ColumnType::integer},
               {"pairs_sign", ColumnType::integer},
               {"pairs_sign_high", ColumnType::integer},
               {"pairs_equivalence", ColumnType::integer}},
              {}};
  const auto count = [](const Count& value) { return value ? TableValue(*value) : TableValue(); };
  const auto add = [&](const WorkloadSeeds& w) {
    const bool known = w.spread.freedom > 0;
    table.rows.push_back({w.workload, static_cast<std::int64_t>(w.studies), w.missed,
                          known ? TableValue(w.spread.deviation) : TableValue(),
                          known ? TableValue(w.spread_high) : TableValue(), w.from,
                          w.visible ? TableValue(*w.visible) : TableValue(), count(w.student), count(w.student_high),
                          count(w.sign), count(w.sign_high), count(w.equivalence)});
  };
  for (const WorkloadSeeds& w : plan.workloads) add(w);
  if (plan.all) add(*plan.all);
  return table;
}

namespace {

std::string percent(double fraction) { return cat(rounded(100 * fraction, 3), " %"); }

std::string pairs_text(const Count& likely, const Count& high) {
  if (!likely) return "more pairs of studies than can be planned";
  std::string out = cat(*likely, *likely == 1 ? " pair of studies" : " pairs of studies");
  if (!high) return cat(out, ", far more if the spread is at its upper limit");
  return *high == *likely ? out : cat(out, ", ", *high, " if the spread is at its upper limit");
}

std::string takes(const WorkloadSeeds& w) {
  return w.missed > 0 ? cat(pairs_text(w.sign, w.sign_high), " by the sign test")
                      : cat(pairs_text(w.student, w.student_high), " by Student's test");
}

}  // namespace

std::string plan_sentence(const SeedPlan& plan) {
  const PlanOptions& o = plan.options;
  const std::string question = cat("a difference of ", percent(o.detect), " in ", name(plan.clock), " with power ",
                                   percent(o.power), " at level ", percent(o.level));
  if (!plan.answered()) {
    const auto in_spreads = [&](std::int64_t n) { return rounded(smallest_effect(1, n, o.power, o.level), 3); };
    return cat("how many studies show ", question,
               " is unknown, since no algorithm has two studies of a workload that reached its target; whatever the "
               "spread of the log speedup of a pair is, 3 pairs see ",
               in_spreads(3), " times as much, 5 pairs ", in_spreads(5), ", 10 pairs ", in_spreads(10),
               ": run 3 to 5 studies and ask again");
  }
  if (plan.all) return cat("to see ", question, " over all workloads takes, on each, ", takes(*plan.all));
  const auto hardest = std::max_element(
      plan.workloads.begin(), plan.workloads.end(),
      [](const WorkloadSeeds& x, const WorkloadSeeds& y) { return x.spread.deviation < y.spread.deviation; });
  return cat("to see ", question, " on ", hardest->workload, " takes ", takes(*hardest));
}

std::vector<std::string> notes(const SeedPlan& plan) {
  std::vector<std::string> out;
  out.push_back(cat("spread: standard deviation of the log speedup of a pair of studies; high: its upper limit with ",
                    percent(plan.options.confidence),
                    " confidence; visible: the difference that the stored number of "
                    "studies sees; equivalence: to show that a change of nothing lies within ",
                    percent(plan.options.detect)));
  std::vector<std::string> unknown, censored, still;
  for (const WorkloadSeeds& w : plan.workloads) {
    if (w.spread.freedom == 0) {
      unknown.push_back(w.workload);
    } else if (w.missed > 0) {
      censored.push_back(w.workload);
    } else if (w.spread.deviation == 0) {
      still.push_back(w.workload);
    }
  }
  if (!unknown.empty()) {
    out.push_back(cat("no algorithm has two studies that reached the target of ", join_words(unknown),
                      ", so its spread is unknown"));
  }
  if (!censored.empty()) {
    out.push_back(cat("some studies missed the target of ", join_words(censored),
                      ": plan with the sign test, which counts a miss as a loss"));
  }
  if (!still.empty()) {
    out.push_back(cat("the studies of ", join_words(still),
                      " do not differ, so that their spread is below what the evaluation cadence resolves"));
  }
  return out;
}

}  // namespace velo::analysis
