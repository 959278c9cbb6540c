#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

struct Options {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0.0, r = 0.0, power = 2.0;
  int warmup = 0;
  std::int64_t refresh = 0;
};

Component schedule_free(const Options& o) {
  Schedule lr = o.lr;
  lr.warmup_steps = o.warmup;
  return component("schedule_free_adamw", {{"lr", lr},
                                           {"beta1", Schedule(o.beta1)},
                                           {"beta2", Schedule(o.beta2)},
                                           {"eps", Schedule(o.eps)},
                                           {"weight_decay", Schedule(o.weight_decay)},
                                           {"r", Schedule(o.r)},
                                           {"weight_lr_power", Schedule(o.power)},
                                           {"refresh_batches", o.refresh}});
}

/// Algorithm 1 of the paper for one number, with x, y and z written out.
struct Reference {
  Options o;
  double x, z;
  double v = 0.0, weights = 0.0;

  [[nodiscard]] double y() const { return (1.0 - o.beta1) * z + o.beta1 * x; }
  void step(double g, int t) {
    const double warm = o.warmup > 0 ? std::min(1.0, static_cast<double>(t) / o.warmup) : 1.0;
    const double lr = o.lr * warm * std::sqrt(1.0 - std::pow(o.beta2, t));
    const double at = y();
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    z -= lr * g / (std::sqrt(v) + o.eps) + lr * o.weight_decay * at;
    const double weight = std::pow(t, o.r) * std::pow(lr, o.power);
    weights += weight;
    x += weight / weights * (z - x);
  }
};

// Per step and parameter. z: 4 in v (its half counts), root, sum, quotient, 2 for the decay, 2 for the step. y besides:
// 3 coefficients and 5 operations. y leans on z and its old self with shares that add up to 1, so errors add up. The
// average z + (y - z) / beta holds 1 / beta of y's error and 1 / beta - 1 of z's.
constexpr int operations = 20;

struct Differences {
  double trained = 0.0, evaluated = 0.0;
};

Differences differences(const Options& o, int steps = 25) {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout, steps);
  test::Rider rider(schedule_free(o), layout);
  rider.start(oracle);
  std::vector<Reference> reference;
  for (const double x : rider.params()) reference.push_back({o, x, x});

  Differences largest;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    rider.algorithm().prepare_for_eval(oracle, rider.params_view());
    const std::vector<double> gradient = oracle.gradients(t), y = rider.params(), x = rider.evaluation_params();
    for (std::size_t i = 0; i < y.size(); ++i) {
      reference[i].step(gradient[i], t);
      largest.trained = std::max(largest.trained, std::abs(y[i] - reference[i].y()));
      largest.evaluated = std::max(largest.evaluated, std::abs(x[i] - reference[i].x));
    }
  }
  return largest;
}

TEST_CASE("schedule_free_adamw trains y and evaluates x of the paper's Algorithm 1") {
  for (const Options& o :
       {Options{}, Options{.beta1 = 0.5}, Options{.eps = 0.01}, Options{.weight_decay = 0.1}, Options{.warmup = 7},
        Options{.r = 1.0}, Options{.power = 0.0, .warmup = 7}, Options{.beta1 = 0.98, .weight_decay = 0.1, .r = 2.0}}) {
    const Differences found = differences(o);
    CHECK(found.trained <= rounding_bound(operations));
    CHECK(found.evaluated <= rounding_bound(operations) / o.beta1 * (2.0 - o.beta1));
  }
}

TEST_CASE("schedule_free_adamw evaluates what it trains before its first step") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(schedule_free({}), layout);
  rider.start(oracle);
  rider.algorithm().prepare_for_eval(oracle, rider.params_view());
  CHECK(rider.evaluation_params() == rider.params());
}

TEST_CASE("schedule_free_adamw does not see the scale of the gradient") {
  // A power of two passes every operation exactly once eps is below the last bit of every root.
  const ParameterLayout layout = test::awkward_layout();
  const auto trajectory = [&](double scale) {
    const auto scaled = [&, scale](std::int64_t step) {
      std::vector<double> out = test::GivenGradients(layout).gradients(step);
      for (double& g : out) g *= scale;
      return out;
    };
    test::GivenGradients oracle(layout, scaled);
    test::Rider rider(schedule_free({.eps = 1e-30}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory(1.0) == trajectory(1024.0));
}

TEST_CASE("schedule_free_adamw follows a beta1 that changes") {
  // Neither z nor x depends on beta for given gradients, so once beta has fallen to the other run's, y is the same.
  const ParameterLayout layout = test::awkward_layout();
  const auto first_only = [size = static_cast<std::size_t>(layout.size())](std::int64_t step) {
    return std::vector<double>(size, step <= 2 ? 0.5 : 0.0);
  };
  Component falling = schedule_free({.lr = 0.1});
  Schedule beta = 0.9;
  beta.shape = Schedule::Shape::step;
  beta.milestones = {0.5};
  beta.gamma = 0.5;
  falling.parameters.set("beta1", beta);

  test::GivenGradients oracle(layout, first_only, 10);
  test::Rider changing(falling, layout), constant(schedule_free({.lr = 0.1, .beta1 = 0.45}), layout);
  changing.start(oracle);
  constant.start(oracle);
  changing.steps(oracle, 1, 2);
  constant.steps(oracle, 1, 2);
  CHECK(changing.params() != constant.params());
  // beta falls at step 6.
  changing.steps(oracle, 3, 8);
  constant.steps(oracle, 3, 8);
  const std::vector<double> a = changing.params(), b = constant.params();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= rounding_bound(operations, 8));
}

TEST_CASE("schedule_free_adamw measures the statistics of its average, training aside") {
  test::check_own_statistics(schedule_free({}), 4, 20, 5);
}

TEST_CASE("schedule_free_adamw keeps two values per parameter, three numbers of its weights and a product of beta2") {
  CHECK(test::state_bytes("schedule_free_adamw") == test::bytes_of({.per_parameter = 2, .numbers = 4}));
}

}  // namespace
}  // namespace velo
