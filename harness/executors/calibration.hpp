// harness/executors/calibration.hpp
//
// How a workload gets its target (protocol.md, Targets; AlgoPerf's procedure in small):
//
//   1. tune    each target-setting algorithm at N random points of its search space, every run to the end of the
//              step hint; the best validation value of all picks one algorithm and one point
//   2. repeat  that point with M fresh seeds
//   3. target  validation: the value that a share q of the seeds reaches (0.9; AlgoPerf: 0.5, N = 200, M = 20);
//              test: the worst final test value among the seeds that reached it
//
// Numbers, runs, spread and date become the `target` block of configs/workloads/NAME.yaml. Host-only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "results/record.hpp"
#include "results/store.hpp"

namespace velo {

struct CalibrationPlan {
  std::string workload;
  std::vector<std::string> settings;  ///< of the workload, "size=small": a variant, whose target is its own
  std::int64_t points = 12;           ///< N, per algorithm
  std::int64_t seeds = 10;            ///< M
  double quantile = 0.9;              ///< q, in (0, 1]
  std::uint64_t root_seed = 1;
  int workers = 1;
  std::int64_t steps = 0;  ///< of every run; 0: the workload's step hint
  std::int64_t evaluate_every = 0;
};

/// The sweep of stage 1: adamw, nadamw, nesterov and heavy_ball on the workload, N trials each, no target.
[[nodiscard]] std::string tuning_sweep(const CalibrationPlan& plan);
/// The sweep of stage 2: one algorithm at one point (a JSON object of parameters), M studies of one trial.
[[nodiscard]] std::string repeat_sweep(const CalibrationPlan& plan, const TrialSummary& best);

/// The trial with the best validation value. Throws Error (nothing measured) when none has one.
[[nodiscard]] const TrialSummary& best_trial(const std::vector<TrialSummary>& trials);

struct Calibration {
  std::string metric;
  double validation = 0.0;
  std::optional<double> test;
  std::vector<double> best_values;  ///< of the M seeds, best first
  std::size_t reached = 0;          ///< seeds that reach the target
};

/// Stage 3. The target is rounded to four significant digits, towards the easier side.
[[nodiscard]] Calibration set_target(const std::vector<TrialSummary>& seeds, double quantile);

/// The YAML block, `target:` with provenance.
[[nodiscard]] std::string target_block(const CalibrationPlan& plan, const TrialSummary& best, const Calibration& result,
                                       const std::string& date);
/// `yaml` with its top-level `target` block replaced, or added at the end; everything else byte for byte.
[[nodiscard]] std::string with_target(const std::string& yaml, const std::string& block);

}  // namespace velo
