// analysis/trial_survival.hpp
//
// The trials of a race as survival data (analysis/survival.hpp): of every workload and algorithm, what share of the trials
// has reached the target by when, and the mean time when watching ends at a common horizon.
//
// A trial counts by itself, whatever study it belongs to: where trials search hyperparameters, this is the time of a
// setting drawn from the search space. Studies, whose best trial counts, are what scores compare.
//
//   horizon      of a workload: the longest time for which every algorithm was watched; the longest hit where all hit
//   broken down  (diverged, nan, oom): watched to the horizon in vain, for waiting longer would not have helped
//   left out     trials that lossless stopping or halving ended, which says something about how far off they were, and
//                what left_out counts
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/aggregate.hpp"
#include "analysis/score.hpp"
#include "analysis/survival.hpp"

namespace velo::analysis {

struct TrialSurvival {
  std::string workload, algorithm;
  std::vector<CensoredTime> times;
  std::size_t hits = 0;
  std::size_t broke_down = 0;  ///< among the times: watched for ever
  RestrictedMean mean;         ///< up to the horizon of the workload
};

struct RaceSurvival {
  std::vector<TrialSurvival> cells;  ///< by workload in order of appearance, then by restricted mean, shortest first
  std::size_t stopped_early = 0;     ///< trials left out because lossless stopping or halving ended them
  LeftOut left_out;
};

/// Throws Error where the trials may not be compared (require_comparable), and with exit code 5 when none is left.
[[nodiscard]] RaceSurvival race_survival(const std::vector<TrialOutcome>& trials, const ScoreOptions& options,
                                         double level = 0.95);

/// One row per workload and algorithm: trials, those that reached the target, horizon, restricted mean with interval.
[[nodiscard]] Answer survival_answer(const std::vector<TrialOutcome>& trials, const ScoreOptions& options,
                                     double level);

}  // namespace velo::analysis
