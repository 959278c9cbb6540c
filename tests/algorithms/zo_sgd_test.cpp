#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticExamples;
using test::Rider;

TEST_CASE("zo_sgd follows a scalar loop that draws its directions one number at a time") {
  const double lr = 1e-3, mu = 0.01, weight_decay = 0.1;
  const ParameterLayout layout = test::awkward_layout();
  for (const bool coupled : {true, false}) {
    QuadraticExamples oracle(layout, 5);
    Rider rider(component("zo_sgd", {{"lr", Schedule(lr)},
                                     {"perturbation", Schedule(mu)},
                                     {"weight_decay", Schedule(weight_decay)},
                                     {"decay", std::string(coupled ? "coupled" : "decoupled")}}),
                layout);
    oracle.follow(rider.params_view());
    rider.start(oracle);
    std::vector<double> expected = test::initial_params(layout);
    for (int t = 1; t <= 25; ++t) {
      const std::vector<double> before = rider.params();
      rider.step(oracle, t);
      const RandomStream stream = oracle.random();
      // The points as Scalars, like the algorithm's: their rounding is in the slope, divided by mu.
      std::vector<double> above = before, below = before;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const auto x = static_cast<Scalar>(before[i]), shift = static_cast<Scalar>(mu * stream.normal(i));
        above[i] = x + shift;
        below[i] = x - shift;
      }
      const std::vector<Index>& examples = oracle.drawn().back();
      const double slope = (oracle.loss_at(above, examples) - oracle.loss_at(below, examples)) / (2.0 * mu);
      for (std::size_t i = 0; i < before.size(); ++i) {
        const double g = slope * stream.normal(i) + (coupled ? weight_decay * expected[i] : 0.0);
        expected[i] = (coupled ? 1.0 : 1.0 - lr * weight_decay) * expected[i] - lr * g;
      }
      const std::vector<double> params = rider.params();
      // Three roundings in g, two in the decay and two in the step; |slope| < 100 and |z| < 4 keep lr g below 1.
      for (std::size_t i = 0; i < params.size(); ++i)
        CHECK(std::abs(params[i] - expected[i]) <= test::rounding_bound(7, t));
    }
    CHECK(oracle.drawn().size() == 25);
  }
}

TEST_CASE("zo_sgd asks for two losses on this step's batch and no gradient") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 5);
  Rider rider(component("zo_sgd"), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, 10);
  CHECK(oracle.losses_asked.size() == 20);
  CHECK(oracle.gradients_asked == 0);
  for (std::size_t k = 0; k < 20; ++k) {
    CHECK(oracle.losses_asked[k].batch == nullptr);
    CHECK((oracle.losses_asked[k].model_state == ModelStateUse::commit) == (k % 2 == 0));
  }
}

/// L(x) = g x: the slope along a direction is exact at any distance.
class Plane : public test::GivenGradients {
 public:
  Plane(const ParameterLayout& layout, std::vector<double> g) : GivenGradients(layout), g_(std::move(g)) {}
  double loss(const Query& query) override {
    const std::vector<double> x = test::to_host(query.at);
    return std::inner_product(x.begin(), x.end(), g_.begin(), 0.0);
  }

 private:
  std::vector<double> g_;
};

TEST_CASE("the mean of zo_sgd's steps on a plane is a step down its gradient") {
  const ParameterLayout layout = test::awkward_layout();
  const std::vector<double> g = test::initial_params(layout);
  const double squared_norm = std::inner_product(g.begin(), g.end(), g.begin(), 0.0);
  const int steps = 4000;
  Plane oracle(layout, g);
  Rider rider(component("zo_sgd", {{"lr", Schedule(1.0 / steps)}, {"perturbation", Schedule(1.0)}}), layout);
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.steps(oracle, 1, steps);
  const std::vector<double> after = rider.params();
  for (std::size_t i = 0; i < g.size(); ++i) {
    // c z_i has mean g_i and variance |g|^2 + g_i^2. Five standard deviations for 139 numbers; the random numbers are
    // the same in every run.
    const double deviation = std::sqrt((squared_norm + g[i] * g[i]) / steps);
    CHECK(std::abs(before[i] - after[i] - g[i]) <= 5.0 * deviation);
  }
}

TEST_CASE("zo_sgd changes nothing while it looks, and nothing at all with a learning rate of zero") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 5);
  Rider rider(component("zo_sgd", {{"lr", Schedule(0.0)}, {"perturbation", Schedule(0.7)}}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.steps(oracle, 1, 10);
  CHECK(rider.params() == before);
  CHECK(rider.state().bytes() == 0);
}

}  // namespace
}  // namespace velo
