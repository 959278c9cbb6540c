// harness/run/training_steps.hpp
//
// Training steps on their own, for measuring them: what a trial does between two evaluations, without its records.
#pragma once

#include <memory>
#include <utility>

#include "harness/registry.hpp"
#include "harness/run/trial_oracle.hpp"

namespace velo {

class TrainingSteps {
 public:
  /// Model and algorithm ready for the first step, with seed 1.
  TrainingSteps(std::unique_ptr<Workload> workload, Capabilities offers, const Component& algorithm,
                const Registry& registry)
      : workload_(std::move(workload)),
        algorithm_(registry.make(algorithm)),
        state_(workload_->layout(),
               {.examples = workload_->examples(Split::train), .loss_terms = workload_->loss_terms()}),
        oracle_(*workload_, offers, 1, clock_) {
    algorithm_->declare(state_);
    state_.allocate();
    workload_->init(RandomStream(1, Purpose::initialisation), oracle_.params(), oracle_.mutable_model_state());
    oracle_.begin_step({1, step_hint, 0.0});
    algorithm_->init(oracle_, oracle_.params());
    clock_.enter(Phase::log);
  }
  TrainingSteps(const TrainingSteps&) = delete;
  TrainingSteps& operator=(const TrainingSteps&) = delete;

  /// Draws and loads a batch and lets the algorithm make its step. Returns the seconds of a trial's clock.
  double step() {
    const double before = clock_.charged();
    clock_.enter(Phase::step);
    oracle_.begin_step({++step_, step_hint, 0.0});
    algorithm_->step(oracle_, oracle_.params());
    clock_.enter(Phase::log);
    return clock_.charged() - before;
  }

  [[nodiscard]] const Workload& workload() const { return *workload_; }
  [[nodiscard]] double loss() const { return oracle_.step_loss(); }
  /// Of the algorithm, without the gradient.
  [[nodiscard]] std::int64_t state_bytes() const { return state_.bytes(); }

 private:
  static constexpr std::int64_t step_hint = 1000000;

  std::unique_ptr<Workload> workload_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
  StateArena state_;
  PhaseClock clock_{Phase::init};
  TrialOracle oracle_;
  std::int64_t step_ = 0;
};

}  // namespace velo
