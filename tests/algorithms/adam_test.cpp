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
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0.0;
  bool amsgrad = false;
};

/// torch.optim.Adam, written down for one number.
ScalarRule reference(Options o) {
  return [o, m = 0.0, v = 0.0, v_max = 0.0](double x, double g, int t) mutable {
    g += o.weight_decay * x;
    m = o.beta1 * m + (1.0 - o.beta1) * g;
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    v_max = std::max(v, v_max);
    const double root = std::sqrt((o.amsgrad ? v_max : v) / (1.0 - std::pow(o.beta2, t)));
    return x - o.lr * (m / (1.0 - std::pow(o.beta1, t))) / (root + o.eps);
  };
}

Component adam(Options o) {
  return component("adam", {{"lr", Schedule(o.lr)},
                            {"beta1", Schedule(o.beta1)},
                            {"beta2", Schedule(o.beta2)},
                            {"eps", Schedule(o.eps)},
                            {"weight_decay", Schedule(o.weight_decay)},
                            {"amsgrad", o.amsgrad}});
}

double difference(Options o) {
  return largest_difference(adam(o), [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 2 roundings for the decay, 3 in m, 4 in v, 4 in the divisor, 2 in the ratio, 2 in the step.
constexpr int operations = 17;

TEST_CASE("adam follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.05}) <= rounding_bound(operations));
  CHECK(difference({.eps = 0.01}) <= rounding_bound(operations));
  CHECK(difference({.beta1 = 0.5, .beta2 = 0.6}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.05, .amsgrad = true}) <= rounding_bound(operations));
}

TEST_CASE("adam spares norms and biases from decay when told to") {
  const Options o{.weight_decay = 0.5};
  Component algorithm = adam(o);
  algorithm.parameters.set("decay_norms_and_biases", false);
  const auto spared = [o](ParameterKind kind) {
    Options own = o;
    if (kind == ParameterKind::bias || kind == ParameterKind::layer_norm_scale) own.weight_decay = 0.0;
    return reference(own);
  };
  CHECK(largest_difference(algorithm, spared) <= rounding_bound(operations));
}

TEST_CASE("adam without weight decay is adamw without weight decay") {
  const auto trajectory = [](const char* name) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout);
    test::Rider rider(component(name, {{"weight_decay", Schedule(0.0)}}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory("adam") == trajectory("adamw"));
}

TEST_CASE("adam keeps two values per parameter, three with amsgrad, and two products of betas") {
  CHECK(test::state_bytes("adam") == test::bytes_of({.per_parameter = 2, .numbers = 2}));
  CHECK(test::state_bytes("adam", {{"amsgrad", true}}) == test::bytes_of({.per_parameter = 3, .numbers = 2}));
}

}  // namespace
}  // namespace velo
