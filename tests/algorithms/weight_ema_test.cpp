#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

Component averaged(double decay, bool warm_up) {
  const Component sgd = component("sgd", {{"lr", Schedule(0.1)}, {"momentum", Schedule(0.9)}});
  return component("weight_ema",
                   {{"inner", std::vector<Component>{sgd}}, {"decay", Schedule(decay)}, {"warm_up", warm_up}});
}

TEST_CASE("weight_ema evaluates the exponential average of the parameters, which train undisturbed") {
  for (const bool warm_up : {false, true}) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout, 25);
    test::Rider rider(averaged(0.8, warm_up), layout);
    test::Rider plain(averaged(0.8, warm_up).parameters.algorithm("inner"), layout);
    rider.start(oracle);
    plain.start(oracle);
    std::vector<double> average = rider.params();
    for (int t = 1; t <= 25; ++t) {
      rider.step(oracle, t);
      plain.step(oracle, t);
      const std::vector<double> params = rider.params(), evaluated = rider.evaluation_params();
      CHECK(params == plain.params());
      const double decay = warm_up ? std::min(0.8, (1.0 + t) / (10.0 + t)) : 0.8;
      for (std::size_t i = 0; i < params.size(); ++i) {
        average[i] = decay * average[i] + (1.0 - decay) * params[i];
        // 5 roundings a step (two coefficients, two products, one sum) of parameters below 16.
        CHECK(std::abs(evaluated[i] - average[i]) <= rounding_bound(5, t, 16.0));
      }
    }
  }
}

TEST_CASE("weight_ema measures the statistics of its average, training aside") {
  test::check_own_statistics(averaged(0.8, true), 4, 10);
}

TEST_CASE("weight_ema keeps one value per parameter beside its inner algorithm") {
  CHECK(test::state_bytes("weight_ema") == test::bytes_of({.per_parameter = 1}));
}

}  // namespace
}  // namespace velo
