// algorithms/transforms/weight_decay.hpp
//
// Weight decay, either way, with or without norms and biases, while the update stays one fused pass.
//
//   coupled    g <- g + wd x            (L2 regularisation: the decay passes through the rule's own scaling)
//   decoupled  x <- (1 - lr wd) x       (Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101; lr is the scheduled one)
//
// A pass applies both: g + in_gradient * x and keep * x, with 0 and 1 where a form is off, so no kernel branches.
// Blocks that are decayed and blocks that are not form runs of consecutive elements; each run is one pass. With
// `decay_norms_and_biases: true`, the default, everything is one run.
#pragma once

#include <vector>

#include "harness/hyperparameters.hpp"
#include "harness/layout.hpp"

namespace velo {

enum class DecayForm { coupled, decoupled };

/// What a pass multiplies with.
struct DecayFactors {
  Scalar in_gradient = 0;  ///< g <- g + in_gradient x
  Scalar keep = 1;         ///< x <- keep x
};

/// True for biases and for the scales of normalisation layers: the blocks that `decay_norms_and_biases: false` spares.
[[nodiscard]] bool is_norm_or_bias(ParameterKind kind);

class WeightDecay {
 public:
  /// Reads `weight_decay` and `decay_norms_and_biases`.
  WeightDecay(const Parameters& parameters, DecayForm form);
  /// Reads `decay` (coupled or decoupled) too.
  explicit WeightDecay(const Parameters& parameters);

  /// The specs of `weight_decay` and `decay_norms_and_biases`, to be appended to a rule's own.
  static void declare(std::vector<ParameterSpec>& specs, double standard);
  /// The spec of `decay`.
  static void declare_form(std::vector<ParameterSpec>& specs, DecayForm standard);

  /// Finds the runs. Called from declare_state().
  void prepare(const ParameterLayout& layout);

  /// Calls pass(first, last, factors) for every run of the flat vector; `lr` is this step's learning rate.
  template <typename Pass>
  void for_each_run(const Progress& progress, double lr, Pass pass) const {
    const DecayFactors decayed = factors(weight_decay_.at(progress), lr);
    for (const Run& run : runs_) pass(run.first, run.last, run.decayed ? decayed : DecayFactors{});
  }

 private:
  struct Run {
    Index first = 0;
    Index last = 0;
    bool decayed = true;
  };

  [[nodiscard]] DecayFactors factors(double weight_decay, double lr) const;

  Schedule weight_decay_;
  bool norms_and_biases_;
  DecayForm form_;
  std::vector<Run> runs_;
};

}  // namespace velo
