#include "analysis/score.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <map>

#include "results/error.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

std::map<std::string, double> score_by_name(const std::vector<TrialOutcome>& trials, const ScoreOptions& options) {
  const StudyTable table = study_table(trials, options);
  const auto points = scores(ratios(workload_times(table), table, options), options);
  std::map<std::string, double> out;
  for (std::size_t s = 0; s < points.size(); ++s) out[table.algorithms[s]] = points[s];
  return out;
}

/// Compares with one column of the published table, which must speak of all that were scored.
void check_column(const std::map<std::string, double>& scores, const std::string& column, double tolerance) {
  const auto expected = algoperf_v05_column(column);
  CHECK(expected.size() == scores.size());
  for (const auto& [submission, score] : expected) {
    INFO(submission);
    CHECK_THAT(scores.at(submission), WithinAbs(score, tolerance));
  }
}

constexpr double four_digits = 0.5e-4 + 1e-12;
constexpr double ten_digits = 1e-10 + 1e-12;  // the source cuts off after ten digits
const ScoreOptions v05 = [] {
  ScoreOptions options;
  options.clock = Clock::seconds;
  options.rules = Rules::algoperf_v05;
  return options;
}();

}  // namespace

TEST_CASE("the eleven published scores of AlgoPerf v0.5 come out of its logs") {
  check_column(score_by_name(algoperf_v05_trials(), v05), "published_score", four_digits);
  check_column(score_by_name(algoperf_v05_trials(), v05), "reference_score", ten_digits);
}

TEST_CASE("the exact integral and the fastest-trial rule agree with the recomputed reference") {
  auto options = v05;
  options.integral = Integral::exact;
  check_column(score_by_name(algoperf_v05_trials(), options), "exact_integral_reference_selection", ten_digits);
  options.selection = Selection::min_time;
  check_column(score_by_name(algoperf_v05_trials(), options), "exact_integral_true_min", ten_digits);
}

TEST_CASE("the v0.6 rules leave the held-out variants out") {
  auto options = v05;
  options.rules = Rules::algoperf_v06;
  check_column(score_by_name(algoperf_v05_trials(), options), "score_without_held_out", ten_digits);
}

TEST_CASE("removing one algorithm changes the scores of the others as in the reference") {
  auto trials = algoperf_v05_trials();
  std::erase_if(trials, [](const TrialOutcome& t) { return t.algorithm == "caspr_adaptive"; });
  check_column(score_by_name(trials, v05), "score_without_caspr_adaptive", ten_digits);
}

TEST_CASE("a study's time is its fastest trial and a workload's the median of its studies") {
  std::vector<TrialOutcome> trials{trial("a", "w", 0, 9), trial("a", "w", 0, 5), trial("a", "w", 1, 7),
                                   trial("a", "w", 2, not_reached)};
  const StudyTable table = study_table(trials, {});
  CHECK(table.at[0][0][0].time == 5);
  CHECK(table.at[0][0][0].best == 1);
  CHECK(workload_times(table)[0][0] == 7);
  trials.push_back(trial("a", "w", 3, not_reached));
  CHECK(workload_times(study_table(trials, {}))[0][0] == not_reached);
}

TEST_CASE("a study that missed the target needs at least as long as it was watched, the budget if it broke down") {
  std::vector<TrialOutcome> trials{trial("a", "w", 0, not_reached, 80), trial("a", "w", 1, not_reached, 10),
                                   trial("a", "w", 2, 60)};
  trials[1].stop_reason = "diverged";
  const auto studies = study_table(trials, {}).at[0][0];
  CHECK(studies[0].lower_bound() == 80);
  CHECK(studies[1].lower_bound() == 80);
  CHECK(studies[2].lower_bound() == 60);
}

TEST_CASE("the exact credit is linear in the ratio and zero beyond r_max") {
  CHECK(credit(1, 4, Integral::exact) == 1);
  CHECK(credit(2.5, 4, Integral::exact) == 0.5);
  CHECK(credit(4, 4, Integral::exact) == 0);
  CHECK(credit(4.01, 4, Integral::exact) == 0);
  CHECK(credit(not_reached, 4, Integral::exact) == 0);
  CHECK(credit(std::nan(""), 4, Integral::exact) == 0);
}

TEST_CASE("the trapezoid credit is the trapezoid rule over 100 points") {
  for (const double ratio : {1.0, 1.001, 1.03, 1.0303, 1.5, 2.2, 3.97, 3.999, 4.0}) {
    double sum = 0;
    for (int i = 0; i < 99; ++i) {
      const auto inside = [&](int k) { return ratio <= 1 + 3.0 * k / 99 ? 1.0 : 0.0; };
      sum += (inside(i) + inside(i + 1)) / 2;
    }
    INFO(ratio);
    // 100 sums of halves are exact; the division rounds once.
    CHECK_THAT(credit(ratio, 4, Integral::trapezoid), WithinAbs(sum / 99, 1e-15));
  }
}

TEST_CASE("equal times share the first place and the full credit") {
  const auto all = score_by_name({trial("a", "w", 0, 5), trial("b", "w", 0, 5), trial("c", "w", 0, 10)}, {});
  CHECK(all.at("a") == 1);
  CHECK(all.at("b") == 1);
  CHECK_THAT(all.at("c"), WithinAbs(2.0 / 3, 1e-15));
  CHECK(ranks({1, 1, 0.5}) == std::vector<int>{1, 1, 3});
}

TEST_CASE("a workload that nobody solves counts in the denominator") {
  const auto all = score_by_name({trial("a", "easy", 0, 5), trial("a", "hard", 0, not_reached)}, {});
  CHECK(all.at("a") == 0.5);
}

TEST_CASE("trials that were cut off measure nothing, those that broke down count as misses") {
  std::vector<TrialOutcome> trials{trial("a", "w", 0, 5), trial("a", "w", 1, not_reached), trial("a", "w", 2, 3)};
  trials[1].status = trials[2].status = "failed";
  trials[1].stop_reason = "nan";
  trials[2].stop_reason = "node_lost";
  const StudyTable table = study_table(trials, {});
  CHECK(table.left_out.unmeasured == 1);
  CHECK(table.at[0][0].size() == 2);
  CHECK(workload_times(table)[0][0] == not_reached);
}

TEST_CASE("scoring nothing is its own exit code") {
  try {
    (void)study_table({}, {});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::nothing_measured);
  }
}

TEST_CASE("comparisons that mean nothing are refused by naming runs and the flag that overrides") {
  std::vector<TrialOutcome> trials{trial("a", "w", 0, 5), trial("b", "w", 0, 6)};
  trials[0].cell = "aaaa";
  trials[1].cell = "bbbb";
  const auto refusal = [&](Clock clock, Overrides overrides = {}) -> std::string {
    try {
      require_comparable(trials, clock, overrides);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal(Clock::seconds).empty());

  SECTION("hardware classes, in seconds only") {
    trials[1].hardware_class = "other";
    CHECK_THAT(refusal(Clock::seconds),
               ContainsSubstring("aaaa") && ContainsSubstring("bbbb") && ContainsSubstring("--mix-hardware"));
    CHECK(refusal(Clock::steps).empty());
    CHECK(refusal(Clock::seconds, {.mix_hardware = true}).empty());
  }
  SECTION("runs on shared cores, in seconds only") {
    trials[1].timeable = false;
    CHECK_THAT(refusal(Clock::seconds), ContainsSubstring("bbbb") && ContainsSubstring("--allow-untimeable"));
    CHECK(refusal(Clock::example_gradients).empty());
    CHECK(refusal(Clock::seconds, {.untimeable = true}).empty());
  }
  SECTION("targets reached with no recorded work, in example-gradients only") {
    trials[1].example_gradients = 0;
    CHECK_THAT(refusal(Clock::example_gradients), ContainsSubstring("bbbb") && ContainsSubstring("--clock steps"));
    CHECK(refusal(Clock::steps).empty());
    trials[1].reached = false;
    CHECK(refusal(Clock::example_gradients).empty());
  }
  SECTION("divisions") {
    trials[1].division = "open";
    CHECK_THAT(refusal(Clock::steps), ContainsSubstring("bbbb") && ContainsSubstring("--mix-divisions"));
    CHECK(refusal(Clock::steps, {.mix_divisions = true}).empty());
  }
  SECTION("versions of a workload") {
    trials[1].workload_version = 2;
    CHECK_THAT(refusal(Clock::steps), ContainsSubstring("versions 1") && ContainsSubstring("--mix-versions"));
    CHECK(refusal(Clock::steps, {.mix_versions = true}).empty());
  }
}

TEST_CASE("unknown rules and clocks are refused with the nearest name") {
  CHECK_THROWS_WITH(rules_from("algoperf-v05"), ContainsSubstring("did you mean 'algoperf-v0.5'"));
  CHECK_THROWS_WITH(clock_from("second"), ContainsSubstring("did you mean 'seconds'"));
  CHECK(clock_from("example_gradients") == Clock::example_gradients);
}
