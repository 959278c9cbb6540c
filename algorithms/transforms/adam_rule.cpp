#include "algorithms/transforms/adam_rule.hpp"

#include <cmath>

#include "algorithms/transforms/bias_correction.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct AdamFactors {
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
  Scalar step_size;   ///< lr / (1 - beta1^t)
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

struct AdamState {
  Scalar* m;
  Scalar* v;
  Scalar* v_max;  ///< null without amsgrad
};

template <bool amsgrad>
void adam_pass(Index first, Index last, DecayFactors decay, AdamFactors f, const Scalar* gradient, AdamState state,
               Scalar* params) {
  for_each(
      "velo::update::adam", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        const Scalar m = f.beta1 * state.m[i] + f.rest1 * g;
        const Scalar v = f.beta2 * state.v[i] + f.rest2 * g * g;
        state.m[i] = m;
        state.v[i] = v;
        Scalar second = v;
        if constexpr (amsgrad) {
          second = v > state.v_max[i] ? v : state.v_max[i];
          state.v_max[i] = second;
        }
        params[i] = decay.keep * x - f.step_size * m / (std::sqrt(second) * f.root_scale + f.eps);
      });
}

class AdamRule : public GradientRule {
 public:
  AdamRule(const Parameters& parameters, DecayForm form)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        amsgrad_(parameters.boolean("amsgrad")),
        decay_(parameters, form) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("m", m_);
    state.vector("v", v_);
    if (amsgrad_) state.vector("v_max", v_max_);
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const AdamFactors f = factors(progress);
    const AdamState state = {m_.data(), v_.data(), v_max_.data()};
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      if (amsgrad_)
        adam_pass<true>(first, last, decay, f, gradient.data(), state, params.data());
      else
        adam_pass<false>(first, last, decay, f, gradient.data(), state, params.data());
    });
  }

 private:
  AdamFactors factors(const Progress& progress) {
    const double beta1 = beta1_.at(progress);
    const double beta2 = beta2_.at(progress);
    const double weight1 = correction1_.advance(beta1);
    const double weight2 = correction2_.advance(beta2);
    return {.beta1 = static_cast<Scalar>(beta1),
            .rest1 = static_cast<Scalar>(1.0 - beta1),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .step_size = static_cast<Scalar>(last_lr_ / weight1),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2)),
            .eps = static_cast<Scalar>(eps_.at(progress))};
  }

  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  bool amsgrad_;
  WeightDecay decay_;
  Vector m_;
  Vector v_;
  Vector v_max_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  double last_lr_ = 0.0;
};

}  // namespace

std::vector<ParameterSpec> adam_specs(double weight_decay) {
  std::vector<ParameterSpec> specs = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.9, Range::decay(), "decay of the gradient mean"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
      boolean("amsgrad", false, "divide by the largest squared-gradient average so far"),
  };
  WeightDecay::declare(specs, weight_decay);
  return specs;
}

std::unique_ptr<TrainingAlgorithm> make_adam_rule(const Parameters& parameters, DecayForm form) {
  return std::make_unique<AdamRule>(parameters, form);
}

}  // namespace velo
