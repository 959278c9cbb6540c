#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

Component clipped_sgd(Schedule max_value) {
  const Component sgd = component("sgd", {{"lr", Schedule(0.1)}, {"momentum", Schedule(0.9)}});
  return component("clip_by_value", {{"inner", std::vector<Component>{sgd}}, {"max_value", max_value}});
}

std::vector<double> trajectory(const Component& algorithm, const test::GivenGradients::Gradients& gradients) {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout, gradients);
  test::Rider rider(algorithm, layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 20);
  return rider.params();
}

TEST_CASE("clip_by_value hands its inner algorithm the gradient clipped element by element") {
  const ParameterLayout layout = test::awkward_layout();
  const test::GivenGradients given(layout);
  const auto raw = [&](std::int64_t step) { return given.gradients(step); };
  // The bound follows a schedule: 0.5 falling linearly to half of that.
  Schedule bound = 0.5;
  bound.shape = Schedule::Shape::linear;
  bound.final = 0.5;
  const auto clipped = [&](std::int64_t step) {
    const auto limit = static_cast<double>(static_cast<Scalar>(bound.at({.step = step, .step_hint = 20})));
    std::vector<double> out = given.gradients(step);
    for (double& g : out) g = std::clamp(g, -limit, limit);
    return out;
  };
  CHECK(trajectory(clipped_sgd(bound), raw) == trajectory(clipped_sgd(bound).parameters.algorithm("inner"), clipped));
}

TEST_CASE("clip_by_value does nothing to gradients inside its bound") {
  const ParameterLayout layout = test::awkward_layout();
  const test::GivenGradients given(layout);
  const auto raw = [&](std::int64_t step) { return given.gradients(step); };
  CHECK(trajectory(clipped_sgd(1.0), raw) == trajectory(clipped_sgd(1.0).parameters.algorithm("inner"), raw));
}

TEST_CASE("clip_by_value bounds an infinite gradient and shows one that is not a number") {
  const ParameterLayout layout = test::awkward_layout();
  const auto broken = [&](double value) {
    return
        [&layout, value](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), value); };
  };
  CHECK(std::isfinite(trajectory(clipped_sgd(1.0), broken(std::numeric_limits<double>::infinity())).front()));
  CHECK(std::isnan(trajectory(clipped_sgd(1.0), broken(std::numeric_limits<double>::quiet_NaN())).front()));
}

TEST_CASE("clip_by_value keeps nothing of its own") { CHECK(test::state_bytes("clip_by_value") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
