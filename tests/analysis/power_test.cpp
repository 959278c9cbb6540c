#include "analysis/power.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/compare.hpp"
#include "analysis/equivalence.hpp"
#include "analysis/seed_plan.hpp"
#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

std::vector<TrialOutcome> race(double spread, int studies, std::uint64_t seed, double budget = 1e9,
                               const std::string& workload = "w") {
  std::vector<TrialOutcome> trials;
  CounterStream random(seed, 0);
  for (int study = 0; study < studies; ++study) {
    const double shared = 0.5 * normal(random);
    for (const char* algorithm : {"a", "b"}) {
      const double time = 100 * std::exp(shared + spread * normal(random));
      trials.push_back(trial(algorithm, workload, study, time < budget ? time : not_reached, budget));
    }
  }
  return trials;
}

}  // namespace

TEST_CASE("the power of Student's test is the tabulated one") {
  // Cohen's medium effect, half a standard deviation: 34 pairs at 0.05 two-sided for a power of 0.8 (0.808), 44 for 0.9.
  CHECK(pairs_student(0.5, 1, 0.8, 0.95) == 34);
  CHECK(pairs_student(0.5, 1, 0.9, 0.95) == 44);
  CHECK(pairs_student(0.8, 1, 0.8, 0.95) == 15);
  CHECK(pairs_student(0.2, 1, 0.8, 0.95) == 199);
  // Without an effect the power is the level, whatever the degrees of freedom.
  for (const std::int64_t n : {2, 3, 5, 50, 5000}) CHECK_THAT(power_student(0, 1, n, 0.95), WithinAbs(0.05, 1e-7));
}

TEST_CASE("the power of the sign test is exact") {
  // Six pairs: all one way, p^6 + (1 - p)^6 with p = Phi(1).
  const double p = 0.8413447460685429;
  CHECK_THAT(power_sign(1, 1, 6, 0.95), WithinRel(std::pow(p, 6) + std::pow(1 - p, 6), 1e-12));
  CHECK(power_sign(1, 1, 5, 0.95) == 0);
  const auto pairs = pairs_sign(0.5, 1, 0.8, 0.95);
  REQUIRE(pairs);
  CHECK(power_sign(0.5, 1, *pairs, 0.95) >= 0.8);
  CHECK(power_sign(0.5, 1, *pairs - 1, 0.95) < 0.8);
  // Asymptotically the sign test needs pi/2 times the pairs of Student's: 34 becomes 53 or so.
  CHECK(*pairs > 45);
  CHECK(*pairs < 62);
  CHECK_FALSE(pairs_sign(1e-4, 1, 0.8, 0.95));
}

TEST_CASE("what is planned is what happens: the tests see the effect as often as their power says") {
  constexpr int experiments = 4000;
  const double effect = std::log(1.05);
  const auto drawn = [](CounterStream& random, double mean, std::int64_t n) {
    std::vector<Interval> out;
    for (std::int64_t i = 0; i < n; ++i) {
      const double d = mean + 0.06 * normal(random);
      out.push_back({d, d});
    }
    return out;
  };
  const auto pairs = pairs_student(effect, 0.06, 0.8, 0.95).value();
  const double seen = share(experiments, 91, [&](CounterStream& random) {
    return equivalence_paired(drawn(random, effect, pairs)).interval.low > 0;
  });
  CHECK_THAT(seen, WithinAbs(power_student(effect, 0.06, pairs, 0.95), six_sigma(0.8, experiments)));
  const auto same = pairs_equivalence(effect, 0.06, 0.8, 0.95).value();
  const double shown = share(experiments, 92, [&](CounterStream& random) {
    return equivalence_paired(drawn(random, 0, same)).standing == Standing::equivalent;
  });
  CHECK_THAT(shown, WithinAbs(power_equivalence(effect, 0.06, same, 0.95), six_sigma(0.8, experiments)));
  CHECK(power_equivalence(effect, 0.06, same, 0.95) >= 0.8);
}

TEST_CASE("the smallest visible effect is seen with the power asked for and grows with the spread") {
  const double visible = smallest_effect(0.1, 5, 0.8, 0.95);
  CHECK_THAT(power_student(visible, 0.1, 5, 0.95), WithinAbs(0.8, 1e-9));
  CHECK_THAT(smallest_effect(0.3, 5, 0.8, 0.95), WithinRel(3 * visible, 1e-9));
  CHECK(smallest_effect(0, 5, 0.8, 0.95) == 0);
}

TEST_CASE("spreads are the usual ones where nothing is censored") {
  // Within: log times 0, 1 and 2, 5: (0.5 + 4.5) / 2.
  const Spread within = spread_within(
      {{{std::exp(0.0), true}, {std::exp(1.0), true}}, {{std::exp(2.0), true}, {std::exp(5.0), true}}, {{7, false}}});
  CHECK_THAT(within.deviation, WithinRel(std::sqrt(2.5), 1e-12));
  CHECK(within.freedom == 2);
  // Two rows: the spread of pairs is the standard deviation of their differences 1, 3, 2.
  const Spread pairs = spread_of_pairs({{5, 8, 1}, {4, 5, -1}});
  CHECK_THAT(pairs.deviation, WithinRel(1.0, 1e-12));
  CHECK(pairs.freedom == 2);
  CHECK(spread_within({{{1, true}}, {{2, true}, {3, false}}}).freedom == 0);
  // chi-square(1 - 0.8) with 10 degrees of freedom is 6.17908.
  CHECK_THAT((Spread{2, 10}.upper(0.8)), WithinRel(2 * std::sqrt(10 / 6.179079), 1e-6));
}

TEST_CASE("the spread of censored log times is that of the times that nobody saw") {
  // Three groups of 12, watched until their 70 % quantile. Maximum likelihood is consistent; over 400 experiments the
  // mean variance has a standard error of 0.4 sqrt(2/22)/20 = 0.006 relative to 1, and the bias is of order 1/36.
  double sum = 0;
  int under = 0;
  constexpr int experiments = 400;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(93, static_cast<std::uint64_t>(e));
    std::vector<std::vector<CensoredTime>> groups(3);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double mean = static_cast<double>(g), limit = mean + 0.2 * 0.5244;
      for (int i = 0; i < 12; ++i) {
        const double x = mean + 0.2 * normal(random);
        groups[g].push_back({std::exp(std::min(x, limit)), x < limit});
      }
    }
    const Spread spread = spread_within(groups);
    sum += spread.deviation * spread.deviation / 0.04;
    under += spread.upper(0.8) < 0.2;
  }
  CHECK_THAT(sum / experiments, WithinAbs(1, 0.06));
  // The upper limit fails once in five; its degrees of freedom are an approximation.
  CHECK_THAT(under / double{experiments}, WithinAbs(0.2, 0.04 + six_sigma(0.2, experiments)));
}

TEST_CASE("a plan takes out what pairs share, and says how many it takes") {
  const auto plan = plan_seeds(race(0.05, 40, 94), {}, {.detect = 0.05});
  REQUIRE(plan.workloads.size() == 1);
  const WorkloadSeeds& w = plan.workloads.front();
  CHECK(w.from == "pairs");
  // sqrt(2) 0.05, from 39 degrees of freedom: relative standard error 1/sqrt(78), six of them.
  CHECK_THAT(w.spread.deviation, WithinRel(std::sqrt(2.0) * 0.05, 6 / std::sqrt(78.0)));
  CHECK(w.student == pairs_student(std::log(1.05), w.spread.deviation, 0.8, 0.95));
  CHECK(*w.student_high > *w.student);
  CHECK(*w.sign > *w.student);
  CHECK(w.visible.value() < 0.05);  // 40 pairs see more than the 18 or so that it takes
  CHECK_FALSE(plan.all);
  CHECK_THAT(plan_sentence(plan), ContainsSubstring("difference of 5 %") && ContainsSubstring("on w takes") &&
                                      ContainsSubstring("by Student's test"));
}

TEST_CASE("a plan over several workloads needs fewer pairs on each") {
  auto trials = race(0.05, 40, 95);
  for (const auto& t : race(0.05, 40, 96, 1e9, "v")) trials.push_back(t);
  const auto plan = plan_seeds(trials);
  REQUIRE(plan.all);
  CHECK(*plan.all->student < *plan.workloads[0].student);
  CHECK_FALSE(plan.all->sign);
  CHECK(seed_table(plan).rows.size() == 3);
}

TEST_CASE("studies that missed the target are planned for with the sign test") {
  const auto plan = plan_seeds(race(0.05, 40, 97, 140));
  const WorkloadSeeds& w = plan.workloads.front();
  CHECK(w.from == "censored studies");
  CHECK(w.missed > 0.1);
  CHECK_FALSE(w.student);
  CHECK(w.sign.has_value());
  CHECK_THAT(notes(plan).back(), ContainsSubstring("plan with the sign test"));
}

TEST_CASE("where the spread is unknown the plan says what can be said without it") {
  const auto plan = plan_seeds(race(0.05, 1, 98));
  CHECK_FALSE(plan.answered());
  // 80 % power: 3 pairs see 3.26 standard deviations, 5 pairs 1.68.
  CHECK_THAT(plan_sentence(plan), ContainsSubstring("is unknown, since no algorithm has two studies") &&
                                      ContainsSubstring("3 pairs see 3.26 times as much, 5 pairs 1.68"));
  const auto table = seed_table(plan);
  CHECK(std::holds_alternative<std::monostate>(table.rows[0][3]));
}

TEST_CASE("studies that do not differ are said to be below the resolution") {
  std::vector<TrialOutcome> trials;
  for (int study = 0; study < 3; ++study) {
    for (const char* algorithm : {"a", "b"}) trials.push_back(trial(algorithm, "w", study, 100));
  }
  const auto plan = plan_seeds(trials);
  CHECK(plan.workloads.front().student == 2);
  CHECK_THAT(notes(plan).back(), ContainsSubstring("below what the evaluation cadence resolves"));
}

TEST_CASE("plans without meaning are refused") {
  CHECK_THROWS_WITH(plan_seeds(race(0.1, 3, 99), {}, {.detect = 0}), ContainsSubstring("positive"));
  CHECK_THROWS_WITH(plan_seeds(race(0.1, 3, 99), {}, {.power = 1}), ContainsSubstring("a power lies"));
  CHECK_THROWS_WITH(plan_seeds(race(0.1, 3, 99), {}, {.power = 0.01}), ContainsSubstring("false alarm"));
}
