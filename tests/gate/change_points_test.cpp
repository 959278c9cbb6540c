#include "analysis/gate/change_points.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"

namespace velo::analysis {
namespace {

std::vector<double> noise(std::size_t n, std::uint64_t seed) {
  CounterStream draws(seed, 3);
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(100 + normal_quantile(1e-9 + (1 - 2e-9) * draws.uniform()));
  return out;
}

TEST_CASE("a step of the level is found where it is, with both levels") {
  std::vector<double> values = noise(40, 1);
  for (std::size_t i = 25; i < 40; ++i) values[i] += 6;
  const auto points = change_points(values);
  REQUIRE(points.size() == 1);
  CHECK(points[0].at == 25);
  CHECK(std::abs(points[0].before - 100) < 1);
  CHECK(std::abs(points[0].after - 106) < 1);
  CHECK(points[0].p_value <= 0.05);
}

TEST_CASE("two steps are found, a change of spread is one too") {
  std::vector<double> values = noise(60, 2);
  for (std::size_t i = 20; i < 40; ++i) values[i] += 8;
  const auto points = change_points(values);
  REQUIRE(points.size() == 2);
  CHECK(points[0].at == 20);
  CHECK(points[1].at == 40);

  std::vector<double> wider = noise(80, 3);
  for (std::size_t i = 40; i < 80; ++i) wider[i] = 100 + 10 * (wider[i] - 100);
  CHECK_FALSE(change_points(wider).empty());
}

TEST_CASE("series without a change seldom have one") {
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) alarms += !change_points(noise(20, 100 + seed)).empty();
  CHECK(alarms <= 8);  // 3 expected, three standard deviations above
}

TEST_CASE("short, constant and broken series") {
  CHECK(change_points({}).empty());
  CHECK(change_points({1, 2, 3, 4, 50}).empty());
  CHECK(change_points(std::vector<double>(30, 7.0)).empty());
  CHECK_THROWS_AS(change_points({1, std::numeric_limits<double>::quiet_NaN(), 2}), Error);
  CHECK_THROWS_AS(change_points({1, 2}, {.alpha = 0.05, .least = 1}), Error);
}

}  // namespace
}  // namespace velo::analysis
