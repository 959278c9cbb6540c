#include <catch2/catch_test_macros.hpp>

#include "results/error.hpp"
#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::largest_difference;
using test::rounding_bound;
using test::ScalarRule;

struct Options {
  double lr = 0.03, momentum = 0.0, dampening = 0.0, weight_decay = 0.0;
  bool nesterov = false, decoupled = false;
};

/// torch.optim.SGD, written down for one number.
ScalarRule reference(Options o) {
  return [o, buffer = 0.0](double x, double g, int t) mutable {
    if (o.decoupled)
      x -= o.lr * o.weight_decay * x;
    else
      g += o.weight_decay * x;
    if (o.momentum != 0.0) {
      buffer = t == 1 ? g : o.momentum * buffer + (1.0 - o.dampening) * g;
      g = o.nesterov ? g + o.momentum * buffer : buffer;
    }
    return x - o.lr * g;
  };
}

double difference(Options o) {
  const Component sgd = component("sgd", {{"lr", Schedule(o.lr)},
                                          {"momentum", Schedule(o.momentum)},
                                          {"dampening", Schedule(o.dampening)},
                                          {"weight_decay", Schedule(o.weight_decay)},
                                          {"nesterov", o.nesterov},
                                          {"decay", std::string(o.decoupled ? "decoupled" : "coupled")}});
  return largest_difference(sgd, [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 3 roundings for the decay, 5 for momentum and direction, 3 for the step.
constexpr int operations = 11;

TEST_CASE("sgd follows its scalar definition with every option") {
  CHECK(difference({}) <= rounding_bound(operations));
  CHECK(difference({.weight_decay = 0.1}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.9}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.9, .dampening = 0.4}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.85, .weight_decay = 0.02, .nesterov = true}) <= rounding_bound(operations));
  CHECK(difference({.momentum = 0.85, .weight_decay = 0.3, .decoupled = true}) <= rounding_bound(operations));
}

TEST_CASE("sgd without dampening equals sgd with dampening at the first step only") {
  const auto after = [](int steps, double dampening) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout);
    test::Rider rider(component("sgd", {{"momentum", Schedule(0.9)}, {"dampening", Schedule(dampening)}}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, steps);
    return rider.params();
  };
  CHECK(after(1, 0.0) == after(1, 0.5));
  CHECK(after(2, 0.0) != after(2, 0.5));
}

TEST_CASE("sgd spares norms and biases from decay when told to") {
  const Options o{.momentum = 0.9, .weight_decay = 0.2};
  Component sgd = component("sgd", {{"lr", Schedule(o.lr)},
                                    {"momentum", Schedule(o.momentum)},
                                    {"weight_decay", Schedule(o.weight_decay)},
                                    {"decay_norms_and_biases", false}});
  const auto spared = [o](ParameterKind kind) {
    Options own = o;
    if (kind == ParameterKind::bias || kind == ParameterKind::layer_norm_scale) own.weight_decay = 0.0;
    return reference(own);
  };
  CHECK(largest_difference(sgd, spared) <= rounding_bound(operations));
}

TEST_CASE("sgd keeps no state without momentum and one value per parameter with it") {
  CHECK(test::state_bytes("sgd") == test::bytes_of({}));
  CHECK(test::state_bytes("sgd", {{"momentum", Schedule(0.9)}}) == test::bytes_of({.per_parameter = 1}));
}

TEST_CASE("sgd refuses nesterov without momentum") {
  CHECK_THROWS_AS(builtin_registry().make(component("sgd", {{"nesterov", true}})), Error);
}

}  // namespace
}  // namespace velo
