// analysis/compare.hpp
//
// Is A faster than B? Two algorithms over the workloads that both ran.
//
//   speedup on a workload   t(B, w) / t(A, w), medians over studies: above 1 means that A is faster
//   speedup                 geometric mean over workloads (Fleming and Wallace, CACM 1986)
//   interval                study bootstrap (analysis/bootstrap.hpp); studies of the same number are drawn together where
//                           both have the same ones, since they share initialisation, data order and seeds
//   sign test               over pairs of studies with the same number: who was faster? Ties and pairs in which neither
//                           reached the target are left out. Exact two-sided binomial p (Conover, 1999, section 3.4)
//
// Times that were not reached stay what they are. A study that missed needs at least StudyTime::lower_bound(), so its
// ratio is known within bounds; geometric mean and interval are then bounds too: the lower end takes the smallest
// possible ratio, the upper end the largest. A workload that neither reaches says nothing about speed and is left out.
//
// The verdict needs both: an interval on one side of 1, and p <= 1 - level. That takes at least six decided pairs at a
// level of 0.95: two workloads with three studies that all agree. Less is inconclusive.
#pragma once

#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"

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
  bool paired = false;                    ///< studies were drawn together
  Interval speedup;                       ///< point estimate; low < high only where a target was missed
  Interval interval;                      ///< of the speedup
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
