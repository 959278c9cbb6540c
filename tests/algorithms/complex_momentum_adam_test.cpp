#include <catch2/catch_test_macros.hpp>
#include <map>

#include "tests/algorithms/bilinear_game.hpp"

namespace velo {
namespace {

using test::component;

struct Options {
  double lr = 0.01, beta1 = 0.8, phase = 0.125, beta2 = 0.99, eps = 1e-8;
  bool alternating = false;
};

Component complex_adam(Options o) {
  return component("complex_momentum_adam", {{"lr", Schedule(o.lr)},
                                             {"beta1", Schedule(o.beta1)},
                                             {"phase", Schedule(o.phase)},
                                             {"beta2", Schedule(o.beta2)},
                                             {"eps", Schedule(o.eps)},
                                             {"update", std::string(o.alternating ? "alternating" : "simultaneous")}});
}

/// The rule for one number, in complex arithmetic.
test::ScalarRule reference(Options o) {
  return [o, m = std::complex<double>(), v = 0.0](double x, double g, int t) mutable {
    m = test::polar(o.beta1, o.phase) * m + g;
    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
    return x - o.lr * m.real() / (std::sqrt(v / (1.0 - std::pow(o.beta2, t))) + o.eps);
  };
}

// Per step: 5 roundings in m, which the momentum keeps for 1 / (1 - beta1) steps, 4 in v, 4 in the divisor, 2 in the
// ratio, 2 in the step.
double bound(Options o) { return test::rounding_bound(17) / (1.0 - o.beta1); }

TEST_CASE("complex_momentum_adam follows its scalar definition") {
  for (const Options o : {Options{}, Options{.phase = 0.5}, Options{.phase = -0.3}, Options{.beta2 = 0.6, .eps = 0.01},
                          Options{.beta1 = 0.9, .alternating = true}})
    CHECK(test::largest_difference(complex_adam(o), [o](ParameterKind) { return reference(o); }) <= bound(o));
}

TEST_CASE("complex_momentum_adam follows its definition in a game, players moving at once or in turn") {
  for (const bool alternating : {false, true}) {
    const Options o{.lr = 0.002, .eps = 0.1, .alternating = alternating};
    std::map<std::size_t, test::ScalarRule> rules;
    const auto rule = [&](double x, double g, std::size_t i, int t) {
      return rules.try_emplace(i, reference(o)).first->second(x, g, t);
    };
    // One player's error is the other's gradient's, which eps = 0.1 divides: growth below
    // (1 + 2 lr / (eps (1 - beta1)))^25 = 12.
    CHECK(test::largest_game_difference(complex_adam(o), alternating, rule) <= 12.0 * bound(o));
  }
}

TEST_CASE("complex_momentum_adam without phase is Adam with a sum for a mean and no first correction") {
  const Options o{.phase = 0.0};
  const auto adam = [o](ParameterKind) -> test::ScalarRule {
    return [o, m = 0.0, v = 0.0](double x, double g, int t) mutable {
      m = o.beta1 * m + (1.0 - o.beta1) * g;
      v = o.beta2 * v + (1.0 - o.beta2) * g * g;
      return x - o.lr / (1.0 - o.beta1) * m / (std::sqrt(v / (1.0 - std::pow(o.beta2, t))) + o.eps);
    };
  };
  CHECK(test::largest_difference(complex_adam(o), adam) <= bound(o));
}

TEST_CASE("complex_momentum_adam keeps three values per parameter, and a product of beta2") {
  CHECK(test::state_bytes("complex_momentum_adam") == test::bytes_of({.per_parameter = 3, .numbers = 1}));
}

}  // namespace
}  // namespace velo
