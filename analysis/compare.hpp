// analysis/compare.hpp
//
// Is A faster than B? Two algorithms over the workloads that both ran.
//
//   speedup on a workload   t(B, w) / t(A, w), medians over studies: above 1 means that A is faster
//   speedup                 geometric mean over workloads (Fleming and Wallace, CACM 1986)
//   interval                study bootstrap (analysis/bootstrap.hpp); studies of the same number are drawn together where
//                           both have the same ones, since they share initialisation, data order and seeds
//   sign test               over pairs of studies with the same number: who was faster? Ties and pairs in which neither
//                           reached the target are left out. Exact two-sided binomial p (Conover, 1999)
//   pair speedup            median over pairs of studies of t(B)/t(A), with the interval that the sign test amounts to
//                           (analysis/rank_interval.hpp): exact for any distribution, where the bootstrap is not
//
// Times that were not reached stay what they are. A study that missed needs at least StudyTime::lower_bound(), so its
// ratio is known within bounds; geometric mean and interval are then bounds too: the lower end takes the smallest
// possible ratio, the upper end the largest. A workload that neither reaches says nothing about speed and is left out.
//
// How often the bootstrap interval of the speedup covers, at 0.95 and normal log times of equal spread, by simulation
// (tests/analysis/compare_test.cpp repeats the first and last column; standard errors below 0.012):
//
//   workloads x studies   1 x 3   1 x 5   2 x 3   4 x 3   8 x 3   1 x 15
//   paired                0.74    0.93    0.91    0.95    0.97    1.00
//   unpaired              0.90    0.97    0.96    0.97    0.97    0.98
//
// Paired studies of one workload can do no better than attainable_coverage(); `coverage` carries that.
//
// The verdict needs both: an interval on one side of 1, and p <= 1 - level. That takes at least six decided pairs at a
// level of 0.95: two workloads with three studies that all agree. Less is inconclusive.
#pragma once

#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "analysis/rank_interval.hpp"

namespace velo::analysis {

struct WorkloadSpeedup {
  std::string workload;
  double time_a = not_reached, time_b = not_reached;  ///< medians
  Interval speedup;                                   ///< low == high when both reached the target
  int wins_a = 0, wins_b = 0, ties = 0;               ///< over pairs of studies
};

enum class Verdict { faster, slower, inconclusive };
[[nodiscard]] std::string name(Verdict verdict);

struct Comparison {
  std::string a, b;
  Clock clock = Clock::example_gradients;
  BootstrapOptions bootstrap;
  std::vector<WorkloadSpeedup> workloads;  ///< those that at least one of the two reached
  std::vector<std::string> reached_by_neither;
  std::vector<std::string> only_one_ran;  ///< workloads with trials of one of them only
  LeftOut left_out;                       ///< of the trials of the two
  bool paired = false;                    ///< studies were drawn together
  Interval speedup;                       ///< point estimate; low < high only where a target was missed
  Interval interval;                      ///< of the speedup
  double coverage = 1;                    ///< what the interval can cover at most: below the level for few studies
  SignInterval pair_speedup;  ///< median over pairs of studies, with its exact interval; meaningless without pairs
  int pairs = 0;              ///< of studies, those that neither reached included
  int wins_a = 0, wins_b = 0, ties = 0;
  double p_value = 1;
  Verdict verdict = Verdict::inconclusive;
};

/// Throws Error for an unknown algorithm (with the nearest label), for refused comparisons, and with exit code 5 when no
/// workload was reached by either.
[[nodiscard]] Comparison compare(const std::vector<TrialOutcome>& trials, const std::string& a, const std::string& b,
                                 const ScoreOptions& options = {}, const BootstrapOptions& bootstrap = {});

/// Study times of two algorithms alone, with their workloads. Throws Error for an unknown algorithm (with the nearest
/// label) and for refused comparisons.
[[nodiscard]] StudyTable studies_of_two(const std::vector<TrialOutcome>& trials, const std::string& a,
                                        const std::string& b, const ScoreOptions& options);

/// Whether both have studies of the same numbers, so that they are pairs.
[[nodiscard]] bool same_studies(const std::vector<StudyTime>& a, const std::vector<StudyTime>& b);

/// Position of an algorithm's label; throws Error naming the labels there are, and the nearest.
[[nodiscard]] std::size_t position_of(const std::vector<std::string>& labels, const std::string& label);

/// Two-sided p of the exact sign test; 1 when nothing was decided.
[[nodiscard]] double sign_test(int wins, int losses);

}  // namespace velo::analysis
