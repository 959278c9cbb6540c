#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticExamples;
using test::Rider;

struct Options {
  double lr = 1e-3, mu = 0.01, alpha = 0.6, beta1 = 0.7, beta2 = 0.8, eps = 0.01, weight_decay = 0.0;
  std::int64_t warmup_steps = 5;
  std::string decay = "coupled";
};

Component zo_adamu(Options o) {
  return component("zo_adamu", {{"lr", Schedule(o.lr)},
                                {"perturbation", Schedule(o.mu)},
                                {"alpha", Schedule(o.alpha)},
                                {"beta1", Schedule(o.beta1)},
                                {"beta2", Schedule(o.beta2)},
                                {"eps", Schedule(o.eps)},
                                {"weight_decay", Schedule(o.weight_decay)},
                                {"warmup_steps", o.warmup_steps},
                                {"decay", o.decay}});
}

void compare(Options o) {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 5);
  Rider rider(zo_adamu(o), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  std::vector<double> expected = test::initial_params(layout), momentum(expected.size());
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> before = rider.params();
    rider.step(oracle, t);

    const bool warm = t <= o.warmup_steps;
    const double alpha = warm ? 1.0 : o.alpha, beta1 = warm ? 1.0 : o.beta1, beta2 = warm ? 1.0 : o.beta2;
    const RandomStream fresh = oracle.random().fork(1), history = oracle.random().fork(2);
    std::vector<double> above = before, below = before, root(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double z1 = std::sqrt(alpha) * fresh.normal(i);
      const double z2 = momentum[i] + std::sqrt(1.0 - alpha) * history.normal(i);
      momentum[i] = beta1 * z1 + (1.0 - beta1) * z2;
      root[i] = std::sqrt(beta2 * z1 * z1 + (1.0 - beta2) * z2 * z2 + o.eps);
      above[i] += o.mu * momentum[i];
      below[i] -= o.mu * momentum[i];
    }
    const std::vector<Index>& examples = oracle.drawn().back();
    const double slope = (oracle.loss_at(above, examples) - oracle.loss_at(below, examples)) / (2.0 * o.mu);
    for (std::size_t i = 0; i < before.size(); ++i)
      expected[i] -= o.lr * (slope * momentum[i] / root[i] + o.weight_decay * expected[i]);

    // A point is rounded to half a unit of 2; 139 coordinates whose derivative is below 1.5 * 4.1 change each loss by at most
    // 139 * 6.2 times that, the slope by that over mu. A direction is below 4 / sqrt(eps) = 40 before and, being m over its
    // own root or one like it, below 4 in fact. Ten roundings of a step, itself below 1, come on top.
    const double slope_error = 139 * 6.2 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()) / o.mu;
    const double bound = t * (o.lr * slope_error * 4.0) + test::rounding_bound(10, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) CHECK(std::abs(params[i] - expected[i]) <= bound);
  }
  CHECK(oracle.gradients_asked == 0);
  CHECK(oracle.losses_asked.size() == 50);
}

TEST_CASE("zo_adamu follows a scalar loop through warm-up and after it") {
  compare({});
  compare({.weight_decay = 0.1, .warmup_steps = 0});
  // The decay is not divided by the root, so both forms are one rule.
  compare({.weight_decay = 0.1, .decay = "decoupled"});
  compare({.alpha = 0.1, .beta1 = 0.3, .beta2 = 0.1});
}

TEST_CASE("with alpha, beta1 and beta2 at 1, zo_adamu never leaves the warm-up") {
  const auto trajectory = [](std::int64_t warmup_steps) {
    const ParameterLayout layout = test::awkward_layout();
    QuadraticExamples oracle(layout, 5);
    Rider rider(zo_adamu({.alpha = 1.0, .beta1 = 1.0, .beta2 = 1.0, .warmup_steps = warmup_steps}), layout);
    oracle.follow(rider.params_view());
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory(0) == trajectory(1000));
}

TEST_CASE("in warm-up every parameter moves by the learning rate times the slope, whatever its direction's length") {
  const double lr = 1e-3;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 5);
  Rider rider(zo_adamu({.lr = lr, .eps = 1e-12}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  struct Slope : Observer {
    void scalar(std::string_view name, double value) override {
      if (name == "slope") slope = value;
    }
    double slope = 0.0;
  } seen;
  const std::vector<double> before = rider.params();
  rider.step(oracle, 1);
  rider.algorithm().observe(seen);
  const std::vector<double> after = rider.params();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double z = oracle.random().fork(1).normal(i);
    // Nine roundings of the step, whose size is lr |slope| < 1, and of a parameter below 2. Where z^2 >= 1e-4, eps shortens
    // the step z / sqrt(z^2 + eps) by at most eps / (2 z^2) <= 5e-9 of it.
    if (std::abs(z) < 0.01) continue;
    const double step = lr * seen.slope * std::copysign(1.0, z);
    CHECK(std::abs(before[i] - after[i] - step) <= test::rounding_bound(11, 1) + std::abs(step) * 5e-9);
  }
}

TEST_CASE("zo_adamu keeps one value per parameter and changes nothing with a learning rate of zero") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 5);
  Rider rider(zo_adamu({.lr = 0.0}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.steps(oracle, 1, 10);
  CHECK(rider.params() == before);
  CHECK(rider.state().bytes() == static_cast<std::int64_t>(sizeof(Scalar)) * layout.size());
}

}  // namespace
}  // namespace velo
