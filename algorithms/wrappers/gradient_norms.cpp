// algorithms/wrappers/gradient_norms.cpp
//
// Measures the gradients its inner algorithm gets, and changes nothing: the run that `velo refine` makes a schedule of.
//   grad_norm = (sum_i g_i^2)^(1/2)        grad_norm_l1 = sum_i |g_i|        over all parameters together
// Paper: Defazio, Cutkosky, Mehta, Mishchenko, arXiv:2310.07831: the first weighs the steps of SGD, the second those of
// Adam's kind.
// Of several gradients in a step the first counts that is of the loss, not of labels drawn from the model; with rules
// that ask about parts of a batch that is the first part. NaN where a step asks for none. Both are summed in double over
// a fixed tree: the same bits on any number of threads; one that is not finite is reported as it is.
// State: none of its own. Traffic per step: 2 reads.
// Observes: grad_norm, grad_norm_l1.

#include <cmath>
#include <limits>

#include "algorithms/transforms/batch_gradients.hpp"
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

class GradientNorms : public Wrapper {
 public:
  using Wrapper::Wrapper;

  void step(Oracle& oracle, Vector params) override {
    measured_ = false;
    Measured measured(oracle, *this);
    Wrapper::step(measured, params);
  }
  void observe(Observer& observer) const override {
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    observer.scalar("grad_norm", measured_ ? l2_ : unknown);
    observer.scalar("grad_norm_l1", measured_ ? l1_ : unknown);
    Wrapper::observe(observer);
  }

 private:
  class Measured : public OracleDecorator {
   public:
    Measured(Oracle& base, GradientNorms& owner) : OracleDecorator(base), owner_(&owner) {}
    double gradient(Vector out, const Query& query) override {
      const double loss = base_->gradient(out, query);
      if (!owner_->measured_ && !query.sampled_labels) owner_->measure(out);
      return loss;
    }

   private:
    GradientNorms* owner_;
  };

  void measure(const ConstVector& gradient) {
    l2_ = std::sqrt(reduction_.squared_norm(gradient));
    l1_ = l1_norm(reduction_, gradient);
    measured_ = true;
  }

  Reduction reduction_;
  bool measured_ = false;
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
    return std::make_unique<GradientNorms>(make_inner_of_batches("gradient_norms", parameters, registry));
  };
  return info;
}

}  // namespace velo
