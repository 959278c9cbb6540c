// algorithms/parameter_free/ldog.cpp
//
// Layer-wise DoG: the rule of algorithms/parameter_free/dog.cpp in every block b of the parameters alone.
//   d_b <- max(d_b, |x_b - x0_b|),   G_b <- G_b + |g_b|^2,   x_b <- x_b - lr d_b / sqrt(G_b) g_b
// with d_b = reps_rel (1 + |x0_b|) and G_b = eps before the first step.
// Paper: Ivgi, Hinder, Carmon, ICML 2023, arXiv:2302.12022 (L-DoG).
// Agrees with formll/dog: a block is a tensor there, so weights and biases of a layer have step sizes of their own.
// State: that of dog, with 2 numbers per block. Traffic: that of dog, in one launch per block.

#include "algorithms/parameter_free/dog_rule.hpp"

namespace velo {

AlgorithmInfo ldog_info() {
  AlgorithmInfo info;
  info.name = "ldog";
  info.summary = "DoG with a step size of its own for every block of the parameters";
  info.paper = "Ivgi, Hinder, Carmon, ICML 2023, arXiv:2302.12022";
  info.parameters = dog_specs();
  info.make = [](const Parameters& parameters, const Registry&) {
    return make_dog_rule(parameters, DogGroups::blocks);
  };
  return info;
}

}  // namespace velo
