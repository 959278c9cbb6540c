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
  double lr = 0.05, lr_decay = 0.0, weight_decay = 0.0, initial = 0.0, eps = 1e-10;
};

/// torch.optim.Adagrad, written down for one number.
ScalarRule reference(Options o) {
  return [o, sum = o.initial](double x, double g, int t) mutable {
    g += o.weight_decay * x;
    sum += g * g;
    return x - o.lr / (1.0 + (t - 1) * o.lr_decay) * g / (std::sqrt(sum) + o.eps);
  };
}

double difference(Options o) {
  const Component adagrad = component("adagrad", {{"lr", Schedule(o.lr)},
                                                  {"lr_decay", Schedule(o.lr_decay)},
                                                  {"weight_decay", Schedule(o.weight_decay)},
                                                  {"initial_accumulator_value", Schedule(o.initial)},
                                                  {"eps", Schedule(o.eps)}});
  return largest_difference(adagrad, [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 2 roundings for the decay, 2 in the sum, 2 in the divisor, 2 in the ratio, 1 in the step.
constexpr int operations = 9;

TEST_CASE("adagrad follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.lr_decay = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.initial = 0.5}) <= rounding_bound(operations));
  CHECK(difference({.eps = 0.1}) <= rounding_bound(operations));
}

TEST_CASE("adagrad's rate under one repeated gradient falls as one over the root of the step") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(
      layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), 0.5); });
  test::Rider rider(component("adagrad", {{"lr", Schedule(0.05)}}), layout);
  rider.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    const double before = rider.params().front();
    rider.step(oracle, t);
    CHECK(std::abs(before - rider.params().front() - 0.05 / std::sqrt(t)) <= rounding_bound(operations, 1));
  }
}

TEST_CASE("adagrad keeps one value per parameter") {
  CHECK(test::state_bytes("adagrad") == test::bytes_of({.per_parameter = 1}));
}

}  // namespace
}  // namespace velo
