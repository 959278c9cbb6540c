#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

struct Options {
  double lr = 0.03, momentum = 0.9, weight_decay = 0.0, r = 0.0, power = 2.0;
  int warmup = 0;
  std::int64_t refresh = 0;
};

Component schedule_free(const Options& o) {
  Schedule lr = o.lr;
  lr.warmup_steps = o.warmup;
  return component("schedule_free_sgd", {{"lr", lr},
                                         {"momentum", Schedule(o.momentum)},
                                         {"weight_decay", Schedule(o.weight_decay)},
                                         {"r", Schedule(o.r)},
                                         {"weight_lr_power", Schedule(o.power)},
                                         {"refresh_batches", o.refresh}});
}

/// The paper's equations for one number, with x, y and z written out.
struct Reference {
  Options o;
  double x, z;
  double weights = 0.0;

  [[nodiscard]] double y() const { return (1.0 - o.momentum) * z + o.momentum * x; }
  void step(double g, int t) {
    const double lr = o.lr * (o.warmup > 0 ? std::min(1.0, static_cast<double>(t) / o.warmup) : 1.0);
    z -= lr * (g + o.weight_decay * y());
    const double weight = std::pow(t, o.r) * std::pow(lr, o.power);
    weights += weight;
    x += weight / weights * (z - x);
  }
};

// Per step and parameter: 2 for the decay, 3 in z, and in y 2 coefficients and 5 operations. y leans on z and its old
// self with shares that add up to 1, so errors add up. The average z + (y - z) / momentum
// holds 1 / momentum of y's error and 1 / momentum - 1 of z's.
constexpr int operations = 12;

TEST_CASE("schedule_free_sgd reports its rate and the share of the newest point in the average") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(schedule_free({.lr = 0.5, .warmup = 4}), layout);
  rider.start(oracle);
  // Rates 1/8, 2/8, 3/8, 4/8, 4/8 and weights in the ratio of their squares.
  const std::vector<double> rates = {0.125, 0.25, 0.375, 0.5, 0.5};
  const std::vector<double> shares = {1.0, 4.0 / 5.0, 9.0 / 14.0, 16.0 / 30.0, 16.0 / 46.0};
  for (int t = 1; t <= 5; ++t) {
    rider.step(oracle, t);
    const std::map<std::string, double> observed = rider.observed();
    const auto k = static_cast<std::size_t>(t - 1);
    // In double: a quotient for the rate; a power, a sum of t and a quotient for the share.
    CHECK(std::abs(observed.at("lr") - rates[k]) <= std::numeric_limits<double>::epsilon() * rates[k]);
    CHECK(std::abs(observed.at("average_share") - shares[k]) <=
          (t + 4) * std::numeric_limits<double>::epsilon() * shares[k]);
  }
}

TEST_CASE("schedule_free_sgd trains y and evaluates x of the paper's equations") {
  for (const Options& o : {Options{}, Options{.momentum = 0.5}, Options{.weight_decay = 0.1}, Options{.warmup = 7},
                           Options{.r = 2.0}, Options{.weight_decay = 0.1, .r = 1.0, .power = 1.0, .warmup = 11}}) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout, 25);
    test::Rider rider(schedule_free(o), layout);
    rider.start(oracle);
    std::vector<Reference> reference;
    for (const double x : rider.params()) reference.push_back({o, x, x});
    double trained = 0.0, evaluated = 0.0;
    for (int t = 1; t <= 25; ++t) {
      rider.step(oracle, t);
      rider.algorithm().prepare_for_eval(oracle, rider.params_view());
      const std::vector<double> gradient = oracle.gradients(t), y = rider.params(), x = rider.evaluation_params();
      for (std::size_t i = 0; i < y.size(); ++i) {
        reference[i].step(gradient[i], t);
        trained = std::max(trained, std::abs(y[i] - reference[i].y()));
        evaluated = std::max(evaluated, std::abs(x[i] - reference[i].x));
      }
    }
    CHECK(trained <= rounding_bound(operations));
    CHECK(evaluated <= rounding_bound(operations) / o.momentum * (2.0 - o.momentum));
  }
}

TEST_CASE("schedule_free_sgd evaluates the plain mean of the points that SGD visits") {
  // For given gradients z is SGD's trajectory, whatever y is; a constant lr weighs all points alike.
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout, 25);
  test::Rider rider(schedule_free({}), layout);
  test::Rider sgd(component("sgd", {{"lr", Schedule(0.03)}}), layout);
  rider.start(oracle);
  sgd.start(oracle);
  std::vector<double> sum(static_cast<std::size_t>(layout.size()), 0.0);
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    sgd.step(oracle, t);
    rider.algorithm().prepare_for_eval(oracle, rider.params_view());
    const std::vector<double> x = rider.evaluation_params(), z = sgd.params();
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum[i] += z[i];
      CHECK(std::abs(x[i] - sum[i] / t) <= rounding_bound(operations, t) / 0.9 * 1.1);
    }
  }
}

TEST_CASE("schedule_free_sgd with a vanishing momentum trains as SGD does") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(schedule_free({.momentum = 1e-30, .weight_decay = 0.1}), layout);
  test::Rider sgd(component("sgd", {{"lr", Schedule(0.03)}, {"weight_decay", Schedule(0.1)}}), layout);
  rider.start(oracle);
  sgd.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    rider.step(oracle, t);
    sgd.step(oracle, t);
    CHECK(rider.params() == sgd.params());
  }
}

TEST_CASE("schedule_free_sgd measures the statistics of its average, training aside") {
  test::check_own_statistics(schedule_free({}), 3, 20, 5);
}

TEST_CASE("schedule_free_sgd keeps one value per parameter, and three numbers of its weights") {
  CHECK(test::state_bytes("schedule_free_sgd") == test::bytes_of({.per_parameter = 1, .numbers = 3}));
}

}  // namespace
}  // namespace velo
