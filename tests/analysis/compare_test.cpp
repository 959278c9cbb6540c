#include "analysis/compare.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/summary.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

/// Two algorithms on two workloads in three studies; b takes `factor` times as long.
std::vector<TrialOutcome> race(double factor) {
  std::vector<TrialOutcome> trials;
  for (const char* workload : {"u", "v"}) {
    for (int study = 0; study < 3; ++study) {
      const double time = 100 + 10 * study;
      trials.push_back(trial("a", workload, study, time));
      trials.push_back(trial("b", workload, study, factor * time));
    }
  }
  return trials;
}

}  // namespace

TEST_CASE("the sign test is the exact binomial tail") {
  CHECK(sign_test(0, 0) == 1);
  CHECK(sign_test(3, 3) == 1);
  // lgamma and exp lose some units in the last place each: 10 terms of a few 1e-16.
  CHECK_THAT(sign_test(6, 0), WithinRel(2.0 / 64, 1e-13));
  CHECK_THAT(sign_test(1, 8), WithinRel(2.0 * (9 + 1) / 512, 1e-13));
}

TEST_CASE("an algorithm that is always twice as fast is faster by two, in both directions") {
  const auto forth = compare(race(2), "a", "b");
  CHECK_THAT(forth.speedup.low, WithinRel(2.0, 1e-15));
  CHECK_THAT(forth.speedup.high, WithinRel(2.0, 1e-15));
  CHECK(forth.paired);
  CHECK_THAT(forth.interval.low, WithinRel(2.0, 1e-15));
  CHECK(forth.wins_a == 6);
  CHECK(forth.verdict == Verdict::faster);
  const auto back = compare(race(2), "b", "a");
  CHECK_THAT(back.speedup.low, WithinRel(0.5, 1e-15));
  CHECK(back.verdict == Verdict::slower);
}

TEST_CASE("equal algorithms and too few pairs are inconclusive") {
  const auto equal = compare(race(1), "a", "b");
  CHECK(equal.ties == 6);
  CHECK(equal.p_value == 1);
  CHECK(equal.verdict == Verdict::inconclusive);
  auto one_workload = race(2);
  std::erase_if(one_workload, [](const TrialOutcome& t) { return t.workload == "v"; });
  CHECK(compare(one_workload, "a", "b").verdict == Verdict::inconclusive);
}

TEST_CASE("a target that only one side reached bounds the speedup from one side") {
  auto trials = race(2);
  for (auto& t : trials) {
    if (t.algorithm == "b" && t.workload == "v") {
      t.reached = false;
      t.stop_reason = "budget";
      t.example_gradients = 880;  // at least 8 times the median of a
    }
  }
  const auto result = compare(trials, "a", "b");
  CHECK_THAT(result.speedup.low, WithinRel(std::sqrt(2.0 * 8.0), 1e-15));
  CHECK(result.speedup.high == not_reached);
  CHECK(result.verdict == Verdict::faster);
  const auto back = compare(trials, "b", "a");
  CHECK(back.speedup.low == 0);
  CHECK(back.verdict == Verdict::slower);
}

TEST_CASE("workloads that neither reached or only one ran are named, not counted") {
  auto trials = race(2);
  trials.push_back(trial("a", "x", 0, not_reached));
  trials.push_back(trial("b", "x", 0, not_reached));
  trials.push_back(trial("a", "y", 0, 5));
  const auto result = compare(trials, "a", "b");
  CHECK(result.reached_by_neither == std::vector<std::string>{"x"});
  CHECK(result.only_one_ran == std::vector<std::string>{"y"});
  CHECK(result.workloads.size() == 2);
}

TEST_CASE("comparing with nothing is refused") {
  CHECK_THROWS_WITH(compare(race(2), "a", "bb"), ContainsSubstring("no results of 'bb'"));
  try {
    (void)compare({trial("a", "w", 0, not_reached), trial("b", "w", 0, not_reached)}, "a", "b");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::nothing_measured);
  }
}

TEST_CASE("equal algorithms are told apart no more often than the level allows") {
  // Under the null the sign test alone rejects with probability 2/2^6 + ... <= 0.05 for 6 and for 10 pairs; the verdict
  // needs the interval as well. Six standard errors of a share of 0.05 in 400 races: 0.065.
  int decided = 0;
  constexpr int races = 400;
  for (int r = 0; r < races; ++r) {
    CounterStream random(5, static_cast<std::uint64_t>(r));
    std::vector<TrialOutcome> trials;
    for (const char* workload : {"u", "v"}) {
      for (int study = 0; study < 5; ++study) {
        trials.push_back(trial("a", workload, study, 1 + random.uniform()));
        trials.push_back(trial("b", workload, study, 1 + random.uniform()));
      }
    }
    decided += compare(trials, "a", "b", {}, {.resamples = 200}).verdict != Verdict::inconclusive;
  }
  CHECK(decided / double{races} < 0.05 + 6 * std::sqrt(0.05 * 0.95 / races));
}

TEST_CASE("the interval of the sign test takes order statistics by exact binomial tails") {
  CHECK(sign_depth(5, 0.95) == 0);
  CHECK(sign_depth(6, 0.95) == 1);  // 2/64 outside
  CHECK(sign_depth(9, 0.95) == 2);  // 20/512 outside, the third place would leave 92/512
  CHECK(sign_depth(5, 0.9375) == 1);
  std::vector<Interval> values;
  for (const double x : {9.0, 1.0, 7.0, 3.0, 5.0, 2.0, 8.0, 4.0}) values.push_back({x, x});
  values.push_back({6, not_reached});
  const auto found = sign_interval(values, 0.95);
  CHECK(found.interval == Interval{2, 9});  // the second largest of the greatest values
  CHECK(found.estimate == Interval{5, 5});
  CHECK_THAT(found.coverage, WithinRel(1 - 20.0 / 512, 1e-13));
  CHECK(sign_interval({{1, 1}}, 0.95).interval == Interval{-not_reached, not_reached});
}

TEST_CASE("the median speedup of a pair has an interval of the coverage that is printed, whatever the distribution") {
  // Ratios exp(s x), x exponential and centred at its median, with a spread s that differs between workloads.
  constexpr int experiments = 3000;
  const double covered = share(experiments, 61, [](CounterStream& random) {
    std::vector<Interval> ratios;
    for (int i = 0; i < 9; ++i) {
      const double x = (i < 5 ? 1 : 5) * (-std::log1p(-random.uniform()) - std::log(2.0));
      ratios.push_back({std::exp(x), std::exp(x)});
    }
    const auto interval = sign_interval(ratios, 0.95).interval;
    return interval.low <= 1 && 1 <= interval.high;
  });
  CHECK_THAT(covered, WithinAbs(1 - 20.0 / 512, six_sigma(20.0 / 512, experiments)));
}

TEST_CASE("a comparison carries the exact interval of its pairs and what its bootstrap interval can cover") {
  const auto two = compare(race(2), "a", "b");
  CHECK(two.pairs == 6);
  CHECK_THAT(two.pair_speedup.interval.low, WithinRel(2.0, 1e-15));
  CHECK_THAT(two.pair_speedup.coverage, WithinRel(1 - 2.0 / 64, 1e-13));
  CHECK(two.coverage == 1);
  auto one_workload = race(2);
  std::erase_if(one_workload, [](const TrialOutcome& t) { return t.workload == "v"; });
  const auto one = compare(one_workload, "a", "b");
  CHECK(one.coverage == 0.75);
  CHECK(one.pair_speedup.coverage == 0);
  CHECK_THAT(notes(one).front(), ContainsSubstring("with 3 studies of one workload the interval covers at most 75 %"));
  CHECK_THAT(notes(two).front(), ContainsSubstring("speedup above 2 (exact 96.9 % interval of the sign test 2 to 2)"));
}

TEST_CASE("the bootstrap interval of the speedup covers as often as the header says") {
  constexpr int experiments = 300;
  const auto covered = [&](int workloads, int studies, std::uint64_t seed) {
    return share(experiments, seed, [&](CounterStream& random) {
      std::vector<TrialOutcome> trials;
      for (int w = 0; w < workloads; ++w) {
        for (int study = 0; study < studies; ++study) {
          const double shared = 0.2 * normal(random);
          for (const char* algorithm : {"a", "b"}) {
            const double time = std::exp(shared + 0.1 * normal(random));
            trials.push_back(trial(algorithm, cat("w", w), study, time));
          }
        }
      }
      const auto interval = compare(trials, "a", "b", {}, {.resamples = 200}).interval;
      return interval.low <= 1 && 1 <= interval.high;
    });
  };
  CHECK_THAT(covered(1, 3, 71), WithinAbs(0.75, six_sigma(0.75, experiments)));
  CHECK(covered(4, 3, 72) > 0.95 - six_sigma(0.95, experiments));
  CHECK(covered(1, 15, 73) > 0.95 - six_sigma(0.95, experiments));
}
