// analysis/kwise_ranking.hpp
//
// Who is strong, from a table with holes: K-wise Bayesian ranking. A match is a set of algorithms that ran the same study
// of the same workload, in order of their times; which algorithms meet in which match does not matter.
//
//   model     theta_i ~ N(mu_i, sigma_i^2); in a match i shows X_i ~ N(theta_i, beta^2); larger is better
//   update    for every pair of a match, with c^2 = sigma_i^2 + sigma_q^2 + 2 beta^2 and x = (mu_i - mu_q)/c:
//               mu_i      += sigma_i^2 [sum over q worse of V(x)/c - sum over q better of V(-x)/c]
//               sigma_i^2 *= 1 - sum over q of (sigma_i^2 / c^2) W(x or -x)
//             V(x) = phi(x)/Phi(x), W(x) = V(x)(V(x) + x); all sums with the values before the match
//             (K-Sort Arena: Li et al., CVPR 2025, arXiv:2408.14468; this is the full-pair Thurstone-Mosteller
//             rule of Weng and Lin, JMLR 12:267, 2011)
//   score     mu - 3 sigma: what one can be sure of
//
// Where we differ. A draw (equal times, or both missed the target) counts half as a win and half as a loss. The factor of
// sigma^2 is kept above 1e-4, as in Weng and Lin: with many players the sum exceeds 1. The rule depends on the order of
// the matches, which here means nothing: the result is the mean of mu and of sigma^2 over `orders` random orders.
//
// What it is not: sigma treats the pairs of a match as independent, which they are not, so with K > 2 it is too small and
// no interval of stated coverage; the order of the scores is what counts. Check a claim with analysis/compare.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/score.hpp"
#include "results/table.hpp"

namespace velo::analysis {

struct KwiseOptions {
  double sigma = 1;          ///< prior standard deviation of a strength, mean 0
  double beta = 0.5;         ///< of what a match shows of it
  std::int64_t orders = 32;  ///< random orders to average over; 1: the order given, as the paper has it
  std::uint64_t seed = 20240601;
};

/// One showing in a match: a player and its place, 1 the best; equal places are draws.
struct Showing {
  std::size_t player = 0;
  int place = 1;
};
using Match = std::vector<Showing>;

struct Strength {
  double mean = 0, deviation = 1;
  std::size_t matches = 0;

  [[nodiscard]] double score() const { return mean - 3 * deviation; }
};

/// Strengths of players 0, ..., players - 1; who never played keeps the prior. Throws Error for a player out of range or
/// twice in a match, and for meaningless options.
[[nodiscard]] std::vector<Strength> kwise_ranking(std::size_t players, const std::vector<Match>& matches,
                                                  const KwiseOptions& options = {});

/// One match for every (base workload, study number) that at least two algorithms ran: by study time, misses last and
/// equal.
[[nodiscard]] std::vector<Match> matches_of(const StudyTable& table);

/// One row per algorithm, strongest first: score, mean, deviation, matches.
[[nodiscard]] Table kwise_table(const std::vector<TrialOutcome>& trials, const ScoreOptions& score = {},
                                const KwiseOptions& options = {});

}  // namespace velo::analysis
