// Tolerances: factors are sums of up to a hundred products in double, 1e-13; times the slope between two points.
#include "analysis/refine.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>

#include "results/error.hpp"

using namespace velo;
using namespace velo::analysis;
using Catch::Matchers::WithinAbs;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr double rounding = 1e-13;

}  // namespace

TEST_CASE("norms between logged steps lie on straight lines, beyond them they stay") {
  const std::vector<double> steps = {2, 3, 5, 6, 9}, norms = {4, 6, missing, 3, 9};
  CHECK(at_every_step(steps, norms, 10) == std::vector<double>{4, 4, 6, 5, 4, 3, 5, 7, 9, 9});
  CHECK_THROWS_AS(at_every_step(steps, std::vector<double>(5, missing), 10), Error);
}

TEST_CASE("constant norms give the linear decay to zero, whatever the power") {
  for (const double power : {0.0, 1.0, 2.0}) {
    const std::vector<double> factors = refined_factors(std::vector<double>(100, 3.7), {.power = power, .points = 11});
    REQUIRE(factors.size() == 11);
    for (std::size_t k = 0; k < 11; ++k)
      CHECK_THAT(factors[k], WithinAbs(1.0 - static_cast<double>(k) / 10.0, rounding));
  }
}

TEST_CASE("a refined schedule is its definition, step by step") {
  std::vector<double> norms(40);
  for (std::size_t t = 0; t < norms.size(); ++t) norms[t] = 1.0 + std::sin(static_cast<double>(t));
  norms[0] += 0.5;
  const std::vector<double> factors = refined_factors(norms, {.power = 1.5, .smoothing = 0.0, .points = 41});
  std::vector<double> f(41);
  for (std::size_t t = 0; t < 40; ++t)
    for (std::size_t p = t; p < 40; ++p) f[t] += std::pow(norms[t], -1.5) * std::pow(norms[p], -1.5);
  const double top = *std::max_element(f.begin(), f.end());
  for (std::size_t t = 0; t <= 40; ++t) CHECK_THAT(factors[t], WithinAbs(f[t] / top, rounding));
}

TEST_CASE("norms that start large make a warm-up, norms that grow at the end a faster decay") {
  std::vector<double> norms(200, 1.0);
  for (std::size_t t = 0; t < 40; ++t) norms[t] = 3.0 - static_cast<double>(t) / 20.0;
  const std::vector<double> warm = refined_factors(norms, {});
  CHECK(warm.front() < 0.3);
  CHECK(*std::max_element(warm.begin(), warm.begin() + 30) == 1.0);
  CHECK(warm.back() == 0.0);
  std::reverse(norms.begin(), norms.end());
  const std::vector<double> early = refined_factors(norms, {});
  CHECK(early.front() == 1.0);
  CHECK(early[90] < 0.05);
}

TEST_CASE("the median forgets a spike, mirrors the end and keeps the start") {
  std::vector<double> norms(100, 2.0);
  norms[50] = 1e6;
  const std::vector<double> with_spike = refined_factors(norms, {}),
                            without = refined_factors(std::vector<double>(100, 2.0), {});
  for (std::size_t k = 0; k < without.size(); ++k) CHECK_THAT(with_spike[k], WithinAbs(without[k], rounding));
  // Of three values around each step, with the first repeated in front of it and the last behind it.
  const std::vector<double> factors =
      refined_factors(std::vector<double>{1, 3, 2, 5}, {.power = 1, .smoothing = 0.5, .points = 5});
  const std::vector<double> smooth = {1, 2, 3, 5};
  std::vector<double> f(5);
  for (std::size_t t = 0; t < 4; ++t)
    for (std::size_t p = t; p < 4; ++p) f[t] += 1.0 / smooth[t] / smooth[p];
  for (std::size_t t = 0; t < 5; ++t) CHECK_THAT(factors[t], WithinAbs(f[t] / f[0], rounding));
}

TEST_CASE("norms that are zero or no numbers are refused, naming the step") {
  CHECK_THROWS_AS(refined_factors(std::vector<double>{1, 0, 1}, {}), Error);
  CHECK_THROWS_AS(refined_factors(std::vector<double>{1, missing}, {}), Error);
}
