#include "analysis/until_decided.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

UntilOptions options_of(std::int64_t every, std::int64_t most, double margin = 0) {
  return {
      .candidate = "new", .baseline = "old", .look_every = every, .max_studies = most, .margin = margin, .score = {}};
}

/// `new` is exp(shift) times as fast, give or take `spread`, on each of two workloads.
std::vector<TrialOutcome> studies(CounterStream& random, int count, double shift, double spread) {
  std::vector<TrialOutcome> out;
  for (int study = 0; study < count; ++study) {
    for (const char* workload : {"w", "v"}) {
      const double common = 100 * std::exp(normal(random));  // of the seed: both have it
      out.push_back(trial("old", workload, study, common * std::exp(spread * normal(random))));
      out.push_back(trial("new", workload, study, common * std::exp(spread * normal(random) - shift)));
    }
  }
  return out;
}

}  // namespace

TEST_CASE("looks come every so many studies, the last at the most") {
  CHECK(options_of(4, 10).looks(10) == std::vector<std::int64_t>{4, 8, 10});
  CHECK(options_of(4, 10).looks(9) == std::vector<std::int64_t>{4, 8});
  CHECK(options_of(4, 8).looks(100) == std::vector<std::int64_t>{4, 8});
  CHECK(options_of(4, 8).looks(3).empty());
}

TEST_CASE("a pair is the mean of the log ratios over workloads, and what is unknown is cut to what is certain") {
  std::vector<TrialOutcome> trials;
  const auto add = [&](std::int64_t study, double new_w, double old_w, double new_v, double old_v) {
    trials.push_back(trial("new", "w", study, new_w, 500));
    trials.push_back(trial("old", "w", study, old_w, 500));
    trials.push_back(trial("new", "v", study, new_v, 500));
    trials.push_back(trial("old", "v", study, old_v, 500));
  };
  add(0, 10, 20, 10, 40);
  add(1, not_reached, 250, 7, 7);             // at least 500 against 250
  add(2, not_reached, not_reached, 10, 10);   // nothing to tell
  add(3, 600, not_reached, 10, 10);           // the miss was watched for 500 only: not faster than a hit at 600
  trials.push_back(trial("new", "w", 4, 1));  // half a study
  const StudyPairs pairs = study_pairs(study_table(trials, {}), 5);
  REQUIRE(pairs.log_speedups.size() == 4);
  CHECK_THAT(pairs.log_speedups[0], WithinAbs((std::log(2) + std::log(4)) / 2, 1e-15));
  CHECK_THAT(pairs.log_speedups[1], WithinAbs(-std::log(2) / 2, 1e-15));
  CHECK(pairs.log_speedups[2] == 0);
  CHECK(pairs.log_speedups[3] == 0);
  CHECK(pairs.incomplete == 1);
  CHECK(pairs.one_missed == 2);
  CHECK(pairs.both_missed == 1);
}

TEST_CASE("a clear difference is decided early, in either direction, and more studies do not change it") {
  for (const double shift : {0.5, -0.5}) {
    CounterStream random(321, 0);
    const auto trials = studies(random, 24, shift, 0.1);
    const UntilOptions options = options_of(4, 24);
    CHECK(judge_looks(trials, options, 4).decision == Decision::go_on);  // next to nothing is spent at one sixth
    const UntilAnswer early = judge_looks(trials, options, 8);
    CHECK(early.decision == (shift > 0 ? Decision::faster : Decision::slower));
    CHECK(early.looks.size() == 2);
    const UntilAnswer late = judge_looks(trials, options, 24);
    CHECK(late.looks.size() == 2);
    CHECK(decision_sentence(late) == decision_sentence(early));
    CHECK_THAT(decision_sentence(late), ContainsSubstring("adjusted for the looks") &&
                                            ContainsSubstring("after 8 of at most 24 studies, look 2"));
    CHECK(std::exp(late.looks.back().answer.interval.low) < std::exp(shift));
    CHECK(std::exp(late.looks.back().answer.interval.high) > std::exp(shift));
    CHECK(look_table(late).rows.size() == 2);
  }
}

TEST_CASE("equals run to the most and stay undecided, or are equivalent once the margin is wide enough") {
  CounterStream random(322, 1);
  const auto trials = studies(random, 24, 0, 0.05);
  const UntilAnswer undecided = judge_looks(trials, options_of(8, 24), 24);
  CHECK(undecided.decision == Decision::undecided);
  CHECK(undecided.looks.size() == 3);
  CHECK(judge_looks(trials, options_of(8, 24), 16).decision == Decision::go_on);
  CHECK(judge_looks(trials, options_of(8, 24, 0.1), 24).decision == Decision::equivalent);
}

TEST_CASE("with a margin a difference inside it is not called faster") {
  CounterStream random(323, 0);
  const auto trials = studies(random, 24, std::log(1.05), 0.01);
  CHECK(judge_looks(trials, options_of(8, 24), 24).decision == Decision::faster);
  CHECK(judge_looks(trials, options_of(8, 24, 0.10), 24).decision == Decision::equivalent);
  CHECK(judge_looks(trials, options_of(8, 24, 0.02), 24).decision == Decision::faster);
}

TEST_CASE("races of equals end in a decision one time in twenty") {
  constexpr int experiments = 150;
  const double decided = share(experiments, 324, [](CounterStream& random) {
    return judge_looks(studies(random, 12, 0, 0.2), options_of(6, 12), 12).decision != Decision::undecided;
  });
  CHECK_THAT(decided, WithinAbs(0.05, six_sigma(0.05, experiments)));
}

TEST_CASE("failed studies are no pairs and are counted") {
  CounterStream random(325, 0);
  auto trials = studies(random, 8, 0.5, 0.1);
  trials[0].status = "failed";
  trials[0].stop_reason = "error";
  const UntilAnswer answer = judge_looks(trials, options_of(4, 8), 8);
  CHECK(answer.looks.front().pairs == 3);
  CHECK(answer.pairs.incomplete == 1);
  CHECK_THAT(notes(answer).at(1), ContainsSubstring("1 study failed or was not run on every workload"));
}

TEST_CASE("meaningless looks are refused") {
  CounterStream random(326, 0);
  const auto trials = studies(random, 4, 0, 0.1);
  CHECK_THROWS_WITH(judge_looks(trials, options_of(1, 8), 4), ContainsSubstring("2 new studies or more"));
  CHECK_THROWS_WITH(judge_looks(trials, options_of(8, 4), 4), ContainsSubstring("at most 4 studies"));
  CHECK_THROWS_WITH(judge_looks(trials, options_of(4, 8, -1), 4), ContainsSubstring("a margin is 0 or more"));
  UntilOptions same = options_of(4, 8);
  same.baseline = "new";
  CHECK_THROWS_WITH(judge_looks(trials, same, 4), ContainsSubstring("compared with itself"));
  same.baseline = "odl";
  CHECK_THROWS_WITH(judge_looks(trials, same, 4), ContainsSubstring("did you mean 'old'"));
}
