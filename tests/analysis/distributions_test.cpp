#include "analysis/distributions.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <numbers>

#include "results/error.hpp"

using namespace velo::analysis;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

TEST_CASE("normal quantiles are the tabulated ones") {
  CHECK_THAT(normal_quantile(0.975), WithinAbs(1.959963984540054, 1e-12));
  CHECK_THAT(normal_quantile(0.05), WithinAbs(-1.6448536269514722, 1e-12));
  CHECK_THAT(normal_quantile(0.5), WithinAbs(0, 1e-15));
  for (const double p : {1e-250, 1e-12, 1e-3, 0.4}) CHECK_THAT(normal_cdf(normal_quantile(p)), WithinRel(p, 1e-12));
}

TEST_CASE("Student's distribution is Cauchy's with 1 degree of freedom, algebraic with 2, and normal with many") {
  for (const double t : {-30.0, -1.5, -0.1, 0.0, 0.7, 4.0}) {
    CHECK_THAT(student_cdf(t, 1), WithinRel(0.5 + std::atan(t) / std::numbers::pi, 1e-12));
    CHECK_THAT(student_cdf(t, 2), WithinRel(0.5 + t / (2 * std::sqrt(2 + t * t)), 1e-11));
    // The expansion in 1 / nu; the front factor has two values of lgamma near 6e6, each good to 2 units of 1e-16.
    const double density = std::exp(-t * t / 2) / std::sqrt(2 * std::numbers::pi);
    CHECK_THAT(student_cdf(t, 1e6), WithinAbs(normal_cdf(t) - (t * t * t + t) * density / 4e6, 2e-9));
  }
}

TEST_CASE("quantiles of Student's distribution and of chi-square are the tabulated ones") {
  CHECK_THAT(student_quantile(0.975, 4), WithinRel(2.7764451051977987, 1e-11));
  CHECK_THAT(student_quantile(0.95, 1), WithinRel(6.313751514675043, 1e-11));
  CHECK_THAT(student_quantile(0.05, 10), WithinRel(-1.8124611228107335, 1e-11));
  CHECK(student_quantile(0.5, 3) == 0);
  CHECK_THAT(chi_square_quantile(0.95, 3), WithinRel(7.814727903251179, 1e-11));
  CHECK_THAT(chi_square_quantile(0.05, 10), WithinRel(3.9402991361190605, 1e-11));
}

TEST_CASE("chi-square with 2 degrees of freedom is exponential, and fractions of a degree are allowed") {
  for (const double x : {0.01, 1.0, 3.0, 40.0}) CHECK_THAT(chi_square_cdf(x, 2), WithinRel(-std::expm1(-x / 2), 1e-12));
  CHECK_THAT(chi_square_cdf(chi_square_quantile(0.2, 3.5), 3.5), WithinRel(0.2, 1e-12));
  CHECK_THAT(student_cdf(student_quantile(0.01, 4.41), 4.41), WithinRel(0.01, 1e-12));
}

TEST_CASE("binomial probabilities add up by hand") {
  CHECK_THAT(binomial_cdf(1, 4, 0.5), WithinRel(5.0 / 16, 1e-13));
  CHECK_THAT(binomial_cdf(2, 3, 0.1), WithinRel(0.999, 1e-13));
  CHECK(binomial_cdf(-1, 3, 0.1) == 0);
  CHECK(binomial_cdf(3, 3, 0.1) == 1);
}

TEST_CASE("quantiles of impossible probabilities and degrees of freedom are refused") {
  CHECK_THROWS_AS(normal_quantile(0), velo::Error);
  CHECK_THROWS_AS(student_quantile(1, 3), velo::Error);
  CHECK_THROWS_AS(student_cdf(1, 0), velo::Error);
}
