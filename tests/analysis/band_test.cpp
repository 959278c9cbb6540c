#include "analysis/band.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "results/error.hpp"
#include "results/text.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

bool inside(const std::vector<double>& curve, const std::vector<Interval>& band) {
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i] < band[i].low || curve[i] > band[i].high) return false;
  }
  return true;
}

/// Cumulative sums of normal draws: neighbouring places are related, as those of a profile are.
std::vector<double> walk(CounterStream& random, int places) {
  std::vector<double> out;
  double sum = 0;
  for (int i = 0; i < places; ++i) out.push_back(sum += normal(random));
  return out;
}

std::vector<std::vector<double>> walks(CounterStream& random, int curves, int places) {
  std::vector<std::vector<double>> out;
  for (int b = 0; b < curves; ++b) out.push_back(walk(random, places));
  return out;
}

}  // namespace

TEST_CASE("the simultaneous band is the envelope of the deepest curves, by hand") {
  // Depths at the two places: curve 0 (1, 3), 1 (2, 1), 2 (3, 2), 3 (2, 2), 4 (1, 1): least 1, 1, 2, 2, 1.
  const std::vector<std::vector<double>> curves{{1, 3}, {2, 5}, {3, 2}, {4, 4}, {5, 1}};
  const auto two_of_five = bands(curves, 0.4);
  CHECK(two_of_five.simultaneous[0] == Interval{2, 4});  // pointwise, the wider
  CHECK(two_of_five.simultaneous[1] == Interval{2, 4});
  const auto more = bands(curves, 0.5);  // the third deepest curve is as deep as the other two: all are in
  CHECK(more.simultaneous[0] == Interval{1, 5});
  CHECK(more.simultaneous[1] == Interval{1, 5});
}

TEST_CASE("curves without spread have a band without width") {
  const auto flat = bands({{1, 2}, {1, 2}, {1, 2}}, 0.95);
  CHECK(flat.simultaneous == std::vector<Interval>{{1, 1}, {2, 2}});
  CHECK(flat.pointwise == flat.simultaneous);
}

TEST_CASE("of the resampled curves the level lies wholly inside, and a new one as often") {
  CounterStream random(81, 0);
  const auto curves = walks(random, 2000, 20);
  const auto found = bands(curves, 0.9);
  int held = 0, held_pointwise = 0;
  for (const auto& curve : curves) {
    held += inside(curve, found.simultaneous);
    held_pointwise += inside(curve, found.pointwise);
  }
  // The envelope of the deepest 1800 holds a few more, whose depth elsewhere was less than its own edge.
  CHECK(held >= 1800);
  CHECK(held < 1900);
  CHECK(held_pointwise < 1650);
  constexpr int experiments = 4000;
  // The band itself is uncertain: the share it holds has the standard error of 2000 draws.
  const double covered =
      share(experiments, 82, [&](CounterStream& fresh) { return inside(walk(fresh, 20), found.simultaneous); });
  CHECK_THAT(covered, WithinAbs(held / 2000.0, six_sigma(0.9, experiments) + six_sigma(0.9, 2000)));
}

TEST_CASE("the simultaneous band of a profile covers the true profile at least as often as it says") {
  // Three workloads, nine studies, log-normal times; true ratios of b to a: 0.5, 1.5 and 2.5, so that the true profile of
  // a is 2/3, then 1 from tau = 2, that of b 1/3, 2/3 from 1.5 and 1 from 2.5.
  constexpr int experiments = 200;
  const std::vector<double> factors{0.5, 1.5, 2.5};
  int simultaneous = 0, places = 0, pointwise = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(83, static_cast<std::uint64_t>(e));
    std::vector<TrialOutcome> trials;
    for (std::size_t w = 0; w < factors.size(); ++w) {
      for (int study = 0; study < 9; ++study) {
        trials.push_back(trial("a", cat("w", w), study, std::exp(0.4 * normal(random))));
        trials.push_back(trial("b", cat("w", w), study, factors[w] * std::exp(0.4 * normal(random))));
      }
    }
    const auto board = leaderboard(trials, {}, {.resamples = 200});
    bool whole = true;
    for (const ProfilePoint& point : board.profiles[1]) {
      const double truth = (1 + (point.tau >= 1.5 - 1e-9) + (point.tau >= 2.5 - 1e-9)) / 3.0;
      const auto holds = [&](const Interval& band) { return band.low - 1e-12 <= truth && truth <= band.high + 1e-12; };
      whole = whole && holds(point.simultaneous);
      pointwise += holds(point.band);
      ++places;
    }
    simultaneous += whole;
  }
  CHECK(simultaneous / double{experiments} > 0.95 - six_sigma(0.95, experiments));
  CHECK(pointwise / double(places) > 0.95 - six_sigma(0.95, experiments));
}

TEST_CASE("bands of nothing, of unequal curves and at impossible levels are refused") {
  CHECK_THROWS_WITH(bands({}, 0.9), ContainsSubstring("at least one"));
  CHECK_THROWS_WITH(bands({{1}, {1, 2}}, 0.9), ContainsSubstring("1 and 2 places"));
  CHECK_THROWS_WITH(bands({{1}}, 1), ContainsSubstring("a level lies"));
}
