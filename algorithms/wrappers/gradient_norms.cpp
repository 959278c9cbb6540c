// algorithms/wrappers/gradient_norms.cpp
//
// Measures the gradients its inner algorithm gets, and changes nothing: the run that `velo refine` makes a schedule of.
//   grad_norm = (sum_i g_i^2)^(1/2)        grad_norm_l1 = sum_i |g_i|        over all parameters together
// Paper: Defazio, Cutkosky, Mehta, Mishchenko, arXiv:2310.07831: the first weighs the steps of SGD, the second those of
// Adam's kind.
// Of several gradients in a step the last counts. Both are summed in double over a fixed tree: the same bits on any
// number of threads; one that is not finite is reported as it is.
// State: none of its own. Traffic per gradient: 2 reads.
// Observes: grad_norm, grad_norm_l1.

#include <cmath>

#include "algorithms/transforms/gradient_transform.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

double l1_norm(Reduction& reduction, const ConstVector& x) {
  const Scalar* value = x.data();
  return reduction.sum(
      "velo::gradient_norms::l1", static_cast<Index>(x.extent(0)),
      KOKKOS_LAMBDA(const Index i) { return std::fabs(static_cast<double>(value[i])); });
}

class GradientNorms : public GradientTransform {
 public:
  using GradientTransform::GradientTransform;

  void observe(Observer& observer) const override {
    observer.scalar("grad_norm", l2_);
    observer.scalar("grad_norm_l1", l1_);
    GradientTransform::observe(observer);
  }

 protected:
  void transform(const Progress& /*progress*/, Vector gradient) override {
    l2_ = std::sqrt(reduction_.squared_norm(gradient));
    l1_ = l1_norm(reduction_, gradient);
  }

 private:
  Reduction reduction_;
  double l2_ = 0.0;
  double l1_ = 0.0;
};

}  // namespace

AlgorithmInfo gradient_norms_info() {
  AlgorithmInfo info;
  info.name = "gradient_norms";
  info.summary = "records the norms of the gradients another algorithm gets, for `velo refine`";
  info.paper = "Defazio et al., arXiv:2310.07831";
  info.parameters = {inner_algorithm("inner", "the algorithm that gets the gradients, as they are")};
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<GradientNorms>(registry.make(parameters.algorithm("inner")));
  };
  return info;
}

}  // namespace velo
