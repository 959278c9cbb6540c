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
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0.0, momentum_decay = 0.004;
  bool coupled = false, constant = false;
};

/// torch.optim.NAdam, or AlgoPerf's NadamW (constant), written down for one number.
ScalarRule reference(Options o) {
  return [o, m = 0.0, v = 0.0, mu_product = 1.0](double x, double g, int t) mutable {
    if (o.coupled)
      g += o.weight_decay * x;
    else
      x -= o.lr * o.weight_decay * x;
    m = o.beta1 * m + (1.0 - o.beta1) * g;
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    const double divisor = std::sqrt(v / (1.0 - std::pow(o.beta2, t))) + o.eps;
    if (o.constant) {
      const double look_ahead = o.beta1 * m + (1.0 - o.beta1) * g;
      return x - o.lr * look_ahead / (1.0 - std::pow(o.beta1, t)) / divisor;
    }
    const double mu = o.beta1 * (1.0 - 0.5 * std::pow(0.96, t * o.momentum_decay));
    const double mu_next = o.beta1 * (1.0 - 0.5 * std::pow(0.96, (t + 1) * o.momentum_decay));
    mu_product *= mu;
    x -= o.lr * (1.0 - mu) / (1.0 - mu_product) * g / divisor;
    return x - o.lr * mu_next / (1.0 - mu_product * mu_next) * m / divisor;
  };
}

double difference(Options o) {
  const Component nadamw = component("nadamw", {{"lr", Schedule(o.lr)},
                                                {"beta1", Schedule(o.beta1)},
                                                {"beta2", Schedule(o.beta2)},
                                                {"eps", Schedule(o.eps)},
                                                {"weight_decay", Schedule(o.weight_decay)},
                                                {"momentum_decay", Schedule(o.momentum_decay)},
                                                {"momentum_schedule", std::string(o.constant ? "constant" : "dozat")},
                                                {"decay", std::string(o.coupled ? "coupled" : "decoupled")}});
  return largest_difference(nadamw, [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 3 roundings for the decay, 3 in m, 4 in v, 4 in the divisor, 4 in the direction, 2 in the step.
constexpr int operations = 20;

TEST_CASE("nadamw follows PyTorch's NAdam with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.momentum_decay = 0.5}) <= rounding_bound(operations));
  CHECK(difference({.eps = 0.01}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1, .coupled = true}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1}) <= rounding_bound(operations));
}

TEST_CASE("nadamw with a constant momentum follows AlgoPerf's NadamW") {
  CHECK(difference({.constant = true}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1, .constant = true}) <= rounding_bound(operations));
}

TEST_CASE("nadamw without momentum is adamw without momentum") {
  const auto trajectory = [](const char* name) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout);
    test::Rider rider(
        component(name, {{"lr", Schedule(0.01)}, {"beta1", Schedule(0.0)}, {"weight_decay", Schedule(0.1)}}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory("nadamw") == trajectory("adamw"));
}

TEST_CASE("nadamw keeps two values per parameter, and two products of betas") {
  CHECK(test::state_bytes("nadamw") == test::bytes_of({.per_parameter = 2, .numbers = 2}));
}

}  // namespace
}  // namespace velo
