#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::largest_difference;
using test::rounding_bound;
using test::ScalarRule;

Component lookahead(std::int64_t k, double alpha) {
  const Component sgd = component("sgd", {{"lr", Schedule(0.03)}, {"momentum", Schedule(0.9)}});
  return component("lookahead", {{"inner", std::vector<Component>{sgd}}, {"k", k}, {"alpha", Schedule(alpha)}});
}

/// Algorithm 1 of the paper around heavy-ball sgd, written down for one number.
ScalarRule reference(int k, double alpha) {
  return [=, momentum = 0.0, slow = 0.0](double x, double g, int t) mutable {
    if (t == 1) slow = x;
    momentum = t == 1 ? g : 0.9 * momentum + g;
    x -= 0.03 * momentum;
    if (t % k == 0) {
      slow += alpha * (x - slow);
      x = slow;
    }
    return x;
  };
}

// Per step and parameter: 2 roundings in the momentum, 2 in the step, 3 in the synchronisation.
constexpr int operations = 7;

TEST_CASE("lookahead follows its scalar definition around sgd") {
  const auto difference = [](int k, double alpha) {
    return largest_difference(lookahead(k, alpha), [=](ParameterKind) { return reference(k, alpha); });
  };
  CHECK(difference(5, 0.5) <= rounding_bound(operations));
  CHECK(difference(1, 0.8) <= rounding_bound(operations));
  CHECK(difference(7, 0.2) <= rounding_bound(operations));
}

TEST_CASE("lookahead with alpha 1 is its inner algorithm, and evaluates it every k steps") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider wrapped(lookahead(4, 1.0), layout);
  test::Rider plain(lookahead(4, 1.0).parameters.algorithm("inner"), layout);
  wrapped.start(oracle);
  plain.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    wrapped.step(oracle, t);
    plain.step(oracle, t);
    // slow + 1 (fast - slow) may miss fast by two roundings.
    const std::vector<double> a = wrapped.params(), b = plain.params();
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= rounding_bound(operations, t));
    if (t % 4 == 0) CHECK(wrapped.evaluation_params() == wrapped.params());
  }
}

TEST_CASE("lookahead evaluates its slow weights, which rest between synchronisations") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(lookahead(5, 0.5), layout);
  rider.start(oracle);
  const std::vector<double> initial = rider.params();
  CHECK(rider.evaluation_params() == initial);
  rider.steps(oracle, 1, 4);
  CHECK(rider.evaluation_params() == initial);
  CHECK(rider.params() != initial);
  rider.step(oracle, 5);
  CHECK(rider.evaluation_params() == rider.params());
  CHECK(rider.evaluation_params() != initial);
}

TEST_CASE("lookahead measures the statistics of its slow weights, training aside") {
  test::check_own_statistics(lookahead(3, 0.5), 4, 10);
}

TEST_CASE("lookahead keeps one value per parameter beside its inner algorithm") {
  CHECK(test::state_bytes("lookahead") == test::bytes_of({.per_parameter = 1}));
}

}  // namespace
}  // namespace velo
