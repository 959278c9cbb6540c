#include "analysis/best_of_k.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analysis/trials.hpp"

using namespace velo::analysis;
using namespace velo::analysis::testing;

namespace {

/// The same by listing all subsets.
double median_by_enumeration(const std::vector<double>& times, std::size_t k) {
  std::vector<bool> chosen(times.size(), false);
  std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(k), true);
  std::vector<double> fastest;
  do {
    double least = not_reached;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (chosen[i]) least = std::min(least, times[i]);
    }
    fastest.push_back(least);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  std::sort(fastest.begin(), fastest.end());
  return fastest[(fastest.size() + 1) / 2 - 1];
}

}  // namespace

TEST_CASE("the median of the fastest of k agrees with listing all subsets") {
  const std::vector<double> times{9, 2, not_reached, 4, 4, 7, not_reached};
  for (std::size_t k = 1; k <= times.size(); ++k) {
    INFO(k);
    CHECK(median_of_fastest(times, k) == median_by_enumeration(times, k));
  }
}

TEST_CASE("tuning can change the winner: a steady algorithm leads at k = 1, a tunable one at the end") {
  std::vector<TrialOutcome> trials;
  for (int study = 0; study < 5; ++study) {
    trials.push_back(trial("steady", "w", study, 10));
    trials.push_back(trial("tunable", "w", study, study == 0 ? 5 : 30));
  }
  const auto curve = best_of_k(trials);
  REQUIRE(curve.size() == 5);
  CHECK(curve.front().scores[0] == 1);
  CHECK(curve.back().scores[1] == 1);
}

TEST_CASE("best-of-k refuses trials that were stopped because they were behind") {
  auto trials = std::vector<TrialOutcome>{trial("a", "w", 0, 5), trial("a", "w", 1, not_reached)};
  trials[1].stop_reason = "stopped_lossless";
  CHECK_THROWS_WITH(best_of_k(trials), Catch::Matchers::ContainsSubstring("study 1"));
}
