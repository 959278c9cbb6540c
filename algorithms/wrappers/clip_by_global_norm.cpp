// algorithms/wrappers/clip_by_global_norm.cpp
//
// Shortens a gradient whose Euclidean norm, over all parameters together, exceeds a bound:
//   g <- g min(1, max_norm / |g|)
// Paper: Pascanu, Mikolov, Bengio, ICML 2013, arXiv:1211.5063, Algorithm 1.
// Differs: torch.nn.utils.clip_grad_norm_ divides by |g| + 1e-6; here the clipped norm is max_norm to rounding. A
// gradient whose norm is not a number stays as it is, so the harness sees it.
// The norm is summed in double over a fixed tree: the same bits on any number of threads.
// State: none of its own. Traffic per gradient: 1 read, and 1 read, 1 write where it clips.
// Observes: grad_norm, the norm before clipping.

#include <cmath>

#include "algorithms/transforms/batch_gradients.hpp"
#include "algorithms/transforms/gradient_transform.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

class ClipByGlobalNorm : public GradientTransform {
 public:
  ClipByGlobalNorm(std::unique_ptr<TrainingAlgorithm> inner, Schedule max_norm)
      : GradientTransform(std::move(inner)), max_norm_(std::move(max_norm)) {}

  void observe(Observer& observer) const override {
    observer.scalar("grad_norm", norm_);
    GradientTransform::observe(observer);
  }

 protected:
  void transform(const Progress& progress, Vector gradient) override {
    norm_ = std::sqrt(reduction_.squared_norm(gradient));
    const double max_norm = max_norm_.at(progress);
    if (norm_ > max_norm) scale(gradient, max_norm / norm_);
  }

 private:
  Schedule max_norm_;
  Reduction reduction_;
  double norm_ = 0.0;
};

}  // namespace

AlgorithmInfo clip_by_global_norm_info() {
  AlgorithmInfo info;
  info.name = "clip_by_global_norm";
  info.summary = "bounds the norm of the gradient before another algorithm sees it";
  info.paper = "Pascanu, Mikolov, Bengio, ICML 2013, arXiv:1211.5063";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that gets the clipped gradient"),
      real("max_norm", 1.0, Range::positive(), "largest norm over all parameters together"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<ClipByGlobalNorm>(make_inner_of_batches("clip_by_global_norm", parameters, registry),
                                              parameters.real("max_norm"));
  };
  return info;
}

}  // namespace velo
