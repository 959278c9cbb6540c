// algorithms/first_order/adam.cpp
//
// Adam, with weight decay in the gradient.
//   g <- g + wd x
//   m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
//   x <- x - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//   amsgrad: the root takes the largest v so far instead of v
// Papers: Kingma & Ba, ICLR 2015, arXiv:1412.6980, Algorithm 1; Reddi, Kale, Kumar, ICLR 2018, arXiv:1904.09237,
// Algorithm 2 (AMSGrad).
// Agrees with torch.optim.Adam: lr, betas, eps, weight_decay, amsgrad (`adamw` is its decoupled_weight_decay).
// Differs: from Reddi et al., the largest v is corrected for bias (as PyTorch does); b^t is a running product, so
// betas may follow a schedule. There is no `maximize`.
// State: 2 values per parameter (3 with amsgrad). Traffic per step: 4 reads, 3 writes per parameter (5 and 4).

#include "algorithms/transforms/adam_rule.hpp"

namespace velo {

AlgorithmInfo adam_info() {
  AlgorithmInfo info;
  info.name = "adam";
  info.summary = "adaptive moments, weight decay in the gradient";
  info.paper = "Kingma & Ba, ICLR 2015, arXiv:1412.6980";
  info.parameters = adam_specs(0.0);
  info.make = [](const Parameters& parameters, const Registry&) {
    return make_adam_rule(parameters, DecayForm::coupled);
  };
  return info;
}

}  // namespace velo
