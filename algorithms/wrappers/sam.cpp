// algorithms/wrappers/sam.cpp
//
// Sharpness-aware minimisation: every gradient the inner algorithm asks for is taken where the loss is nearly highest
// within a distance rho, so it descends towards flat minima.
//   p = x + rho T^2 g / |T g|,   g = grad f(x; batch)
//   the inner algorithm gets grad f(p; batch), of the same batch with the same dropout
//   T = 1   (SAM)        T = |x| + eta, element by element   (adaptive: ASAM)
// Papers: Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, arXiv:2010.01412, Algorithm 1, p = 2; Kwon, Kim, Park, Choi,
// ICML 2021, arXiv:2102.11600, Algorithm 1, with its element-wise normalisation.
// Differs: no constant is added to the norm; where it is 0, infinite or no number there is no direction to climb, and
// the first gradient is handed on as it is. T covers biases too. The distance is over all parameters together, on the
// whole batch (the paper's m-sharpness with m = the batch).
// The first gradient treats the model state as the inner algorithm asked; the second discards it. The loss handed on
// is the first one. Clipping inside SAM clips what it hands on; outside, the two gradients it asks for.
// State: none of its own; one scratch vector. Traffic per gradient: 4 reads, 1 write per parameter, beside a second
// gradient of the batch.
// Observes: sharpness, f(p) - f(x).

#include <cmath>
#include <utility>

#include "algorithms/transforms/batch_gradients.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

/// T = slope |x| + offset. In double, with what depends on it: rho / |T g| overflows a float where gradients are tiny.
struct Normaliser {
  double slope = 0.0;
  double offset = 1.0;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double operator()(Scalar x) const {
    return slope * static_cast<double>(x < Scalar(0) ? -x : x) + offset;
  }
};

/// |T g|
double normalised_norm(Reduction& reduction, Index size, Normaliser normaliser, const Scalar* params,
                       const Scalar* gradient) {
  return std::sqrt(reduction.sum(
      "velo::update::sam_norm", size, KOKKOS_LAMBDA(const Index i) {
        const double scaled = normaliser(params[i]) * static_cast<double>(gradient[i]);
        return scaled * scaled;
      }));
}

void climb_pass(Index size, Normaliser normaliser, double length, const Scalar* params, const Scalar* gradient,
                Scalar* point) {
  for_each(
      "velo::update::sam_climb", size, KOKKOS_LAMBDA(const Index i) {
        const double t = normaliser(params[i]);
        point[i] = params[i] + static_cast<Scalar>(length * t * t * static_cast<double>(gradient[i]));
      });
}

class Sam : public Wrapper {
 public:
  Sam(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)),
        rho_(parameters.real("rho")),
        eta_(parameters.real("eta")),
        adaptive_(parameters.boolean("adaptive")) {}

  void init(Oracle& oracle, Vector params) override {
    Climbing climbing(oracle, *this, params);
    Wrapper::init(climbing, params);
  }
  void step(Oracle& oracle, Vector params) override {
    Climbing climbing(oracle, *this, params);
    Wrapper::step(climbing, params);
  }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    Climbing climbing(oracle, *this, params);
    Wrapper::prepare_for_eval(climbing, params);
  }
  void observe(Observer& observer) const override {
    observer.scalar("sharpness", sharpness_);
    Wrapper::observe(observer);
  }

 private:
  class Climbing : public OracleDecorator {
   public:
    Climbing(Oracle& base, Sam& owner, ConstVector params)
        : OracleDecorator(base), owner_(&owner), params_(std::move(params)) {}
    double gradient(Vector out, const Query& query) override {
      Query below = query;
      below.layers = nullptr;  // whoever wants to see the layers sees them where the gradient is taken
      const double loss = base_->gradient(out, below);
      const ConstVector from = query.at.extent(0) > 0 ? query.at : params_;
      owner_->sharpness_ = 0.0;
      if (!owner_->climb(progress(), from, out)) return query.layers == nullptr ? loss : base_->gradient(out, query);
      Query above = query;
      above.at = owner_->point_;
      above.model_state = ModelStateUse::discard;
      owner_->sharpness_ = base_->gradient(out, above) - loss;
      return loss;
    }

   private:
    Sam* owner_;
    ConstVector params_;
  };

  /// Fills point_; false where there is nowhere to go.
  bool climb(const Progress& progress, const ConstVector& from, const Vector& gradient) {
    const auto size = static_cast<Index>(from.extent(0));
    const Normaliser normaliser = adaptive_ ? Normaliser{1.0, eta_.at(progress)} : Normaliser{};
    const double norm = normalised_norm(reduction_, size, normaliser, from.data(), gradient.data());
    const double length = rho_.at(progress) / norm;
    if (!(length > 0.0) || std::isinf(length)) return false;
    if (point_.extent(0) != from.extent(0)) point_ = zeros("sam::point", size);
    climb_pass(size, normaliser, length, from.data(), gradient.data(), point_.data());
    return true;
  }

  Schedule rho_;
  Schedule eta_;
  bool adaptive_;
  Vector point_;
  Reduction reduction_;
  double sharpness_ = 0.0;
};

}  // namespace

AlgorithmInfo sam_info() {
  AlgorithmInfo info;
  info.name = "sam";
  info.summary = "gradients from where the loss nearby is highest, for another algorithm to descend by";
  info.paper =
      "Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021, arXiv:2010.01412; Kwon et al., ICML 2021, arXiv:2102.11600";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that gets the gradient from there"),
      real("rho", 0.05, Range::non_negative(),
           "distance at which the gradient is taken; adaptive wants about ten times"),
      boolean("adaptive", false, "measure the distance relative to the size of each parameter (ASAM)"),
      real("eta", 0.01, Range::non_negative(), "added to that size; adaptive only"),
  };
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<Sam>(make_inner_of_batches("sam", parameters, registry), parameters);
  };
  return info;
}

}  // namespace velo
