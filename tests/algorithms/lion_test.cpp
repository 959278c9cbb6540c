#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::largest_difference;
using test::rounding_bound;
using test::ScalarRule;

struct Options {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, weight_decay = 0.0;
};

/// Algorithm 2 of the paper, written down for one number.
ScalarRule reference(Options o) {
  return [o, m = 0.0](double x, double g, int) mutable {
    const double c = o.beta1 * m + (1.0 - o.beta1) * g;
    m = o.beta2 * m + (1.0 - o.beta2) * g;
    const double sign = c > 0.0 ? 1.0 : c < 0.0 ? -1.0 : 0.0;
    return x - o.lr * (sign + o.weight_decay * x);
  };
}

Component lion(Options o) {
  return component("lion", {{"lr", Schedule(o.lr)},
                            {"beta1", Schedule(o.beta1)},
                            {"beta2", Schedule(o.beta2)},
                            {"weight_decay", Schedule(o.weight_decay)}});
}

double difference(Options o) {
  return largest_difference(lion(o), [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 2 roundings for the decay, 2 for the step. No momentum here comes so near to 0 that rounding
// could turn its sign: that would show as a difference of 2 lr.
constexpr int operations = 4;

TEST_CASE("lion follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.3}) <= rounding_bound(operations));
  CHECK(difference({.beta1 = 0.95, .beta2 = 0.98, .weight_decay = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.beta1 = 0.0, .beta2 = 0.0}) <= rounding_bound(operations));
}

TEST_CASE("lion moves every coordinate by lr, however small its gradient") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(
      layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), 1e-20); });
  test::Rider rider(lion({.lr = 0.25}), layout);
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.step(oracle, 1);
  const std::vector<double> after = rider.params();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(std::abs(before[i] - after[i] - 0.25) <= rounding_bound(1, 1));
}

TEST_CASE("lion's parameters are no numbers after a gradient that is none, and finite after an infinite one") {
  const ParameterLayout layout = test::awkward_layout();
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    test::GivenGradients oracle(
        layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), value); });
    test::Rider rider(lion({}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 3);
    for (const double x : rider.params()) CHECK(std::isnan(x) == std::isnan(value));
  }
}

TEST_CASE("lion keeps one value per parameter") {
  CHECK(test::state_bytes("lion") == test::bytes_of({.per_parameter = 1}));
}

}  // namespace
}  // namespace velo
