// analysis/bootstrap.hpp
//
// How sure a score is. The unit that is resampled is the study: an independent repetition of the whole tuning.
//
// Study bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, percentile intervals): in each of B resamples, every
// algorithm and workload draws as many studies as it has, with replacement; workload times, ratios and scores are
// computed anew. Limits are order statistics, so infinite times need no special case. Resample b uses stream b of the
// recorded seed: the same bits on any number of threads.
//
// What it cannot do: with n studies no interval made of them covers the true median of a workload's time more often
// than 1 - 2^(1-n): the chance that not all studies fall on one side of it. That is 0.75 for n = 3 and 0.94 for n = 5,
// whatever level was asked for. The percentile interval of an odd number of studies is a pair of order statistics, whose
// coverage is known for any distribution of times, and can be lower still (0.875 for n = 7, 0.89 for n = 25 at 0.95):
// median_coverage(). Tables print it beside the interval where it is below the level.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/score.hpp"

namespace velo::analysis {

struct BootstrapOptions {
  std::int64_t resamples = 2000;
  std::uint64_t seed = 20240601;
  double level = 0.95;  ///< nominal coverage, in (0, 1)
  bool paired = false;  ///< draw the same studies for all algorithms of a workload: right where studies share seeds
  int threads = 1;
  bool profiles = true;  ///< performance profiles and their bands too, which take most of the time
};

struct Interval {
  double low = 0, high = 0;

  friend bool operator==(const Interval&, const Interval&) = default;
};

/// Percentile interval: order statistics of the draws at (1 -+ level)/2, in the definition without interpolation
/// (the smallest draw with at least that share of draws at or below it). `draws` must not be empty.
[[nodiscard]] Interval percentile_interval(std::vector<double> draws, double level);
/// The same of draws in increasing order.
[[nodiscard]] Interval interval_of_sorted(const std::vector<double>& draws, double level);

/// 1 - 2^(1-n): the most that any interval between order statistics of n studies can cover of a median.
[[nodiscard]] double attainable_coverage(std::size_t studies);

/// How often the interval of a median of n studies at a nominal level covers the true median, in the limit of many
/// resamples. Exact for odd n: limits are the l-th and u-th smallest time, the first with P(Binomial(n, i/n) > n/2) >=
/// (1 -+ level)/2, and cover with P(l <= Binomial(n, 1/2) < u). For even n medians lie between two times and coverage
/// depends on the distribution: attainable_coverage(n), an upper bound.
[[nodiscard]] double median_coverage(std::size_t studies, double level);

/// A score with its uncertainty.
struct ScoredAlgorithm {
  std::string algorithm;
  double score = 0;
  Interval interval;
  int rank = 1;
  std::vector<double> rank_probability;  ///< [i]: share of resamples with rank i + 1; ties share the better rank
  std::vector<double> ratios;            ///< per base workload
};

struct WorkloadTime {
  double time = not_reached;  ///< median over studies; NaN: no trials
  Interval interval;
  double coverage = 0;  ///< median_coverage() of the interval
  std::size_t studies = 0;
  std::size_t reached = 0;  ///< studies that reached the target
  std::size_t trials = 0, hits = 0;
};

/// A point of a performance profile with its bands (analysis/band.hpp).
struct ProfilePoint {
  double tau = 1;
  double share = 0;
  Interval band;          ///< pointwise
  Interval simultaneous;  ///< of the whole profile
};

/// What happens to scores and winner when one algorithm leaves the pool.
struct PoolChange {
  std::string without;
  std::vector<double> scores;        ///< in the order of Leaderboard::algorithms; NaN for the one left out
  std::vector<std::string> winners;  ///< those with the best score
  bool winner_changes = false;       ///< the remaining winners differ from those of the full pool
};

struct Leaderboard {
  ScoreOptions options;
  BootstrapOptions bootstrap;
  StudyTable table;
  std::vector<ScoredAlgorithm> algorithms;           ///< in the order of `table`
  std::vector<std::vector<WorkloadTime>> times;      ///< [algorithm][workload]
  std::vector<std::vector<ProfilePoint>> profiles;   ///< [algorithm][tau]
  std::vector<PoolChange> pool;                      ///< empty with fewer than three algorithms
  std::size_t fewest_studies = 0, most_studies = 0;  ///< over (algorithm, workload) with trials

  /// Positions in `algorithms`, best score first, ties by name.
  [[nodiscard]] std::vector<std::size_t> by_rank() const;
  /// "with 3 studies the interval of a workload's median time covers it at most 75 % of the time": for every table.
  /// Empty where every interval reaches its level.
  [[nodiscard]] std::string coverage_note() const;
};

/// Everything about the scores of a pool. Throws Error as study_table() does, and for meaningless options.
[[nodiscard]] Leaderboard leaderboard(const std::vector<TrialOutcome>& trials, const ScoreOptions& options = {},
                                      const BootstrapOptions& bootstrap = {});

}  // namespace velo::analysis
