#include "harness/executors/calibration.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "results/error.hpp"

using namespace velo;

namespace {

std::vector<TrialSummary> seeds_with(const std::vector<double>& values, Direction direction) {
  std::vector<TrialSummary> out;
  for (const double value : values) {
    TrialSummary s;
    s.status = Status::done;
    s.metric = "accuracy";
    s.direction = direction;
    s.best_validation = value;
    s.final_test = value - 0.01;
    out.push_back(s);
  }
  return out;
}

}  // namespace

TEST_CASE("the target is what nine of ten seeds reach, rounded to the easier side") {
  const auto up = set_target(
      seeds_with({0.91237, 0.90, 0.905, 0.91, 0.902, 0.903, 0.88, 0.904, 0.906, 0.90123}, Direction::higher), 0.9);
  CHECK(up.validation == 0.9);
  CHECK(up.reached == 9);
  CHECK(up.test == 0.89);
  const auto down = set_target(seeds_with({0.41234, 0.43, 0.40, 0.42}, Direction::lower), 0.75);
  CHECK(down.validation == 0.42);
  CHECK(down.reached == 3);
  const auto digits = set_target(seeds_with({0.887654}, Direction::higher), 1.0);
  CHECK(digits.validation == 0.8876);
}

TEST_CASE("the median of AlgoPerf is the quantile one half") {
  const auto c = set_target(seeds_with({0.5, 0.6, 0.7, 0.8}, Direction::higher), 0.5);
  CHECK(c.validation == 0.7);
}

TEST_CASE("a seed without a value makes the calibration inconclusive") {
  auto seeds = seeds_with({0.5, 0.6}, Direction::higher);
  seeds[1].best_validation.reset();
  CHECK_THROWS_AS(set_target(seeds, 0.9), Error);
}

TEST_CASE("the best trial is the best of those that ended well") {
  auto trials = seeds_with({0.5, 0.9, 0.7}, Direction::higher);
  trials[1].status = Status::failed;
  CHECK(best_trial(trials).best_validation == 0.7);
  trials = seeds_with({0.5, 0.9, 0.7}, Direction::lower);
  CHECK(best_trial(trials).best_validation == 0.5);
}

TEST_CASE("the block of a target tells how it came about, with the median of an even number of seeds between two") {
  CalibrationPlan plan;
  plan.workload = "toy";
  plan.settings = {"size=small", "width=32"};
  plan.steps = 100;
  const auto seeds = seeds_with({0.5, 0.6, 0.8, 0.9}, Direction::higher);
  const std::string block = target_block(plan, seeds[3], set_target(seeds, 0.75), "2026-01-02");
  CHECK_THAT(block,
             Catch::Matchers::ContainsSubstring("procedure: velo calibrate toy --set size=small --set width=32 "));
  CHECK_THAT(block, Catch::Matchers::ContainsSubstring("validation: 0.6\n"));
  CHECK_THAT(block, Catch::Matchers::ContainsSubstring("best: 0.9\n    median: 0.7\n    worst: 0.5\n    reached: 3\n"));
}

TEST_CASE("only the target block of a workload file is rewritten") {
  const std::string yaml = "# a comment\nworkload: toy\ntarget:\n  metric: mse\n  validation: 1\nbudget: {steps: 5}\n";
  CHECK(with_target(yaml, "target:\n  metric: mse\n  validation: 2\n") ==
        "# a comment\nworkload: toy\ntarget:\n  metric: mse\n  validation: 2\nbudget: {steps: 5}\n");
  CHECK(with_target("workload: toy\n", "target: x\n") == "workload: toy\ntarget: x\n");
}
