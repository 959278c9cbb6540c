// tests/algorithms/measuring_oracle.hpp
//
// Given gradients beside a model with running statistics, for rules that measure them at averaged parameters.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

/// The statistics of batch number `id` are id times the first three parameters. Batches drawn count 1, 2, 3, ...
class MeasuringOracle : public GivenGradients {
 public:
  using GivenGradients::GivenGradients;

  [[nodiscard]] ConstVector model_state() const override { return training_; }
  Batch draw(Index) override {
    Batch batch;
    batch.id = static_cast<std::uint64_t>(++drawn_);
    return batch;
  }
  double loss(const Query& query) override {
    REQUIRE(query.batch != nullptr);
    REQUIRE(query.own_model_state.extent(0) == 3);
    REQUIRE(query.statistics_rate.has_value());
    const double rate = query.statistics_rate.value_or(0.0);
    const std::vector<double> at = to_host(query.at);
    std::vector<double> state = to_host(query.own_model_state);
    for (std::size_t j = 0; j < 3; ++j)
      state[j] = (1.0 - rate) * state[j] + rate * static_cast<double>(query.batch->id) * at[j];
    Kokkos::deep_copy(query.own_model_state, to_device(state));
    return 1.0;
  }

  [[nodiscard]] int drawn() const { return drawn_; }

 private:
  Vector training_ = to_device({0.25, 0.5, 0.75});
  int drawn_ = 0;
};

/// Whether an evaluation of `rider` reads statistics that are the mean over `batches` batches at its own parameters.
inline bool evaluates_with_own_statistics(Rider& rider, MeasuringOracle& oracle, int batches) {
  const int before = oracle.drawn();
  rider.algorithm().prepare_for_eval(oracle, rider.params_view());
  const std::vector<double> at = rider.evaluation_params();
  const std::vector<double> state = to_host(rider.algorithm().evaluation_model_state(oracle.model_state()));
  bool same = oracle.drawn() == before + batches && state.size() == 3;
  for (std::size_t j = 0; same && j < 3; ++j) {
    // Batches before + 1 ... before + batches; each is one rounding of a number below the last one's.
    const double mean = (before + 0.5 * (batches + 1)) * at[j];
    same = std::abs(state[j] - mean) <= rounding_bound(1, batches, oracle.drawn() * std::abs(at[j]));
  }
  return same;
}

/// Whether an evaluation of `rider` draws nothing and reads the statistics of training.
inline bool evaluates_with_training_statistics(Rider& rider, MeasuringOracle& oracle) {
  const int before = oracle.drawn();
  rider.algorithm().prepare_for_eval(oracle, rider.params_view());
  const ConstVector training = oracle.model_state();
  return oracle.drawn() == before && to_host(rider.algorithm().evaluation_model_state(training)) == to_host(training);
}

/// Whether an evaluation on a model without model state draws a batch.
inline bool draws_without_model_state(Rider& rider, const ParameterLayout& layout) {
  class Stateless : public MeasuringOracle {
   public:
    using MeasuringOracle::MeasuringOracle;
    [[nodiscard]] ConstVector model_state() const override { return {}; }
  } oracle(layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 20);
  rider.algorithm().prepare_for_eval(oracle, rider.params_view());
  return oracle.drawn() != 0 || rider.algorithm().evaluation_model_state({}).extent(0) != 0;
}

/// Checks, at every `every`-th of `steps` steps, that a rule with a parameter refresh_batches evaluates with statistics of
/// its own or, where that is 0, with those of training, which goes on the same; and that it draws nothing for a model
/// without statistics.
inline void check_own_statistics(Component rule, std::int64_t batches, int steps, int every = 1) {
  const ParameterLayout layout = awkward_layout();
  MeasuringOracle oracle(layout, steps);
  rule.parameters.set("refresh_batches", std::int64_t{0});
  Rider reusing(rule, layout);
  rule.parameters.set("refresh_batches", batches);
  Rider refreshing(rule, layout), stateless(rule, layout);
  refreshing.start(oracle);
  reusing.start(oracle);
  for (int t = 1; t <= steps; ++t) {
    refreshing.step(oracle, t);
    reusing.step(oracle, t);
    if (t % every != 0) continue;
    CHECK(evaluates_with_own_statistics(refreshing, oracle, static_cast<int>(batches)));
    CHECK(evaluates_with_training_statistics(reusing, oracle));
    CHECK(refreshing.params() == reusing.params());
  }
  CHECK_FALSE(draws_without_model_state(stateless, layout));
}

}  // namespace velo::test
