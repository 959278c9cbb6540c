// algorithms/transforms/momentum_pass.hpp
//
// One step along a momentum buffer, over [first, last); the files of the rules that use it say the mathematics.
//   g <- g + in_gradient x,   b <- old b + fresh g,   x <- keep x - lr (along_gradient g + along_buffer b)
#pragma once

#include "algorithms/transforms/weight_decay.hpp"

namespace velo {

struct MomentumFactors {
  Scalar lr = 0, old = 0;
  Scalar fresh = 1, along_gradient = 0, along_buffer = 1;  ///< the heavy ball: b <- old b + g, x <- x - lr b
};

void momentum_pass(Index first, Index last, DecayFactors decay, MomentumFactors f, const Scalar* gradient,
                   Scalar* buffer, Scalar* params);

}  // namespace velo
