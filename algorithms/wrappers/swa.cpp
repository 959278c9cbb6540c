// algorithms/wrappers/swa.cpp
//
// Stochastic weight averaging: late in training, the plain mean of the points that another algorithm visits.
//   t = S:                       a <- x,                         n <- 1       S = start of the steps, at least 1
//   t = S + cycle, S + 2 cycle:  a <- a + (x - a) / (n + 1),     n <- n + 1
// From step S on, a is evaluated, with batch-norm statistics of its own (refresh_batches); before, whatever the inner
// algorithm evaluates. Training is the inner algorithm's alone.
// Paper: Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, UAI 2018, arXiv:1803.05407, Algorithm 1. The point at S counts
// as one model, as there.
// The paper's learning rates belong to the inner algorithm: constant after S is schedule `step` with its milestone at
// `start`, cycles are `warm_restarts` (cosine; the paper's fall linearly) of the same length.
// Differs: a cycle is counted in steps, the paper's constant rate averages once an epoch; the statistics come from
// `refresh_batches` batches before every evaluation, the paper's from one pass over the data at the end.
// State: 1 value per parameter beside the inner algorithm's. Traffic: every `cycle` steps 2 reads, 1 write per
// parameter.

#include <algorithm>
#include <cmath>

#include "algorithms/transforms/model_state_refresh.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void mean_pass(Index size, Scalar share, const Scalar* params, Scalar* average) {
  for_each(
      "velo::update::swa", size,
      KOKKOS_LAMBDA(const Index i) { average[i] = average[i] + share * (params[i] - average[i]); });
}

class Swa : public Wrapper {
 public:
  Swa(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)),
        start_(parameters.real("start")),
        cycle_(parameters.integer("cycle")),
        refresh_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("average", average_);
    state.counter("models", models_);
    Wrapper::declare(state);
  }

  void step(Oracle& oracle, Vector params) override {
    Wrapper::step(oracle, params);
    const Progress& progress = oracle.progress();
    const std::int64_t since = progress.step - first(progress);
    if (since < 0 || since % cycle_ != 0) return;
    ++models_;
    if (models_ == 1)
      Kokkos::deep_copy(average_, params);
    else
      mean_pass(static_cast<Index>(params.extent(0)), static_cast<Scalar>(1.0 / static_cast<double>(models_)),
                params.data(), average_.data());
  }

  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    if (models_ > 0)
      refresh_.run(oracle, average_);
    else
      Wrapper::prepare_for_eval(oracle, params);
  }
  [[nodiscard]] ConstVector evaluation_params(ConstVector params) const override {
    return models_ > 0 ? ConstVector(average_) : Wrapper::evaluation_params(params);
  }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const override {
    return models_ > 0 ? refresh_.state(model_state) : Wrapper::evaluation_model_state(model_state);
  }

  void observe(Observer& observer) const override {
    observer.scalar("models", static_cast<double>(models_));
    Wrapper::observe(observer);
  }

 private:
  /// The first step whose parameters are averaged.
  [[nodiscard]] std::int64_t first(const Progress& progress) const {
    const double steps = start_.at(progress) * static_cast<double>(progress.step_hint);
    return std::max<std::int64_t>(1, std::llround(steps));
  }

  Schedule start_;
  std::int64_t cycle_;
  ModelStateRefresh refresh_;
  std::int64_t models_ = 0;
  Vector average_;
};

}  // namespace

AlgorithmInfo swa_info() {
  AlgorithmInfo info;
  info.name = "swa";
  info.summary = "evaluates the mean of the points that another algorithm visits late in training";
  info.paper = "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, UAI 2018, arXiv:1803.05407";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that trains"),
      real("start", 0.75, Range::fraction(), "share of the steps before the first point that is averaged"),
      integer("cycle", 10, Range::at_least(1), "steps between averaged points", "steps"),
  };
  ModelStateRefresh::declare(info.parameters, 10);
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<Swa>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
