#include <algorithm>
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
  Schedule lr = 0.01;
  Schedule beta1 = 0.9;
  Schedule beta2 = 0.98;
  double eps = 1e-8, weight_decay = 0.1;
  bool amsgrad = false;
};

constexpr int steps = 25;

/// torch.optim.AdamW, written down for one number; betas and lr are read at every step.
ScalarRule reference(const Options& o) {
  return [o, m = 0.0, v = 0.0, v_max = 0.0, product1 = 1.0, product2 = 1.0](double x, double g, int t) mutable {
    const Progress progress{.step = t, .step_hint = steps};
    const double lr = o.lr.at(progress), beta1 = o.beta1.at(progress), beta2 = o.beta2.at(progress);
    product1 *= beta1;
    product2 *= beta2;
    m = beta1 * m + (1.0 - beta1) * g;
    v = beta2 * v + (1.0 - beta2) * g * g;
    v_max = std::max(v, v_max);
    const double root = std::sqrt((o.amsgrad ? v_max : v) / (1.0 - product2));
    return x - lr * o.weight_decay * x - lr * (m / (1.0 - product1)) / (root + o.eps);
  };
}

Component adamw(const Options& o) {
  return component("adamw", {{"lr", o.lr},
                             {"beta1", o.beta1},
                             {"beta2", o.beta2},
                             {"eps", Schedule(o.eps)},
                             {"weight_decay", Schedule(o.weight_decay)},
                             {"amsgrad", o.amsgrad}});
}

double difference(const Options& o) {
  return largest_difference(
      adamw(o), [o](ParameterKind) { return reference(o); }, steps);
}

// Per step and parameter: 3 roundings in m, 4 in v, 4 in the divisor, 2 in the ratio, 2 in the step, 2 in the decay.
constexpr int operations = 17;

TEST_CASE("adamw follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations, steps));
  CHECK(difference({.weight_decay = 0.0}) <= rounding_bound(operations, steps));
  CHECK(difference({.eps = 0.1}) <= rounding_bound(operations, steps));
  CHECK(difference({.beta1 = 0.0, .beta2 = 0.5}) <= rounding_bound(operations, steps));
  CHECK(difference({.amsgrad = true}) <= rounding_bound(operations, steps));
}

TEST_CASE("adamw corrects its bias exactly when the betas follow schedules") {
  Schedule lr = 0.01;
  lr.shape = Schedule::Shape::cosine;
  lr.warmup_steps = 5;
  Schedule beta1 = 0.95;
  beta1.shape = Schedule::Shape::linear;
  beta1.final = 0.5;
  Schedule beta2 = 0.99;
  beta2.warmup_fraction = 0.4;
  CHECK(difference({.lr = lr, .beta1 = beta1, .beta2 = beta2}) <= rounding_bound(operations, steps));
}

TEST_CASE("adamw's first step has the length of the learning rate whatever the gradient's size") {
  const ParameterLayout layout = test::awkward_layout();
  for (const double size : {1e-3, 1.0, 1e3}) {
    test::GivenGradients oracle(
        layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), size); });
    test::Rider rider(adamw({.weight_decay = 0.0}), layout);
    rider.start(oracle);
    const std::vector<double> before = rider.params();
    rider.step(oracle, 1);
    const std::vector<double> after = rider.params();
    // eps moves the step by eps / |g| <= 1e-5 of its length; the rest is one step's rounding.
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK(std::abs(before[i] - after[i] - 0.01) <= 0.01 * 1e-5 + rounding_bound(operations, 1));
  }
}

TEST_CASE("adamw keeps two values per parameter, three with amsgrad, and two products of betas") {
  CHECK(test::state_bytes("adamw") == test::bytes_of({.per_parameter = 2, .numbers = 2}));
  CHECK(test::state_bytes("adamw", {{"amsgrad", true}}) == test::bytes_of({.per_parameter = 3, .numbers = 2}));
}

}  // namespace
}  // namespace velo
