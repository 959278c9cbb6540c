#include "analysis/sequential.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/compare.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

void check_boundaries(const std::vector<double>& fractions, const std::vector<double>& printed) {
  const auto plan = sequential_plan(fractions);
  REQUIRE(plan.boundaries.size() == printed.size());
  for (std::size_t k = 0; k < printed.size(); ++k) CHECK_THAT(plan.boundaries[k], WithinAbs(printed[k], 0.0006));
}

/// Share of sequential tests of a mean that is 0 which decide at some look; `decides(values, k)` judges look k.
template <typename Draw, typename Decides>
double false_alarms(int experiments, std::uint64_t seed, const std::vector<std::size_t>& looks, const Draw& draw,
                    const Decides& decides) {
  return share(experiments, seed, [&](CounterStream& random) {
    std::vector<double> values;
    for (std::size_t k = 0; k < looks.size(); ++k) {
      while (values.size() < looks[k]) values.push_back(draw(random));
      if (decides(values, k)) return true;
    }
    return false;
  });
}

const std::vector<std::size_t> looks{4, 8, 12, 16, 20};

}  // namespace

TEST_CASE("boundaries at equally spaced looks are the published ones of Lan and DeMets") {
  check_boundaries({1}, {1.960});
  check_boundaries({0.5, 1}, {2.963, 1.969});
  check_boundaries({1.0 / 3, 2.0 / 3, 1}, {3.710, 2.511, 1.993});
  check_boundaries({0.2, 0.4, 0.6, 0.8, 1}, {4.877, 3.357, 2.680, 2.290, 2.031});
}

TEST_CASE("alpha is spent as the formula says, all of it at the end") {
  CHECK(spent(0, 0.05) == 0);
  CHECK(spent(1, 0.05) == 0.05);
  // 4 - 4 Phi(2.241403 / sqrt(0.5)) = 4 - 4 Phi(3.169823), printed as 0.00305.
  CHECK_THAT(spent(0.5, 0.05), WithinAbs(0.00305, 5e-6));
  // A plan that ends early has spent only its share: its two-sided first boundary is the quantile of that.
  const auto plan = sequential_plan({0.5});
  CHECK_THAT(plan.nominal.front(), WithinRel(spent(0.5, 0.05), 1e-8));
}

TEST_CASE("later looks do not change earlier boundaries") {
  const auto two = sequential_plan({0.3, 0.6}), three = sequential_plan({0.3, 0.6, 0.9});
  CHECK(two.boundaries[0] == three.boundaries[0]);
  CHECK(two.boundaries[1] == three.boundaries[1]);
}

TEST_CASE("five looks at a mean of known variance raise as many false alarms as one") {
  constexpr int experiments = 40000;
  const auto plan = sequential_plan_of_pairs(looks, 20);
  const double alarms = false_alarms(experiments, 101, looks, normal, [&](const std::vector<double>& values, auto k) {
    double sum = 0;
    for (const double value : values) sum += value;
    return std::abs(sum) / std::sqrt(static_cast<double>(values.size())) >= plan.boundaries[k];
  });
  CHECK_THAT(alarms, WithinAbs(0.05, six_sigma(0.05, experiments)));
  // The same looks without a plan: about 0.14 (Armitage, McPherson and Rowe, table 2).
  const double naive = false_alarms(experiments, 102, looks, normal, [](const std::vector<double>& values, auto) {
    double sum = 0;
    for (const double value : values) sum += value;
    return std::abs(sum) / std::sqrt(static_cast<double>(values.size())) >= 1.96;
  });
  CHECK_THAT(naive, WithinAbs(0.142, 0.0005 + six_sigma(0.142, experiments)));
}

TEST_CASE("with the variance estimated at every look the false alarms stay at the level") {
  constexpr int experiments = 20000;
  const auto plan = sequential_plan_of_pairs(looks, 20);
  int covered = 0;
  const double alarms = false_alarms(experiments, 103, looks, normal, [&](const std::vector<double>& values, auto k) {
    const auto answer = look_at(values, plan, k);
    covered += k + 1 == looks.size() && answer.interval.low <= 0 && 0 <= answer.interval.high;
    return answer.look == Look::decided;
  });
  CHECK_THAT(alarms, WithinAbs(0.05, 0.005 + six_sigma(0.05, experiments)));
  // Repeated intervals: 0 lies outside exactly when the look decides.
  CHECK(covered == experiments - static_cast<int>(std::lround(alarms * experiments)));
}

TEST_CASE("sign tests at nominal levels stay below the level") {
  constexpr int experiments = 10000;
  const auto plan = sequential_plan_of_pairs(looks, 20);
  const double alarms = false_alarms(experiments, 104, looks, normal, [&](const std::vector<double>& values, auto k) {
    int wins = 0;
    for (const double value : values) wins += value > 0;
    return sign_test(wins, static_cast<int>(values.size()) - wins) <= plan.nominal[k];
  });
  CHECK(alarms < 0.05);
}

TEST_CASE("a real difference is decided early, and the last look ends the race undecided") {
  const auto plan = sequential_plan_of_pairs(looks, 20);
  CHECK(look_at({0.5, 0.51, 0.49, 0.5, 0.5, 0.51, 0.5, 0.49}, plan, 1).look == Look::decided);
  CHECK(look_at({0.1, -0.1, 0.2, -0.2}, plan, 0).look == Look::go_on);
  std::vector<double> undecided;
  for (int i = 0; i < 20; ++i) undecided.push_back(i % 2 == 0 ? 0.1 : -0.1);
  const auto last = look_at(undecided, plan, 4);
  CHECK(last.look == Look::exhausted);
  CHECK_THAT(last.p_value, WithinAbs(1, 1e-12));
  CHECK(look_at({0, 0, 0, 0}, plan, 0).look == Look::go_on);
  CHECK(look_at({0.1, 0.1, 0.1, 0.1}, plan, 0).look == Look::decided);
}

TEST_CASE("looks out of order and impossible levels are refused") {
  CHECK_THROWS_WITH(sequential_plan({0.5, 0.5}), ContainsSubstring("0.5 follows 0.5"));
  CHECK_THROWS_WITH(sequential_plan({0.5, 1.5}), ContainsSubstring("increasing fractions"));
  CHECK_THROWS_WITH(sequential_plan({}), ContainsSubstring("at least one look"));
  CHECK_THROWS_WITH(sequential_plan({1}, 0.3), ContainsSubstring("between 0.5 and 1"));
  CHECK_THROWS_WITH(look_at({1}, sequential_plan({1}), 0), ContainsSubstring("two or more"));
  CHECK_THROWS_WITH(look_at({1, 2}, sequential_plan({1}), 1), ContainsSubstring("has 1 looks"));
}
