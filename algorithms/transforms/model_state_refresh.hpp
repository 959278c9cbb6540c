// algorithms/transforms/model_state_refresh.hpp
//
// Averaged parameters have never run forward, so the training model state (batch-norm statistics) is not theirs.
// Their own is measured before an evaluation: `refresh_batches` batches run forward at the averaged parameters, and
// batch k enters with the share 1 / k, so the statistics are the plain mean over these batches.
// (Izmailov et al., UAI 2018, arXiv:1803.05407, section 3.2, there over one whole epoch.)
//
// The batches come from the order that is kept for evaluations: training sees the same examples either way. They are
// on the clock and in the work account. A model without model state draws none.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/algorithm.hpp"

namespace velo {

class ModelStateRefresh {
 public:
  /// Reads `refresh_batches`.
  explicit ModelStateRefresh(const Parameters& parameters) : batches_(parameters.integer("refresh_batches")) {}

  static void declare(std::vector<ParameterSpec>& specs, std::int64_t standard) {
    specs.push_back(integer("refresh_batches", standard, Range::at_least(0),
                            "batches that measure the averaged parameters' batch-norm statistics before an evaluation; "
                            "0 evaluates with those of training",
                            "batches"));
  }

  /// Measures the model state that goes with `params`. Called from prepare_for_eval().
  void run(Oracle& oracle, ConstVector params) {
    const ConstVector training = oracle.model_state();
    if (batches_ == 0 || training.extent(0) == 0) return;
    if (state_.extent(0) != training.extent(0)) state_ = Vector("model_state", training.extent(0));
    // What a model keeps beside running statistics stays as training left it.
    Kokkos::deep_copy(state_, training);
    for (std::int64_t k = 1; k <= batches_; ++k) {
      const Batch batch = oracle.draw(0);
      oracle.loss({.at = params,
                   .batch = &batch,
                   .model_state = ModelStateUse::commit,
                   .own_model_state = state_,
                   .statistics_rate = 1.0 / static_cast<double>(k)});
    }
  }

  /// What run() measured, or `training` where it had nothing to do.
  [[nodiscard]] ConstVector state(ConstVector training) const {
    return state_.extent(0) > 0 ? ConstVector(state_) : training;
  }

 private:
  std::int64_t batches_;
  Vector state_;  ///< made anew before every evaluation, so no state of the algorithm
};

}  // namespace velo
