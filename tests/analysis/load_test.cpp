#include "analysis/load.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/summary.hpp"
#include "results/error.hpp"
#include "tests/analysis/stores.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a race is read with its labels, settings and censored times") {
  const SmallStore small("load");
  const Race race = load_race(small.store, "race");
  REQUIRE(race.trials.size() == 12);
  CHECK(race.asked == 13);
  CHECK(race.not_run == 1);
  const TrialOutcome& first = race.trials.front();
  CHECK(first.workload == "slope{width=64}");
  CHECK(first.algorithm == "fast one");
  CHECK(first.metric == "accuracy");
  CHECK(first.higher_is_better);
  CHECK(first.target == 0.9);
  CHECK(first.reached);
  CHECK(first.hyperparameters.at("lr").numeric);
  CHECK(first.hyperparameters.at("schedule.kind").text == "cosine");
  CHECK(first.state_bytes_per_parameter == 8);
  CHECK(std::filesystem::exists(std::filesystem::path(first.path) / "status.json"));
}

TEST_CASE("a cell that was run again is spoken for by its last finished run") {
  const SmallStore small("again");
  const auto before = load_race(small.store, "race");
  small.run_again(before.trials.front().cell, Status::failed, 1);
  CHECK(load_race(small.store, "race").trials.front().run == "0001");
  small.run_again(before.trials.front().cell, Status::done, 1);
  CHECK(load_race(small.store, "race").trials.front().run == "0003");
  CHECK(load_race(small.store).trials.size() == 12);
}

TEST_CASE("an unknown sweep and an empty one are different errors") {
  const SmallStore small("unknown");
  CHECK_THROWS_WITH(load_race(small.store, "rice"), ContainsSubstring("race"));
  small.store.write_sweep({"later", "later.yaml", {{"00000000000000000000", "x"}}});
  try {
    (void)load_race(small.store, "later");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::nothing_measured);
  }
}

TEST_CASE("a race closes with times, scores and what must be said beside them") {
  const SmallStore small("summary");
  const Summary summary = summarize(load_race(small.store, "race"));
  REQUIRE(summary.scores.rows.size() == 2);
  CHECK(std::get<std::string>(summary.scores.rows[0][1]) == "fast one");
  CHECK(std::get<double>(summary.scores.rows[0][2]) == 1);
  // 12 trials, 2 algorithms, 1 workload: two rows; the slow one reached the target in 2 of 3 studies.
  REQUIRE(summary.times.rows.size() == 2);
  CHECK(std::get<std::string>(summary.times.rows[1][8]) == "2/3");
  CHECK(std::get<std::string>(summary.times.rows[1][9]) == "4/6");
  CHECK(std::holds_alternative<double>(summary.times.rows[0][4]));
  std::string all;
  for (const auto& note : summary.notes) all += note + "\n";
  CHECK_THAT(all, ContainsSubstring("times in example-gradients") && ContainsSubstring("at most 75 %") &&
                      ContainsSubstring("1 of 13 cells"));
}
