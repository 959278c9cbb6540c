// analysis/power.hpp
//
// How many studies a question takes. Effects and spreads are natural logarithms: an effect e is a speedup exp(e), the
// spread is the standard deviation of the log speedup of a pair of studies.
//
//   student      P(|T| > t) for T noncentral with shift sqrt(n) e / spread, t = t_{n-1}(1 - alpha/2); computed as the mean
//                over the distribution of s / spread (chi / sqrt(n - 1)) of the normal probability given s, which is the
//                integral that defines the noncentral t
//   equivalence  P(two one-sided tests at alpha both reject) when there is no difference: the same integral over
//                2 Phi(sqrt(n) delta / spread - t s / spread) - 1 where positive (Phillips, J. Pharmacokinet. Biopharm.,
//                1990), t = t_{n-1}(1 - alpha)
//   sign         P(sign_test(wins, n - wins) <= alpha), wins ~ Binomial(n, Phi(e / spread)); exact
//
// Spread from censored log times (Tobin, 1958): every group has its own mean, all share one standard
// deviation; maximum likelihood by EM (Schmee and Hahn, 1979): a time known to exceed c counts with
// its expectation given that. The likelihood divides by the number of times; we multiply the variance by u / (u - groups),
// u the number of times that were reached, which is the usual estimate where all were.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "analysis/outcomes.hpp"

namespace velo::analysis {

/// Probability that the paired t-test of n >= 2 pairs sees the effect.
[[nodiscard]] double power_student(double effect, double spread, std::int64_t pairs, double level);
/// Probability that n >= 2 pairs show equivalence within -+ delta when there is no difference.
[[nodiscard]] double power_equivalence(double delta, double spread, std::int64_t pairs, double level);
/// Probability that the sign test of n decided pairs sees the effect.
[[nodiscard]] double power_sign(double effect, double spread, std::int64_t pairs, double level);

inline constexpr std::int64_t most_planned_pairs = 100000;
inline constexpr std::int64_t most_planned_signs = 5000;

/// Fewest pairs with which the power is reached; nothing when that takes more than `most_planned_...`.
[[nodiscard]] std::optional<std::int64_t> pairs_student(double effect, double spread, double power, double level);
[[nodiscard]] std::optional<std::int64_t> pairs_equivalence(double delta, double spread, double power, double level);
[[nodiscard]] std::optional<std::int64_t> pairs_sign(double effect, double spread, double power, double level);

/// The smallest effect that n >= 2 pairs see with this power by Student's test; proportional to the spread.
[[nodiscard]] double smallest_effect(double spread, std::int64_t pairs, double power, double level);

/// A standard deviation, and on how many degrees of freedom it rests (0: it is unknown).
struct Spread {
  double deviation = 0;
  double freedom = 0;

  /// Not exceeded by the true one with this confidence: deviation sqrt(nu / chi2_nu(1 - confidence)).
  [[nodiscard]] double upper(double confidence) const;
};

/// Common spread of log times within groups. Groups in which nobody reached the target say nothing and are left out.
[[nodiscard]] Spread spread_within(const std::vector<std::vector<CensoredTime>>& groups);

/// Spread of the difference of two rows, `rows[a][s]` being numbers that add up from a row, a column and independent noise:
/// sqrt(2) times the residual one, with (rows - 1)(columns - 1) degrees of freedom. At least 2 by 2.
[[nodiscard]] Spread spread_of_pairs(const std::vector<std::vector<double>>& rows);

}  // namespace velo::analysis
