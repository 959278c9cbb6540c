#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

struct Options {
  double lr = 1.0, reps_rel = 0.05, eps = 1e-8, weight_decay = 0.0, gamma = 8.0;
  bool average = true;
  std::int64_t refresh = 0;
};

Component dog(const Options& o) {
  return component("dog", {{"lr", Schedule(o.lr)},
                           {"reps_rel", Schedule(o.reps_rel)},
                           {"eps", Schedule(o.eps)},
                           {"weight_decay", Schedule(o.weight_decay)},
                           {"gamma", Schedule(o.gamma)},
                           {"average", o.average},
                           {"refresh_batches", o.refresh}});
}

double norm(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

TEST_CASE("dog follows its definition at every step") {
  // The reference keeps the distance and the sum of gradients in double over the points that dog visited: a step's
  // error is its own, and differences of last bits, which reps_rel of 1e-6 makes of the first distances, stay exact.
  for (const Options& o : {Options{}, Options{.reps_rel = 1e-6}, Options{.eps = 2.0}, Options{.lr = 0.5, .gamma = 0.0},
                           Options{.weight_decay = 0.1}, Options{.weight_decay = 0.1, .average = false}}) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout, 25);
    test::Rider rider(dog(o), layout);
    rider.start(oracle);
    const std::vector<double> start = rider.params();
    std::vector<double> average = start;
    double distance = o.reps_rel * (1.0 + norm(start)), sum = o.eps;
    for (int t = 1; t <= 25; ++t) {
      std::vector<double> x = rider.params(), gradient = oracle.gradients(t), moved = x;
      for (std::size_t i = 0; i < x.size(); ++i) {
        gradient[i] += o.weight_decay * x[i];
        moved[i] -= start[i];
      }
      distance = std::max(distance, norm(moved));
      sum += norm(gradient) * norm(gradient);
      const double eta = o.lr * distance / std::sqrt(sum);
      const double share = (1.0 + o.gamma) / (t + o.gamma);

      rider.step(oracle, t);
      const std::vector<double> params = rider.params(), evaluated = rider.evaluation_params();
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double step = eta * gradient[i];
        // Of the step: 2 roundings for the decay, as many in the norm, its own product and eta's cast. Of x: the sum.
        CHECK(std::abs(params[i] - (x[i] - step)) <= rounding_bound(6, 1, std::abs(step) + o.weight_decay * eta) +
                                                         rounding_bound(1, 1, std::abs(x[i]) + std::abs(step)));
        average[i] += share * (params[i] - average[i]);
        // 4 roundings a step (share, difference, product, sum) of points that stay below 2.
        CHECK(std::abs(evaluated[i] - (o.average ? average[i] : params[i])) <= rounding_bound(4, t));
      }
    }
  }
}

TEST_CASE("dog does not see the scale of the loss") {
  // A power of two passes sums, roots and quotients exactly once eps is below their last bits.
  const ParameterLayout layout = test::awkward_layout();
  const auto trajectory = [&](double scale) {
    const auto scaled = [&, scale](std::int64_t step) {
      std::vector<double> out = test::GivenGradients(layout).gradients(step);
      for (double& g : out) g *= scale;
      return out;
    };
    test::GivenGradients oracle(layout, scaled);
    test::Rider rider(dog({.eps = 1e-300}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory(1.0) == trajectory(1024.0));
}

/// f(x) = |D x|^2 / 2 with curvatures from 0.5 to 5, at the rider's parameters.
class Quadratic : public test::GivenGradients {
 public:
  Quadratic(const ParameterLayout& layout, const test::Rider& rider) : GivenGradients(layout, 500), rider_(&rider) {}

  static double curvature(std::size_t i) { return 0.5 * std::pow(10.0, static_cast<double>(i % 10) / 9.0); }
  static double value(const std::vector<double>& x) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += 0.5 * curvature(i) * x[i] * x[i];
    return sum;
  }
  double gradient(Vector out, const Query&) override {
    std::vector<double> g = rider_->params();
    const double f = value(g);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= curvature(i);
    Kokkos::deep_copy(out, test::to_device(g));
    return f;
  }

 private:
  const test::Rider* rider_;
};

TEST_CASE("dog reaches the minimum of a quadratic from first distances five orders apart") {
  // The paper's claim: below a threshold the first distance hardly matters.
  for (const double reps_rel : {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1}) {
    const ParameterLayout layout = test::awkward_layout();
    test::Rider rider(dog({.reps_rel = reps_rel}), layout);
    Quadratic oracle(layout, rider);
    rider.start(oracle);
    const double before = Quadratic::value(rider.params());
    rider.steps(oracle, 1, 500);
    CHECK(Quadratic::value(rider.params()) < 1e-3 * before);
  }
}

TEST_CASE("dog measures the statistics of its average, training aside") {
  const ParameterLayout layout = test::awkward_layout();
  test::MeasuringOracle oracle(layout);
  test::Rider refreshing(dog({.refresh = 4}), layout), reusing(dog({.refresh = 0}), layout);
  test::Rider last(dog({.average = false, .refresh = 4}), layout);
  refreshing.start(oracle);
  reusing.start(oracle);
  last.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    refreshing.step(oracle, t);
    reusing.step(oracle, t);
    last.step(oracle, t);
    CHECK(test::evaluates_with_own_statistics(refreshing, oracle, 4));
    CHECK(test::evaluates_with_training_statistics(reusing, oracle));
    CHECK(test::evaluates_with_training_statistics(last, oracle));
    CHECK(refreshing.params() == reusing.params());
  }
  test::Rider stateless(dog({.refresh = 4}), layout);
  CHECK_FALSE(test::draws_without_model_state(stateless, layout));
}

TEST_CASE("dog keeps the start, the average and two numbers") {
  CHECK(test::state_bytes("dog") == test::bytes_of({.per_parameter = 2, .numbers = 2}));
  CHECK(test::state_bytes("dog", {{"average", false}}) == test::bytes_of({.per_parameter = 1, .numbers = 2}));
}

}  // namespace
}  // namespace velo
