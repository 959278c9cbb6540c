// algorithms/parameter_free/dog_rule.hpp
//
// Distance over gradients, for groups of parameters with a step size each: the body of `dog` (one group) and `ldog`
// (one per block), whose files say the mathematics.
#pragma once

#include <memory>
#include <vector>

#include "harness/algorithm.hpp"

namespace velo {

enum class DogGroups { all_parameters, blocks };

/// The specs lr, reps_rel, eps, weight_decay, average, gamma and refresh_batches.
[[nodiscard]] std::vector<ParameterSpec> dog_specs();

/// State: the initial parameters, with `average` the average, and two numbers per group.
[[nodiscard]] std::unique_ptr<TrainingAlgorithm> make_dog_rule(const Parameters& parameters, DogGroups groups);

}  // namespace velo
