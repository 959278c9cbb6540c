// algorithms/averaging/schedule_free_adamw.cpp
//
// Schedule-free AdamW: Adam's scaled gradient moves z, an average x of z is evaluated, the gradient is asked between.
//   lr_t = lr sqrt(1 - b2^t)
//   v <- b2 v + (1 - b2) g^2,   u = g / (sqrt(v) + eps) + wd y          g at y, the trained parameters
//   z <- z - lr_t u,   x <- (1 - c) x + c z,   y = (1 - b1) z + b1 x    c: algorithms/averaging/schedule_free.hpp
// Paper: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, NeurIPS 2024, arXiv:2405.15682, Algorithm 1.
// Agrees with schedulefree.AdamWScheduleFree: the bias correction stands in lr_t, so it also shrinks the decay and the
// first weights, and eps is added to the uncorrected root. beta1 takes the place of Adam's momentum.
// Differs: warm-up is lr's own; x gets batch-norm statistics of its own (refresh_batches; the reference asks its user
// to do that); beta1 may follow a schedule.
// State: 2 values per parameter (z, v). Traffic per step: 4 reads, 3 writes per parameter; 2 reads, 1 write more and
// 1 value of scratch per parameter for an evaluation.

#include <cmath>

#include "algorithms/averaging/schedule_free.hpp"
#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct SquareFactors {
  Scalar beta2, rest2;  ///< rest = 1 - beta
  Scalar eps;
};

void schedule_free_adamw_pass(Index first, Index last, DecayFactors decay, ScheduleFreeFactors f, SquareFactors s,
                              const Scalar* gradient, Scalar* square, Scalar* z, Scalar* params) {
  for_each(
      "velo::update::schedule_free_adamw", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar y = params[i];
        const Scalar old_z = z[i];
        const Scalar g = gradient[i];
        const Scalar v = s.beta2 * square[i] + s.rest2 * g * g;
        const Scalar u = g / (std::sqrt(v) + s.eps) + decay.in_gradient * y;
        square[i] = v;
        params[i] = old_z + f.keep * (y - old_z) - f.move * u;
        z[i] = old_z - f.lr * u;
      });
}

class ScheduleFreeAdamW : public ScheduleFree {
 public:
  explicit ScheduleFreeAdamW(const Parameters& parameters)
      : ScheduleFree(parameters, "beta1"),
        lr_(parameters.real("lr")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        decay_(parameters, DecayForm::coupled) {}

 protected:
  void declare_state(StateArena& state) override {
    ScheduleFree::declare_state(state);
    state.vector("v", v_);
    correction2_.declare(state, "beta2_product");
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    const double beta2 = beta2_.at(progress);
    const double lr = lr_.at(progress) * std::sqrt(correction2_.advance(beta2));
    const ScheduleFreeFactors f = advance(progress, lr);
    const SquareFactors s = {static_cast<Scalar>(beta2), static_cast<Scalar>(1.0 - beta2),
                             static_cast<Scalar>(eps_.at(progress))};
    decay_.for_each_run(progress, lr, [&](Index first, Index last, DecayFactors decay) {
      schedule_free_adamw_pass(first, last, decay, f, s, gradient.data(), v_.data(), z_.data(), params.data());
    });
  }

 private:
  Schedule lr_;
  Schedule beta2_;
  Schedule eps_;
  WeightDecay decay_;  ///< coupled to the scaled gradient, so it acts once, through u
  Vector v_;
  BiasCorrection correction2_;
};

}  // namespace

AlgorithmInfo schedule_free_adamw_info() {
  AlgorithmInfo info;
  info.name = "schedule_free_adamw";
  info.summary = "AdamW whose evaluated average takes the place of a learning-rate schedule";
  info.paper = "Defazio et al., NeurIPS 2024, arXiv:2405.15682";
  info.parameters = {
      real("lr", 2.5e-3, Range::non_negative(), "learning rate, constant after a warm-up"),
      real("beta1", 0.9, ScheduleFree::beta_range(), "share of the average in the point where the gradient is asked"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the squared gradient"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  ScheduleFree::declare_weighting(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<ScheduleFreeAdamW>(parameters);
  };
  return info;
}

}  // namespace velo
