#include "algorithms/transforms/momentum_pass.hpp"

#include "harness/device/elementwise.hpp"

namespace velo {

void momentum_pass(Index first, Index last, DecayFactors decay, MomentumFactors f, const Scalar* gradient,
                   Scalar* buffer, Scalar* params) {
  for_each(
      "velo::update::momentum", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        const Scalar b = f.old * buffer[i] + f.fresh * g;
        buffer[i] = b;
        params[i] = decay.keep * x - f.lr * (f.along_gradient * g + f.along_buffer * b);
      });
}

}  // namespace velo
