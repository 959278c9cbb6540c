// analysis/aggregate.hpp
//
// One number over workloads and studies that a few extraordinary ones cannot move, and how likely a study of one algorithm
// is to beat a study of another (Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
// NeurIPS 2021, arXiv:2108.13264: interquartile mean and probability of improvement).
//
//   relative speed   v(s, w, i) = t*(w) / t(s, w, i): time of study i of algorithm s on workload w, t*(w) the fastest
//                    workload time of the pool (median over studies). 1: as fast as the fastest; 0: target missed
//   IQM              mean of what is left of all n values v(s, ., .) when the floor(n/4) smallest and largest are cut
//   improvement      P(A, B) = mean over workloads of the share of pairs of studies (i, j) with t(A, w, i) < t(B, w, j),
//                    equal times (both missed included) counting one half: the Mann-Whitney U / (n m)
//   interval         percentile bootstrap stratified over workloads: each resample draws, with replacement, as many studies
//                    as there are within every workload. Workloads are not drawn: the answer is about these ones.
//                    t*(w) stays that of the data, as normalising scores do in the paper
//
// Where we differ from the paper: scores there are returns, normalised by what a human gets; times may be censored, so the
// normalised score is a speed, which a missed target makes 0 and not unknown.
//
// Study times are taken as they are: the cut-offs of AlgoPerf's rules belong to its score. Workloads that nobody reached
// in the median have no t* and are left out of the IQM; an algorithm without trials on a workload gets as many zeros there
// as others have studies at most, the same "no credit" as in its score. Probabilities are over workloads that both ran.
//
// Coverage at 0.95, by simulation of normal values (tests/analysis/aggregate_test.cpp repeats parts; standard errors
// below 0.009): a bootstrap of n values sees (n - 1)/n of their variance, so few studies cover less.
//
//   workloads x studies   8 x 3   8 x 5   8 x 10   2 x 3   2 x 10
//   IQM                   0.87    0.92    0.94     0.85    0.93
//   improvement           0.93    0.94    0.95     0.86    0.94
//
// Where one side won all pairs, every resample says so and the interval has no width: that is no certainty.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "results/table.hpp"

namespace velo::analysis {

/// Values of independent studies, by workload.
using Strata = std::vector<std::vector<double>>;

struct Estimate {
  double value = 0;
  Interval interval;
};

/// Mean without the floor(n/4) smallest and largest values. Throws Error when there are none.
[[nodiscard]] double interquartile_mean(std::vector<double> values);

/// Of all values together, resampled within each stratum. Resample b draws from stream b of the seed.
[[nodiscard]] Estimate interquartile_mean(const Strata& values, const BootstrapOptions& options);

/// Share of pairs in which a is smaller than b, equal ones counting one half. Neither may be empty: Error.
[[nodiscard]] double improvement(const std::vector<double>& a, const std::vector<double>& b);

/// Mean over strata of improvement(a, b), both resampled within each. As many strata on both sides, none empty: Error.
[[nodiscard]] Estimate probability_of_improvement(const Strata& a, const Strata& b, const BootstrapOptions& options);

/// Relative speeds of a pool.
struct Speeds {
  std::vector<std::string> workloads;  ///< base workloads with a fastest time
  std::vector<std::string> unsolved;   ///< base workloads without
  std::vector<Strata> values;          ///< [algorithm][workload][study]
  std::vector<std::size_t> missed;     ///< by algorithm: zeros among them, studies that were not run included
  std::vector<std::size_t> not_run;    ///< by algorithm: workloads without trials
};

/// Throws Error with exit code 5 when no workload was solved by anybody.
[[nodiscard]] Speeds relative_speeds(const StudyTable& table);

/// A count as a cell of a table.
[[nodiscard]] inline TableValue whole(std::size_t n) { return static_cast<std::int64_t>(n); }

/// A table, and what must be said beside it.
struct Answer {
  Table table;
  std::vector<std::string> notes;
};

/// One row per algorithm, best first: IQM, interval, values, those that missed.
[[nodiscard]] Answer iqm_answer(const StudyTable& table, const BootstrapOptions& options);

/// One row per pair, algorithms by IQM, best first: probability that a study of the first beats one of the second, interval,
/// workloads that both ran, pairs of studies.
[[nodiscard]] Answer improvement_answer(const StudyTable& table, const BootstrapOptions& options);

/// One row per ordered pair: the almost stochastic order (analysis/stochastic_order.hpp) of relative speeds over workloads
/// and studies. A missed target is the speed 0, so no common horizon is needed.
[[nodiscard]] Answer order_answer(const StudyTable& table, const BootstrapOptions& options);

}  // namespace velo::analysis
