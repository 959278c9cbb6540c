#include "analysis/stochastic_order.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>

#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"

using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

std::vector<double> normals(CounterStream& random, int n, double mean, double spread) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(mean + spread * normal(random));
  return out;
}

/// How often N(mean, spread) is called better than N(0, 1), from samples of n.
double better_share(int experiments, std::uint64_t seed, int n, double mean, double spread) {
  return share(experiments, seed, [&](CounterStream& random) {
    const auto a = normals(random, n, mean, spread), b = normals(random, n, 0, 1);
    return almost_stochastic_order(a, b, {.resamples = 200, .seed = random.bits()}).better;
  });
}

}  // namespace

TEST_CASE("the violation is the squared distance where A is worse, by hand") {
  CHECK(order_violation({1, 2}, {1.5, 3}) == 0);
  CHECK(order_violation({1.5, 3}, {1, 2}) == 1);
  // Half of the quantiles: 0 against 1 (better), half: 3 against 1 (worse by 2).
  CHECK_THAT(order_violation({3, 0}, {1, 1}), WithinRel(4.0 / 5, 1e-15));
  // Unequal sizes. Ends 1/3, 1/2, 2/3: differences 1 - 2, 2 - 2, 2 - 1.5... of sorted b = {1.5, 2}: -0.5, 0.5, 0, 4.
  CHECK_THAT(order_violation({1, 2, 6}, {2, 1.5}),
             WithinRel((0.25 / 6 + 16.0 / 3) / (0.25 / 3 + 0.25 / 6 + 16.0 / 3), 1e-14));
  CHECK(order_violation({1, 2}, {2, 1}) == 0.5);
}

TEST_CASE("the violation in one direction and in the other make one, at any scale") {
  CounterStream random(111, 0);
  const auto a = normals(random, 17, 0, 1), b = normals(random, 23, 0.1, 2);
  const double forth = order_violation(a, b);
  CHECK_THAT(forth + order_violation(b, a), WithinRel(1.0, 1e-12));
  std::vector<double> moved_a, moved_b;
  for (const double x : a) moved_a.push_back(10 * x + 3);
  for (const double x : b) moved_b.push_back(10 * x + 3);
  CHECK_THAT(order_violation(moved_a, moved_b), WithinRel(forth, 1e-10));
}

TEST_CASE("a sample shifted by more than its range is better without doubt") {
  const auto order = almost_stochastic_order({1, 2, 3}, {11, 12, 13});
  CHECK(order.violation == 0);
  CHECK(order.limit == 0);
  CHECK(order.published == 0);
  CHECK(order.better);
  CHECK_FALSE(almost_stochastic_order({11, 12, 13}, {1, 2, 3}).better);
  CHECK_FALSE(almost_stochastic_order({1}, {11, 12}).better);  // one value has no spread to be sure by
}

TEST_CASE("where the violation is one half, a winner is called about as often as alpha") {
  // Between equals, and N(0, 2) against N(0, 1), which is worse at the upper quantiles exactly as much as better at the
  // lower ones. The expanded percentile is good to 0.01 there (table in the header).
  constexpr int experiments = 500;
  for (const int n : {5, 12}) {
    INFO(n);
    CHECK(better_share(experiments, 112, n, 0, 2) < 0.06 + six_sigma(0.05, experiments));
    CHECK(better_share(experiments, 113, n, 0, 1) < 0.06 + six_sigma(0.05, experiments));
  }
}

TEST_CASE("a clear winner is called") { CHECK(better_share(150, 114, 20, -1, 1) > 0.8); }

TEST_CASE("the limit covers the violation of normal distributions") {
  // N(-0.5, 2) against N(0, 1): F^-1 - G^-1 = z - 0.5 with z standard normal. The integral of (z - 0.5)^2 phi over
  // z > 0.5 is (1 + 0.25)(1 - Phi(0.5)) - 0.5 phi(0.5), the whole is 1.25.
  const double truth = (1.25 * 0.3085375387259869 - 0.5 * 0.3520653267642995) / 1.25;
  constexpr int experiments = 400;
  int published = 0;
  const double covered = share(experiments, 115, [&](CounterStream& random) {
    const auto a = normals(random, 20, -0.5, 2), b = normals(random, 20, 0, 1);
    const auto order = almost_stochastic_order(a, b, {.resamples = 200, .seed = random.bits()});
    published += truth <= order.published;
    return truth <= order.limit;
  });
  CHECK_THAT(covered, WithinAbs(0.93, six_sigma(0.93, experiments)));
  CHECK(published < covered * experiments);
}

TEST_CASE("the same seed gives the same limit, and orders of nothing are refused") {
  CounterStream random(116, 0);
  const auto a = normals(random, 10, 0, 1), b = normals(random, 12, 0.5, 1);
  CHECK(almost_stochastic_order(a, b).limit == almost_stochastic_order(a, b).limit);
  CHECK(almost_stochastic_order(a, b).limit != almost_stochastic_order(a, b, {.seed = 2}).limit);
  CHECK_THROWS_WITH(order_violation({}, {1}), ContainsSubstring("at least one value"));
  CHECK_THROWS_WITH(order_violation({1}, {std::numeric_limits<double>::infinity()}),
                    ContainsSubstring("common horizon"));
  CHECK_THROWS_WITH(almost_stochastic_order({1}, {1}, {.resamples = 1}), ContainsSubstring("2 resamples"));
}
