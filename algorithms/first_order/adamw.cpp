// algorithms/first_order/adamw.cpp
//
// AdamW: Adam with decoupled weight decay.
//   m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
//   x <- (1 - lr wd) x - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//   amsgrad: the root takes the largest v so far instead of v
// Papers: Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101, Algorithm 2; Reddi, Kale, Kumar, ICLR 2018,
// arXiv:1904.09237, Algorithm 2 (AMSGrad).
// Agrees with torch.optim.AdamW: lr, betas, eps, weight_decay, amsgrad.
// Differs: from the paper, the decay is multiplied by lr, not by the schedule factor alone (as PyTorch does); from
// Reddi et al., the largest v is corrected for bias (as PyTorch does); b^t is a running product, so betas may follow a
// schedule. There is no `maximize`.
// State: 2 values per parameter (3 with amsgrad). Traffic per step: 4 reads, 3 writes per parameter (5 and 4).

#include "algorithms/transforms/adam_rule.hpp"

namespace velo {

AlgorithmInfo adamw_info() {
  AlgorithmInfo info;
  info.name = "adamw";
  info.summary = "Adam with decoupled weight decay";
  info.paper = "Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101";
  info.parameters = adam_specs(0.01);
  info.make = [](const Parameters& parameters, const Registry&) {
    return make_adam_rule(parameters, DecayForm::decoupled);
  };
  return info;
}

}  // namespace velo
