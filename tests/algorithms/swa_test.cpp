#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

Component sgd() { return component("sgd", {{"lr", Schedule(0.03)}, {"momentum", Schedule(0.9)}}); }

Component swa(const Component& inner, double start, std::int64_t cycle, std::int64_t refresh = 0) {
  return component("swa", {{"inner", std::vector<Component>{inner}},
                           {"start", Schedule(start)},
                           {"cycle", cycle},
                           {"refresh_batches", refresh}});
}

TEST_CASE("swa evaluates the mean of every cycle's last point from its start on") {
  struct Case {
    double start;
    int cycle, first;
  };
  // 25 steps: 0.4 starts at step 10; 0 starts at the first point that training made.
  for (const Case& c : {Case{0.4, 3, 10}, Case{0.4, 1, 10}, Case{0.0, 2, 1}, Case{1.0, 1, 25}}) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout, 25);
    test::Rider rider(swa(sgd(), c.start, c.cycle), layout), plain(sgd(), layout);
    rider.start(oracle);
    plain.start(oracle);
    std::vector<double> sum(static_cast<std::size_t>(layout.size()), 0.0);
    int models = 0;
    for (int t = 1; t <= 25; ++t) {
      rider.step(oracle, t);
      plain.step(oracle, t);
      const std::vector<double> params = plain.params(), evaluated = rider.evaluation_params();
      CHECK(rider.params() == params);
      if (t >= c.first && (t - c.first) % c.cycle == 0) {
        ++models;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += params[i];
      }
      if (models == 0) CHECK(evaluated == params);
      // 4 roundings a model (the share, difference, product, sum); momentum carries parameters to 1 + 25 x 0.03 / 0.1.
      for (std::size_t i = 0; models > 0 && i < sum.size(); ++i)
        CHECK(std::abs(evaluated[i] - sum[i] / models) <= rounding_bound(4, models, 16.0));
    }
  }
}

TEST_CASE("swa never leaves the points where training rests") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(
      layout,
      [size = static_cast<std::size_t>(layout.size())](std::int64_t t) {
        return std::vector<double>(size, t < 10 ? 0.5 : 0.0);
      },
      20);
  test::Rider rider(swa(component("sgd", {{"lr", Schedule(0.1)}}), 0.5, 1), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 20);
  CHECK(rider.evaluation_params() == rider.params());
}

TEST_CASE("swa measures the statistics of its average, training aside, and only once there is one") {
  const ParameterLayout layout = test::awkward_layout();
  test::MeasuringOracle oracle(layout, 20);
  test::Rider refreshing(swa(sgd(), 0.5, 2, 4), layout), reusing(swa(sgd(), 0.5, 2, 0), layout);
  refreshing.start(oracle);
  reusing.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    refreshing.step(oracle, t);
    reusing.step(oracle, t);
    if (t < 10)
      CHECK(test::evaluates_with_training_statistics(refreshing, oracle));
    else
      CHECK(test::evaluates_with_own_statistics(refreshing, oracle, 4));
    CHECK(test::evaluates_with_training_statistics(reusing, oracle));
    CHECK(refreshing.params() == reusing.params());
  }
  test::Rider stateless(swa(sgd(), 0.5, 2, 4), layout);
  CHECK_FALSE(test::draws_without_model_state(stateless, layout));
}

TEST_CASE("swa leaves evaluation to its inner algorithm until its own average starts") {
  const ParameterLayout layout = test::awkward_layout();
  test::MeasuringOracle oracle(layout, 20);
  const Component inner = component("schedule_free_sgd", {{"lr", Schedule(0.1)}, {"refresh_batches", std::int64_t{2}}});
  test::Rider rider(swa(inner, 0.5, 1, 3), layout), plain(inner, layout);
  rider.start(oracle);
  plain.start(oracle);
  for (int t = 1; t <= 12; ++t) {
    rider.step(oracle, t);
    plain.step(oracle, t);
    CHECK(test::evaluates_with_own_statistics(rider, oracle, t < 10 ? 2 : 3));
    plain.algorithm().prepare_for_eval(oracle, plain.params_view());
    CHECK((rider.evaluation_params() == plain.evaluation_params()) == (t < 10));
  }
}

TEST_CASE("swa keeps one value per parameter and a count beside its inner algorithm") {
  CHECK(test::state_bytes("swa") == test::bytes_of({.per_parameter = 1, .numbers = 1}));
}

}  // namespace
}  // namespace velo
