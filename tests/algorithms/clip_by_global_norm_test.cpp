#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

double norm(const std::vector<double>& values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
}

/// sgd with lr 1 and no momentum: the parameters move by the gradient it is handed.
Component clipped(double max_norm) {
  const Component sgd = component("sgd", {{"lr", Schedule(1.0)}});
  return component("clip_by_global_norm", {{"inner", std::vector<Component>{sgd}}, {"max_norm", Schedule(max_norm)}});
}

TEST_CASE("clip_by_global_norm scales a long gradient to its bound, over twenty steps of sgd") {
  const double max_norm = 2.0;  // the gradients' norm is near sqrt(139 / 3) = 6.8
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(clipped(max_norm), layout);
  rider.start(oracle);
  std::vector<double> expected = test::initial_params(layout);
  double bound = 0.0;
  for (int t = 1; t <= 20; ++t) {
    const std::vector<double> gradient = oracle.gradients(t);
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      expected[i] -= gradient[i] * max_norm / norm(gradient);
      // Two roundings for the scaled gradient, one for the difference, of values below 20 * 2 + 1.
      bound = test::rounding_bound(3, t, 41.0);
      CHECK(std::abs(params[i] - expected[i]) <= bound);
    }
  }
}

TEST_CASE("clip_by_global_norm leaves a short gradient as it is") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider bounded(clipped(100.0), layout);
  test::Rider free(clipped(100.0).parameters.algorithm("inner"), layout);
  bounded.start(oracle);
  free.start(oracle);
  bounded.steps(oracle, 1, 20);
  free.steps(oracle, 1, 20);
  CHECK(bounded.params() == free.params());
}

TEST_CASE("clip_by_global_norm reports the norm before clipping and its inner algorithm's scalars") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(clipped(0.1), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  const std::map<std::string, double> observed = rider.observed();
  // Squares and sums are in double.
  CHECK(std::abs(observed.at("grad_norm") - norm(oracle.gradients(1))) <= 1e-14 * observed.at("grad_norm") * 139);
  CHECK(observed.at("inner/lr") == 1.0);
}

TEST_CASE("clip_by_global_norm bounds gradients whose squares overflow a float") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(
      layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), 1e30); });
  test::Rider rider(clipped(1.0), layout);
  rider.start(oracle);
  const double before = rider.params().front();
  rider.step(oracle, 1);
  const double step = 1.0 / std::sqrt(static_cast<double>(layout.size()));
  CHECK(std::abs(before - rider.params().front() - step) <= test::rounding_bound(3, 1));
}

TEST_CASE("clip_by_global_norm keeps nothing of its own") {
  CHECK(test::state_bytes("clip_by_global_norm") == test::bytes_of({}));
}

}  // namespace
}  // namespace velo
