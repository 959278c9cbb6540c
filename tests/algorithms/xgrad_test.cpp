#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/quadratic_examples.hpp"
#include "tests/algorithms/quadratic_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticGradients;

constexpr double lr = 0.02, mu = 0.5;

Component sgd(bool nesterov = false) {
  return component("sgd", {{"lr", Schedule(lr)}, {"momentum", Schedule(mu)}, {"nesterov", nesterov}});
}

Component xgrad(const Component& inner, double s) {
  return component("xgrad", {{"inner", std::vector<Component>{inner}}, {"s", Schedule(s)}});
}

double largest_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= largest)) largest = std::abs(a[i] - b[i]);
  return largest;
}

// The unit roundoff times the largest value that occurs (parameters, gradients, momentum stay below 4).
const double ulp = test::rounding_bound(1, 1, 4.0);

/// Bounds the errors of sgd's parameters and momentum from step to step: what rounding adds, what the rule passes on.
struct SgdError {
  double x = 0.0, v = 0.0, x_last = 0.0;
  void step(double s) {
    // The point carries errors of x and s (x - x_last), and 3 roundings; the gradient 1 more, v 2, x 2.
    const double point = x + s * (x + x_last) + 3.0 * ulp;
    x_last = x;
    v = mu * v + 1.5 * point + 3.0 * ulp;
    x += lr * v + 2.0 * ulp;
  }
};

TEST_CASE("xgrad around sgd asks where the paper's prediction by the momentum leads") {
  for (const double s : {1.0, 0.4, 2.0}) {
    const ParameterLayout layout = test::awkward_layout();
    QuadraticGradients oracle(layout);
    test::Rider rider(xgrad(sgd(), s), layout);
    oracle.attach(rider.params_view());
    rider.start(oracle);
    std::vector<double> x = test::initial_params(layout), v(x.size(), 0.0);
    SgdError error;
    for (int t = 1; t <= 25; ++t) {
      rider.step(oracle, t);
      std::vector<double> predicted = x;
      for (std::size_t i = 0; i < x.size(); ++i) predicted[i] -= s * lr * v[i];
      const std::vector<double> g = oracle.gradient_at(predicted, t);
      for (std::size_t i = 0; i < x.size(); ++i) {
        v[i] = mu * v[i] + g[i];
        x[i] -= lr * v[i];
      }
      error.step(s);
      CHECK(largest_distance(rider.params(), x) <= error.x);
    }
    CHECK(error.x < 1e-3);  // far below what the prediction changes
  }
}

TEST_CASE("xgrad around adam predicts by the corrected mean over the root") {
  // eps = 1: an error e of the gradients moves the direction by 2 e (the mean by e, the root by e, times a mean below 4
  // over a divisor of at least 1: by 5 e).
  const double s = 1.0, rate = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1.0;
  const Component adam = component(
      "adam", {{"lr", Schedule(rate)}, {"beta1", Schedule(beta1)}, {"beta2", Schedule(beta2)}, {"eps", Schedule(eps)}});
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  test::Rider rider(xgrad(adam, s), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  std::vector<double> x = test::initial_params(layout), m(x.size()), v(x.size()), direction(x.size());
  double x_error = 0.0, x_error_last = 0.0, g_error = 0.0;
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    std::vector<double> predicted = x;
    for (std::size_t i = 0; i < x.size(); ++i) predicted[i] -= s * rate * direction[i];
    const std::vector<double> g = oracle.gradient_at(predicted, t);
    for (std::size_t i = 0; i < x.size(); ++i) {
      m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
      v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
      direction[i] = m[i] / (1.0 - std::pow(beta1, t)) / (std::sqrt(v[i] / (1.0 - std::pow(beta2, t))) + eps);
      x[i] -= rate * direction[i];
    }
    const double point_error = x_error + s * (x_error + x_error_last) + 3.0 * ulp;
    x_error_last = x_error;
    g_error = std::max(g_error, 1.5 * point_error + ulp);
    // Beside the gradients', 16 roundings in mean, root and direction, 2 in the step.
    x_error += rate * (5.0 * g_error + 16.0 * ulp) + 2.0 * ulp;
    CHECK(largest_distance(rider.params(), x) <= x_error);
  }
  CHECK(x_error < 1e-3);
}

TEST_CASE("xgrad around sgd with s = momentum is Nesterov's method seen from the other points") {
  // Nesterov's parameters, as sgd keeps them, are x_t + mu (x_t - x_(t-1)).
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout), nesterov_oracle(layout);
  test::Rider rider(xgrad(sgd(), mu), layout), nesterov(sgd(true), layout);
  oracle.attach(rider.params_view());
  nesterov_oracle.attach(nesterov.params_view());
  rider.start(oracle);
  nesterov.start(nesterov_oracle);
  SgdError error;
  for (int t = 1; t <= 25; ++t) {
    std::vector<double> expected = rider.params();
    rider.step(oracle, t);
    nesterov.step(nesterov_oracle, t);
    const std::vector<double> now = rider.params();
    for (std::size_t i = 0; i < now.size(); ++i) expected[i] = now[i] + mu * (now[i] - expected[i]);
    error.step(mu);
    // Two trajectories with such errors, one of them extrapolated.
    CHECK(largest_distance(nesterov.params(), expected) <= 3.0 * error.x + error.x_last);
  }
}

TEST_CASE("xgrad with s 0, and at step 1, is its inner algorithm") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout), ahead_oracle(layout), plain_oracle(layout);
  test::Rider rider(xgrad(sgd(), 0.0), layout), ahead(xgrad(sgd(), 1.0), layout), plain(sgd(), layout);
  oracle.attach(rider.params_view());
  ahead_oracle.attach(ahead.params_view());
  plain_oracle.attach(plain.params_view());
  rider.start(oracle);
  ahead.start(ahead_oracle);
  plain.start(plain_oracle);
  for (int t = 1; t <= 20; ++t) {
    rider.step(oracle, t);
    ahead.step(ahead_oracle, t);
    plain.step(plain_oracle, t);
    CHECK(rider.params() == plain.params());
    CHECK((ahead.params() == plain.params()) == (t == 1));
  }
}

TEST_CASE("xgrad shifts every point that its inner algorithm asks at") {
  const double rho = 0.1;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  const Component sam = component("sam", {{"inner", std::vector<Component>{sgd()}}, {"rho", Schedule(rho)}});
  test::Rider rider(xgrad(sam, 1.0), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  rider.step(oracle, 1);
  rider.step(oracle, 2);
  // Step 2 asks at the prediction, then at distance rho from there.
  REQUIRE(oracle.asked.size() == 4);
  CHECK(oracle.asked[2].model_state == ModelStateUse::automatic);
  CHECK(oracle.asked[3].model_state == ModelStateUse::discard);
  double square = 0.0;
  for (std::size_t i = 0; i < oracle.asked[3].at.size(); ++i)
    square += std::pow(oracle.asked[3].at[i] - oracle.asked[2].at[i], 2);
  CHECK(std::abs(std::sqrt(square) - rho) <= std::sqrt(139.0) * test::rounding_bound(4, 1));
}

TEST_CASE("xgrad shifts the point at which its inner algorithm asks for gradients of single examples") {
  const ParameterLayout layout = test::awkward_layout();
  test::ChosenExamples oracle(layout, 8);
  const Component grab = component("grab", {{"inner", std::vector<Component>{sgd()}}, {"slice", std::int64_t{8}}});
  test::Rider rider(xgrad(grab, 1.0), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const std::vector<double> first = rider.params();
  rider.step(oracle, 1);
  const std::vector<double> second = rider.params();
  rider.step(oracle, 2);
  REQUIRE(oracle.points.size() == 2);
  CHECK(oracle.points[0] == first);
  // A difference and a sum of values below 4.
  for (std::size_t i = 0; i < first.size(); ++i)
    CHECK(std::abs(oracle.points[1][i] - (2.0 * second[i] - first[i])) <= 2.0 * ulp);
  CHECK(first != second);
}

TEST_CASE("xgrad keeps one value per parameter beside its inner algorithm") {
  CHECK(test::state_bytes("xgrad") == test::bytes_of({.per_parameter = 1}));
}

}  // namespace
}  // namespace velo
