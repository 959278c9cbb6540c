// analysis/seed_plan.hpp
//
// How many studies (seeds) it takes to see a difference, from the spread of the stored ones. The formulas are in
// analysis/power.hpp; here the spread comes from a race:
//
//   pairs            where at least two algorithms have the same two or more studies and all reached the target: the
//                    spread of the log speedup of a pair, whose shared seeds take out what they share
//   studies          else from the spread within each algorithm, times sqrt(2): as if pairing gained nothing
//   censored studies the same, where studies missed the target (Tobin's model). Student's test does not apply to those:
//                    plan with the sign test, which counts a miss as a loss. Pairs in which both miss are not decided;
//                    the plan allows for as many of them as there were misses, the worst case
//
// A stored spread is uncertain itself. The counts at its upper limit (confidence 0.8, one-sided: Browne, Stat. Med.
// 14:1933, 1995) are the ones to budget for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/power.hpp"
#include "analysis/score.hpp"
#include "results/table.hpp"

namespace velo::analysis {

struct PlanOptions {
  double detect = 0.05;  ///< the difference to see, as a fraction: a speedup of 1 + detect
  double power = 0.8;
  double level = 0.95;
  double confidence = 0.8;  ///< of the upper limit of the spread
};

struct WorkloadSeeds {
  std::string workload;
  Spread spread;                  ///< of the log speedup of a pair; freedom 0: unknown
  double spread_high = 0;         ///< its upper limit
  std::string from;               ///< "pairs", "studies", "censored studies"; empty: unknown
  std::size_t studies = 0;        ///< stored, of the algorithm that has fewest
  double missed = 0;              ///< share of the studies that missed the target
  std::optional<double> visible;  ///< the smallest difference, as a fraction, that the stored number of studies sees
  /// Pairs of studies that it takes; nothing: the test does not apply, or more than could be planned.
  std::optional<std::int64_t> student, student_high, sign, sign_high, equivalence;
};

struct SeedPlan {
  PlanOptions options;
  Clock clock = Clock::example_gradients;
  std::vector<WorkloadSeeds> workloads;
  /// Per workload, when the mean over the workloads of known spread is asked; nothing for fewer than two of them.
  std::optional<WorkloadSeeds> all;

  /// Whether any workload has a spread to plan with.
  [[nodiscard]] bool answered() const;
};

/// Throws Error as study_table() does and for meaningless options.
[[nodiscard]] SeedPlan plan_seeds(const std::vector<TrialOutcome>& trials, const ScoreOptions& score = {},
                                  const PlanOptions& options = {});

[[nodiscard]] Table seed_table(const SeedPlan& plan);
/// What it takes in one sentence; where the spread is unknown, what can be said without it.
[[nodiscard]] std::string plan_sentence(const SeedPlan& plan);
[[nodiscard]] std::vector<std::string> notes(const SeedPlan& plan);

}  // namespace velo::analysis
