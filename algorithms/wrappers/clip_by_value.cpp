// algorithms/wrappers/clip_by_value.cpp
//
// Clips every element of the gradient:  g_i <- min(max(g_i, -max_value), max_value)
// Folklore; named in Goodfellow, Bengio, Courville, "Deep Learning", section 10.11.1.
// Agrees with torch.nn.utils.clip_grad_value_. An infinite element is clipped, a NaN stays NaN.
// State: none of its own. Traffic per gradient: 1 read, 1 write per parameter.

#include "algorithms/transforms/batch_gradients.hpp"
#include "algorithms/transforms/gradient_transform.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void clip_pass(Index size, Scalar bound, Scalar* gradient) {
  for_each(
      "velo::clip_by_value", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const Scalar below = g > bound ? bound : g;
        gradient[i] = below < -bound ? -bound : below;
      });
}

class ClipByValue : public GradientTransform {
 public:
  ClipByValue(std::unique_ptr<TrainingAlgorithm> inner, Schedule max_value)
      : GradientTransform(std::move(inner)), max_value_(std::move(max_value)) {}

 protected:
  void transform(const Progress& progress, Vector gradient) override {
    clip_pass(static_cast<Index>(gradient.size()), static_cast<Scalar>(max_value_.at(progress)), gradient.data());
  }

 private:
  Schedule max_value_;
};

}  // namespace

AlgorithmInfo clip_by_value_info() {
  AlgorithmInfo info;
  info.name = "clip_by_value";
  info.summary = "clips every element of the gradient before another algorithm sees it";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that gets the clipped gradient"),
      real("max_value", 1.0, Range::positive(), "largest absolute value of an element"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<ClipByValue>(make_inner_of_batches("clip_by_value", parameters, registry),
                                         parameters.real("max_value"));
  };
  return info;
}

}  // namespace velo
