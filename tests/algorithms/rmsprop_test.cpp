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
  double lr = 0.005, alpha = 0.9, eps = 1e-8, weight_decay = 0.0, momentum = 0.0;
  bool centered = false;
};

/// torch.optim.RMSprop, written down for one number.
ScalarRule reference(Options o) {
  return [o, square = 0.0, mean = 0.0, buffer = 0.0](double x, double g, int) mutable {
    g += o.weight_decay * x;
    square = o.alpha * square + (1.0 - o.alpha) * g * g;
    double variance = square;
    if (o.centered) {
      mean = o.alpha * mean + (1.0 - o.alpha) * g;
      variance = square - mean * mean;
    }
    const double direction = g / (std::sqrt(variance) + o.eps);
    if (o.momentum == 0.0) return x - o.lr * direction;
    buffer = o.momentum * buffer + direction;
    return x - o.lr * buffer;
  };
}

Component rmsprop(Options o) {
  return component("rmsprop", {{"lr", Schedule(o.lr)},
                               {"alpha", Schedule(o.alpha)},
                               {"eps", Schedule(o.eps)},
                               {"weight_decay", Schedule(o.weight_decay)},
                               {"momentum", Schedule(o.momentum)},
                               {"centered", o.centered}});
}

double difference(Options o) {
  return largest_difference(rmsprop(o), [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 2 roundings for the decay, 4 in v, 3 in a, 2 in the variance, 3 in the ratio, 2 in the
// momentum, 2 in the step. The direction is at most 1 / sqrt(1 - alpha) = 3.2, its momentum sum at most ten times
// that, both times lr = 0.005: below the bound's magnitude of 2.
constexpr int operations = 18;

TEST_CASE("rmsprop follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.eps = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.9}) <= rounding_bound(operations));
  CHECK(difference({.centered = true}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.9, .centered = true}) <= rounding_bound(operations));
}

TEST_CASE("a centred second moment that rounding makes negative counts as zero") {
  // Of gradients that never change the variance dies out, and its last bits have either sign.
  const ParameterLayout layout = test::awkward_layout();
  std::vector<double> constant(static_cast<std::size_t>(layout.size()));
  for (std::size_t i = 0; i < constant.size(); ++i) constant[i] = test::scattered(1, i);
  test::GivenGradients oracle(layout, [&](std::int64_t) { return constant; });
  test::Rider rider(rmsprop({.lr = 1e-9, .alpha = 0.9, .centered = true}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 500);
  for (const double x : rider.params()) CHECK(std::isfinite(x));
}

TEST_CASE("where its squares overflow centred rmsprop rests, as it does without centering") {
  const ParameterLayout layout = test::awkward_layout();
  for (const bool centered : {false, true}) {
    // In double 1e200 is finite and its square is not; in float it is infinite itself, so 1e30 stands for it there.
    const double size = sizeof(Scalar) == 8 ? -1e200 : -1e30;
    test::GivenGradients huge(
        layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), size); });
    test::Rider rider(rmsprop({.centered = centered}), layout);
    rider.start(huge);
    const std::vector<double> before = rider.params();
    rider.steps(huge, 1, 5);
    CHECK(rider.params() == before);
  }
}

TEST_CASE("rmsprop keeps one value per parameter, and one more each for momentum and centered") {
  CHECK(test::state_bytes("rmsprop") == test::bytes_of({.per_parameter = 1}));
  CHECK(test::state_bytes("rmsprop", {{"momentum", Schedule(0.9)}}) == test::bytes_of({.per_parameter = 2}));
  CHECK(test::state_bytes("rmsprop", {{"momentum", Schedule(0.9)}, {"centered", true}}) ==
        test::bytes_of({.per_parameter = 3}));
}

}  // namespace
}  // namespace velo
