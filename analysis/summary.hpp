// analysis/summary.hpp
//
// The tables with which a race ends, as data; harness/cli prints them.
#pragma once

#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "analysis/compare.hpp"
#include "analysis/load.hpp"
#include "results/table.hpp"

namespace velo::analysis {

/// One row per workload and algorithm, fastest first: median time to the result on all three clocks (empty: not
/// reached), the interval on the leaderboard's clock and what it covers at most where that is below its level, studies and trials that reached it, best value of the metric.
/// Seconds are empty where they do not compare (shared cores, several hardware classes).
[[nodiscard]] Table time_table(const std::vector<TrialOutcome>& trials, const Leaderboard& board);

/// One row per algorithm, best first: rank, score, interval, probability of being first, and what it misses.
[[nodiscard]] Table score_table(const Leaderboard& board);

/// One row per algorithm that may leave the pool: the winner then, and everybody's score.
[[nodiscard]] Table pool_table(const Leaderboard& board);

/// One row per algorithm, best first: the probability of each rank.
[[nodiscard]] Table rank_table(const Leaderboard& board);

/// One row per algorithm and tau: the performance profile with its pointwise and its simultaneous band.
[[nodiscard]] Table profile_table(const Leaderboard& board);

/// One row per tuning budget k: everybody's score with k trials (analysis/best_of_k.hpp).
[[nodiscard]] Table best_of_k_table(const std::vector<TrialOutcome>& trials, const ScoreOptions& options);

/// One row per workload: times of both, speedup and its bounds, study pairs won; the whole race last, with the interval
/// and the p of the sign test.
[[nodiscard]] Table comparison_table(const Comparison& comparison);

/// "nadamw is 1.31 times as fast as adamw in example-gradients (95 % interval 1.12 to 1.55, ...): faster".
[[nodiscard]] std::string verdict_sentence(const Comparison& comparison);

/// What must be said beside a comparison.
[[nodiscard]] std::vector<std::string> notes(const Comparison& comparison);

/// What must be said beside the scores: clock and rules, how the intervals came about and what they can cover, what was
/// left out, where nobody reached the target.
[[nodiscard]] std::vector<std::string> notes(const Leaderboard& board);

/// Everything that `velo run` prints at its end.
struct Summary {
  Leaderboard board;
  Table times;
  Table scores;
  std::vector<std::string> notes;
};

[[nodiscard]] Summary summarize(const Race& race, const ScoreOptions& options = {},
                                const BootstrapOptions& bootstrap = {});

}  // namespace velo::analysis
