// algorithms/transforms/adagrad_pass.hpp
//
// Adagrad's update of [first, last), for `adagrad` and `adadagrad`, whose files say the mathematics:
//   g <- g + in_gradient x,   s <- s + g^2,   x <- keep x - lr g / (sqrt(s) + eps)
#pragma once

#include "algorithms/transforms/weight_decay.hpp"

namespace velo {

void adagrad_pass(Index first, Index last, DecayFactors decay, Scalar lr, Scalar eps, const Scalar* gradient,
                  Scalar* sum, Scalar* params);

}  // namespace velo
