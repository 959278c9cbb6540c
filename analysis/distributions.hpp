// analysis/distributions.hpp
//
// Distribution functions and quantiles that the tests and intervals of this room need.
//
//   Student      P(|T| > t) with nu degrees of freedom = I_x(nu/2, 1/2) at x = nu / (nu + t^2)
//   chi-square   P(X <= x) with nu degrees of freedom = P(nu/2, x/2)
//   binomial     P(X <= k) of n with probability p = I_{1-p}(n - k, k + 1)
//
// I is the regularised incomplete beta function (continued fraction DLMF section 8.17), P the regularised lower incomplete
// gamma function (series DLMF section 8.11 below a + 1, continued fraction DLMF 8.9.2 above). Their relative error is that of
// lgamma's value in the front factor, some nu ln(nu) 1e-16: below 1e-13 up to a hundred degrees of freedom. Quantiles
// are as good as the functions that they invert.
//
// Degrees of freedom are positive and need not be whole. Arguments out of range throw Error.
#pragma once

namespace velo::analysis {

[[nodiscard]] double normal_cdf(double z);

/// z with P(Z <= z) = p for a standard normal Z; p in (0, 1). Accurate to a few units of the last place of erfc.
[[nodiscard]] double normal_quantile(double p);

[[nodiscard]] double student_cdf(double t, double freedom);
/// t with P(T <= t) = p; p in (0, 1).
[[nodiscard]] double student_quantile(double p, double freedom);

[[nodiscard]] double chi_square_cdf(double x, double freedom);
/// x with P(X <= x) = p; p in (0, 1).
[[nodiscard]] double chi_square_quantile(double p, double freedom);

/// P(X = k) and P(X <= k) for X ~ Binomial(n, p).
[[nodiscard]] double binomial_probability(int k, int n, double p);
[[nodiscard]] double binomial_cdf(int k, int n, double p);

}  // namespace velo::analysis
