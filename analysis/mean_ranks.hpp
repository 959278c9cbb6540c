// analysis/mean_ranks.hpp
//
// Who ranks where over workloads, and which differences of ranks can be told from chance: what a critical-difference
// diagram draws (Demsar, JMLR 7:1, 2006).
//
//   ranks        on each workload by time, the fastest 1; equal times share the mean of their places, and those that missed
//                the target are last, equal to each other. R_j = mean over the N workloads, k algorithms
//   Friedman     chi2 = (k - 1) N^2 sum_j (R_j - (k+1)/2)^2 / (sum_ij r_ij^2 - N k (k+1)^2 / 4), which allows for ties
//                (Friedman, 1937; in this form in Conover, "Practical Nonparametric Statistics")
//   its p        share of rank tables, each workload's ranks permuted at random, with chi2 at least as large, the observed
//                table counted in: (1 + count) / (1 + permutations). Valid for any k, N and ties; the chi-square
//                approximation is not at the N of a benchmark
//   pairs        Wilcoxon's signed-rank test (1945) of log time ratios over workloads, two-sided, exact: all signs of the ranks
//                that occur, ties included. Workloads with equal times are left out of a pair; a miss against a
//                hit is larger than any other difference
//   several      Holm (Scand. J. Stat., 1979): the i-th smallest of m p-values times m - i + 1, made monotone: at most
//                alpha false differences in the whole table, whatever is true
//   groups       runs of consecutive mean ranks in which no pair differs: the bars of the diagram
//
// Why not Nemenyi's critical difference: whether A and B differ there depends on which others are in the pool, and
// on the same data it can be turned by adding poor ones (Benavoli, Corani and Mangili, "Should we really use post-hoc tests
// based on mean-ranks?", JMLR 17, 2016, arXiv:1505.02288), who recommend the signed-rank or the sign test. A pair's p
// here depends on the two alone; only Holm's factor knows the pool.
//
// What N workloads can show at all: the smallest two-sided p is 2^(1-N), times the m = k(k-1)/2 pairs. With 8 workloads it
// is 0.0078, too large for more than 6 pairs at 0.05. The answer says so.
//
// A workload that one of them did not run has no rank for it and is left out for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/aggregate.hpp"
#include "analysis/score.hpp"

namespace velo::analysis {

/// Ranks from 1, the smallest value first; equal values share the mean of their places. No NaN.
[[nodiscard]] std::vector<double> midranks(const std::vector<double>& values);

struct FriedmanOptions {
  std::int64_t permutations = 20000;
  std::uint64_t seed = 20240601;
  int threads = 1;
};

struct Friedman {
  std::vector<double> mean_ranks;  ///< by algorithm
  double statistic = 0;            ///< chi2; 0 where everything is tied
  double p_value = 1;
};

/// `times`: [algorithm][workload], infinite where missed. Permutation r draws from stream r of the seed. Throws Error
/// for fewer than two algorithms or no workload.
[[nodiscard]] Friedman friedman(const Times& times, const FriedmanOptions& options = {});

/// Exact two-sided p of the signed-rank test of differences; zeros are left out, infinities allowed. 1 for none.
[[nodiscard]] double signed_rank_test(const std::vector<double>& differences);

/// Adjusted p-values, in the order given.
[[nodiscard]] std::vector<double> holm(const std::vector<double>& p_values);

struct MeanRanks {
  std::vector<std::string> workloads;   ///< those that all ran
  std::vector<std::string> incomplete;  ///< base workloads that one did not run: left out
  Friedman test;
  std::vector<std::vector<double>> p_values;     ///< [algorithm][algorithm], adjusted; 1 on the diagonal
  std::vector<std::size_t> order;                ///< algorithms by mean rank
  std::vector<std::vector<std::size_t>> groups;  ///< by algorithm: numbers of its groups, from 1 in order of rank
  double smallest_p = 1;                         ///< that a pair could get after Holm, were it the clearest
};

/// Throws Error with exit code 5 when no workload was run by all, Error for fewer than two algorithms.
[[nodiscard]] MeanRanks mean_ranks(const StudyTable& table, double level = 0.95, const FriedmanOptions& options = {});

/// One row per algorithm, best first: mean rank, groups, adjusted p against the first.
[[nodiscard]] Answer mean_rank_answer(const StudyTable& table, const BootstrapOptions& options);

}  // namespace velo::analysis
