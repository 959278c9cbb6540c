#include "analysis/gate/replay_digest.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>

#include "analysis/counter_random.hpp"
#include "results/error.hpp"

namespace velo::analysis {
namespace {

const std::vector<ReplayGroup> groups = {{"bias", 3}, {"weight", 50}};
const std::vector<std::string> names = {"bias", "weight"};

std::vector<float> point(std::uint64_t step) {
  CounterStream stream(1, step);
  std::vector<float> out(53);
  for (float& x : out) x = static_cast<float>(stream.uniform());
  return out;
}

/// Five steps; `change` may touch a point.
template <typename Change>
std::string line(Change change) {
  ReplayRecorder recorder(groups);
  for (std::uint64_t step = 1; step <= 5; ++step) {
    std::vector<float> params = point(step), evaluated = point(step + 100);
    change(step, params, evaluated);
    recorder.step(params, evaluated);
  }
  return recorder.line();
}
std::string line() {
  return line([](auto, auto&, auto&) {});
}

TEST_CASE("equal trajectories have equal lines, and a comparison calls them unchanged") {
  CHECK(line() == line());
  CHECK_FALSE(compare_replays("x", line(), line(), names).changed);
}

TEST_CASE("one bit of one value is a change, with its step and its block") {
  const std::string changed = line([](std::uint64_t step, std::vector<float>& params, auto&) {
    if (step >= 3) params[20] = std::nextafter(params[20], 2.0F);
  });
  const ReplayDifference difference = compare_replays("x", line(), changed, names);
  CHECK(difference.changed);
  CHECK(difference.step == 3);
  CHECK(difference.groups == std::vector<std::string>{"weight"});
}

TEST_CASE("a change of evaluation parameters alone is a change") {
  const std::string changed = line([](std::uint64_t step, auto&, std::vector<float>& evaluated) {
    if (step == 5) evaluated[0] += 1.0F;
  });
  const ReplayDifference difference = compare_replays("x", line(), changed, names);
  CHECK(difference.changed);
  CHECK(difference.step == 5);
  CHECK(difference.groups == std::vector<std::string>{"bias"});
  CHECK_FALSE(difference.size);  // the sketch is of what is trained
}

TEST_CASE("the estimated size is right within a factor of ten for nine in ten differences") {
  int within = 0;
  const int trials = 200;
  for (int trial = 0; trial < trials; ++trial) {
    double squares = 0;
    const std::string changed = line([&](std::uint64_t step, std::vector<float>& params, auto&) {
      CounterStream stream(2, static_cast<std::uint64_t>(trial));
      if (step != 5) return;
      for (float& x : params) {
        const float before = x;
        x += static_cast<float>(1e-3 * (stream.uniform() - 0.5));
        squares += std::pow(static_cast<double>(x) - static_cast<double>(before), 2);
      }
    });
    const ReplayDifference difference = compare_replays("x", line(), changed, names);
    REQUIRE(difference.size);
    const double ratio = *difference.size / std::sqrt(squares);
    within += ratio > 0.1 && ratio < 10;
  }
  // P(|N| > 0.1) = 0.92; five standard deviations of the share below it.
  CHECK(within > trials * 0.82);
}

TEST_CASE("every NaN counts as the same") {
  const auto with_nan = [](float nan) {
    return line([nan](std::uint64_t step, std::vector<float>& params, auto&) {
      if (step == 4) params[1] = nan;
    });
  };
  CHECK(with_nan(std::numeric_limits<float>::quiet_NaN()) == with_nan(-std::numeric_limits<float>::quiet_NaN()));
}

TEST_CASE("a star says that the bits depend on the kernels, and can be taken away") {
  const std::string starred = with_star(line(), true);
  CHECK(has_star(starred));
  CHECK_FALSE(has_star(line()));
  CHECK(with_star(starred, true) == starred);
  CHECK(with_star(starred, false) == line());
  const ReplayDifference difference = compare_replays("x", starred, line(), names);
  CHECK_FALSE(difference.changed);
  CHECK(difference.kernel_dependent);
}

TEST_CASE("text that is no line is refused with the case's name") {
  for (const std::string& broken :
       {std::string("abc"), std::string(32, 'z'), line() + "x", line().substr(0, 40), line() + " ****************"})
    CHECK_THROWS_MATCHES(
        compare_replays("adamw", broken, line(), names), Error,
        Catch::Matchers::MessageMatches(Catch::Matchers::StartsWith("the replay 'adamw' has the line")));
}

}  // namespace
}  // namespace velo::analysis
