// algorithms/transforms/adam_rule.hpp
//
// Adam's update, with weight decay of either form: the body of `adam` and `adamw`, whose files say the mathematics.
#pragma once

#include <memory>
#include <vector>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"

namespace velo {

/// The specs lr, beta1, beta2, eps, amsgrad, weight_decay and decay_norms_and_biases.
[[nodiscard]] std::vector<ParameterSpec> adam_specs(double weight_decay);

/// State: m, v, with amsgrad the largest v, and two running products of betas.
[[nodiscard]] std::unique_ptr<TrainingAlgorithm> make_adam_rule(const Parameters& parameters, DecayForm form);

}  // namespace velo
