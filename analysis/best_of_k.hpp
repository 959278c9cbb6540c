// analysis/best_of_k.hpp
//
// What would the score be with another tuning budget? Computed from the stored trials, nothing is run.
//
// The n trials of an algorithm on a workload, whatever their study, are a sample of what tuning draws. The fastest of k
// of them, chosen without replacement, exceeds the i-th smallest time with probability C(n - i, k) / C(n, k) (the
// unbiased estimator of Tang et al., 2020, arXiv:2004.13705, for the question of Dodge et al., 2019,
// arXiv:1909.03004); the workload time at k is the median of that distribution, and scores follow as ever, every
// algorithm having the same k. k = 1 asks who wins untuned.
//
// Differs from those papers: a median instead of a mean, since times may be infinite.
#pragma once

#include <vector>

#include "analysis/score.hpp"

namespace velo::analysis {

struct BestOfK {
  std::size_t k = 1;
  Times times;                 ///< [algorithm][base workload]
  std::vector<double> scores;  ///< one per algorithm
};

/// Median of the fastest of k out of `times`, 1 <= k <= size; infinite where that median was not reached.
[[nodiscard]] double median_of_fastest(std::vector<double> times, std::size_t k);

/// For k = 1, ..., the number of trials that every (algorithm, workload) has. Throws Error as study_table() does, and
/// when a trial was stopped because it was behind (lossless stopping, halving): its time is then unknown.
/// Algorithms come in the order of algorithms_of(trials).
[[nodiscard]] std::vector<BestOfK> best_of_k(const std::vector<TrialOutcome>& trials, const ScoreOptions& options = {});

}  // namespace velo::analysis
