#include "algorithms/transforms/adagrad_pass.hpp"

#include <cmath>

#include "harness/device/elementwise.hpp"

namespace velo {

void adagrad_pass(Index first, Index last, DecayFactors decay, Scalar lr, Scalar eps, const Scalar* gradient,
                  Scalar* sum, Scalar* params) {
  for_each(
      "velo::update::adagrad", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        const Scalar s = sum[i] + g * g;
        sum[i] = s;
        params[i] = decay.keep * x - lr * g / (std::sqrt(s) + eps);
      });
}

}  // namespace velo
