// algorithms/parameter_free/dog.cpp
//
// DoG, distance over gradients: SGD whose step size is the largest distance from the start over the gradients so far.
//   g <- g + wd x
//   d <- max(d, |x - x0|),   d = reps_rel (1 + |x0|) before the first step
//   G <- G + |g|^2,          G = eps before the first step
//   x <- x - lr d / sqrt(G) g
//   a <- a + (1 + gamma) / (t + gamma) (x - a)                          evaluated with `average`
// Paper: Ivgi, Hinder, Carmon, ICML 2023, arXiv:2302.12022 (lr is its c; the average is that of its experiments).
// Agrees with formll/dog: reps_rel, lr, eps (entered once), coupled weight_decay, the averager's gamma.
// Differs: the average gets batch-norm statistics of its own (refresh_batches). There is no init_eta.
// Norms are summed in double over a fixed tree. State: 2 values per parameter (x0, a; 1 without average), 2 numbers.
// Traffic per step: 6 reads, 2 writes per parameter; with decay 1 read more, without average 1 read, 1 write less.

#include "algorithms/parameter_free/dog_rule.hpp"

namespace velo {

AlgorithmInfo dog_info() {
  AlgorithmInfo info;
  info.name = "dog";
  info.summary = "SGD that finds its step size: distance from the start over the root of all squared gradients";
  info.paper = "Ivgi, Hinder, Carmon, ICML 2023, arXiv:2302.12022";
  info.parameters = dog_specs();
  info.make = [](const Parameters& parameters, const Registry&) {
    return make_dog_rule(parameters, DogGroups::all_parameters);
  };
  return info;
}

}  // namespace velo
