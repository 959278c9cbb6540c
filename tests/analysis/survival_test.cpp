#include "analysis/survival.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/trial_survival.hpp"
#include "results/error.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo::analysis;
using Catch::Matchers::WithinAbs;

namespace {

/// Weeks of remission under 6-MP (Freireich et al., Blood 21:699, 1963), the example of most textbooks.
std::vector<CensoredTime> remission() {
  std::vector<CensoredTime> times;
  for (const double t : {6, 6, 6, 7, 10, 13, 16, 22, 23}) times.push_back({t, true});
  for (const double t : {6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35}) times.push_back({t, false});
  return times;
}

}  // namespace

TEST_CASE("the survival curve of the 6-MP patients is the printed one") {
  const auto curve = kaplan_meier(remission());
  const std::vector<double> time{6, 7, 10, 13, 16, 22, 23};
  const std::vector<double> survival{0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448};
  REQUIRE(curve.size() == time.size());
  for (std::size_t i = 0; i < time.size(); ++i) {
    CHECK(curve[i].time == time[i]);
    CHECK_THAT(curve[i].survival, WithinAbs(survival[i], 0.0005));  // half of the last printed digit
    CHECK(curve[i].interval.low < curve[i].survival);
    CHECK(curve[i].interval.high > curve[i].survival);
  }
  CHECK(curve[0].at_risk == 21);
  CHECK(curve[0].hits == 3);
}

TEST_CASE("a curve without hits is empty, one without censoring is the empirical distribution") {
  CHECK(kaplan_meier({{5, false}, {6, false}}).empty());
  const auto curve = kaplan_meier({{1, true}, {2, true}, {3, true}, {4, true}});
  CHECK(curve[1].survival == 0.5);
  CHECK(curve[3].survival == 0);
  CHECK(curve[3].interval.low == 0);
}

TEST_CASE("the restricted mean of complete times is their mean, cut at the horizon") {
  const std::vector<CensoredTime> times{{1, true}, {2, true}, {3, true}, {6, true}};
  CHECK_THAT(restricted_mean(times, 10).mean, WithinAbs(3, 1e-14));
  CHECK_THAT(restricted_mean(times, 4).mean, WithinAbs(2.5, 1e-14));
  // Without censoring Greenwood's sum is the variance with divisor n, over n: (4 + 1 + 0 + 9) / 16.
  CHECK_THAT(restricted_mean(times, 10).standard_error, WithinAbs(std::sqrt(14.0 / 16), 1e-14));
  CHECK_THROWS_AS(restricted_mean({{1, true}, {2, false}}, 3), velo::Error);
}

TEST_CASE("curve and restricted mean cover the truth of censored exponential times") {
  // Exponential times of rate 1 watched for a uniform time in (1, 3). At 1: S = exp(-1); mean up to 1: 1 - exp(-1).
  constexpr int experiments = 1000, trials = 60;
  int curve_covers = 0, mean_covers = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(3, static_cast<std::uint64_t>(e));
    std::vector<CensoredTime> times;
    for (int i = 0; i < trials; ++i) {
      const double hit = -std::log1p(-random.uniform()), watched = 1 + 2 * random.uniform();
      times.push_back({std::min(hit, watched), hit <= watched});
    }
    SurvivalPoint last{.interval = {1, 1}};
    for (const auto& point : kaplan_meier(times)) {
      if (point.time <= 1) last = point;
    }
    curve_covers += last.interval.low <= std::exp(-1.0) && std::exp(-1.0) <= last.interval.high;
    const auto mean = restricted_mean(times, 1);
    mean_covers += mean.interval.low <= 1 - std::exp(-1.0) && 1 - std::exp(-1.0) <= mean.interval.high;
  }
  // Four standard errors of a share of 0.95 in 1000 (0.028), and 0.015 for what 60 trials miss of the normal limit.
  CHECK_THAT(curve_covers / double{experiments}, WithinAbs(0.95, 0.028 + 0.015));
  CHECK_THAT(mean_covers / double{experiments}, WithinAbs(0.95, 0.028 + 0.015));
}

TEST_CASE("trials of a race survive to a common horizon, and those stopped early are left out") {
  using testing::trial;
  std::vector<TrialOutcome> trials;
  for (const double time : {100.0, 200.0, 300.0}) trials.push_back(trial("sure", "w", 0, time));
  for (const double watched : {600.0, 400.0}) trials.push_back(trial("slow", "w", 0, not_reached, watched));
  trials.push_back(trial("slow", "w", 0, 500));
  trials.push_back(trial("slow", "w", 0, not_reached, 50));
  trials.back().stop_reason = "stopped_lossless";
  trials.push_back(trial("wild", "w", 0, 200));
  trials.push_back(trial("wild", "w", 0, not_reached, 10));
  trials.back().stop_reason = "nan";
  trials.push_back(trial("sure", "v", 0, 70));

  ScoreOptions options;
  options.clock = Clock::steps;
  const RaceSurvival race = race_survival(trials, options);
  REQUIRE(race.cells.size() == 4);
  CHECK(race.stopped_early == 1);
  // Of all who may still hit, "slow" was watched longest, for 600 steps.
  const std::vector<std::string> order{"sure", "wild", "slow", "sure"};
  const std::vector<double> horizon{600, 600, 600, 70};
  // sure: (100 + 200 + 300) / 3. wild: 200, and half of it never. slow: 500, and half of the two still watched beyond.
  const std::vector<double> mean{200, 0.5 * 200 + 0.5 * 600, 500 + 0.5 * 100, 70};
  const Answer answer = survival_answer(trials, options, 0.95);
  REQUIRE(answer.table.rows.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(race.cells[i].algorithm == order[i]);
    CHECK(race.cells[i].mean.horizon == horizon[i]);
    CHECK_THAT(std::get<double>(answer.table.rows[i][5]), WithinAbs(mean[i], 1e-12));
  }
  CHECK(answer.notes.size() == 2);
  CHECK_THAT(answer.notes[1], Catch::Matchers::ContainsSubstring("1 trial that lossless stopping"));
  CHECK(race.left_out.broke_down == 1);
  CHECK_THROWS_WITH(race_survival({trials[6]}, {}), Catch::Matchers::ContainsSubstring("`stop: target`"));
}
