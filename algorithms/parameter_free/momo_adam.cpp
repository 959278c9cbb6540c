// algorithms/parameter_free/momo_adam.cpp
//
// MoMo-Adam: Adam whose step size comes from a model of the loss, so that lr is only an upper bound.
//   m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2,   D = eps + sqrt(v / (1 - b2^t))
//   x <- (x - tau m / D) / (1 + lr wd)
// tau: algorithms/parameter_free/momentum_model.hpp with d = m, |d|^2 = <m, m / D>
// Where the model does not shorten the step, tau = lr / (1 - b1^t): Adam.
// Paper: Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv:2305.07583, Algorithm 2; MoMo* with
// estimate_lower_bound.
// Agrees with fabian-sp/MoMo: lr, betas, eps, weight_decay (proximal, its `divide`; every block), lb (here
// lower_bound), use_fstar (here estimate_lower_bound).
// Differs: where m / D is 0, tau is 0 (there lr, or not a number). The loss is the one that comes with the gradient:
// under a wrapper that changes the gradient alone, the model is off by that change.
// Products are summed in double over a fixed tree. State: 2 values per parameter. Traffic per step: 12 reads, 3 writes.

#include <cmath>

#include "algorithms/parameter_free/momentum_model.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

struct MomoAdamDecay {
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
};

/// sqrt(v) root_scale + eps
struct MomoAdamDivisor {
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

void moments_pass(Index size, MomoAdamDecay f, const Scalar* gradient, Scalar* mean, Scalar* square) {
  for_each(
      "velo::update::momo_adam_moments", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        mean[i] = f.beta1 * mean[i] + f.rest1 * g;
        square[i] = f.beta2 * square[i] + f.rest2 * g * g;
      });
}

double scaled_squared_norm(Reduction& reduction, Index size, MomoAdamDivisor divisor, const Scalar* mean,
                           const Scalar* square) {
  return reduction.sum(
      "velo::reduce::momo_adam_norm", size, KOKKOS_LAMBDA(const Index i) {
        const double m = mean[i];
        return m * m / static_cast<double>(std::sqrt(square[i]) * divisor.root_scale + divisor.eps);
      });
}

void momo_adam_pass(Index size, Scalar tau, Scalar shrink, MomoAdamDivisor divisor, const Scalar* mean,
                    const Scalar* square, Scalar* params) {
  for_each(
      "velo::update::momo_adam", size, KOKKOS_LAMBDA(const Index i) {
        params[i] = shrink * (params[i] - tau * mean[i] / (std::sqrt(square[i]) * divisor.root_scale + divisor.eps));
      });
}

class MomoAdam : public TrainingAlgorithm {
 public:
  explicit MomoAdam(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        weight_decay_(parameters.real("weight_decay")),
        model_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("m", m_);
    state.vector("v", v_);
    model_.declare(state);
    correction2_.declare(state, "beta2_product");
  }

  void step(Oracle& oracle, Vector params) override {
    const auto size = static_cast<Index>(params.extent(0));
    if (gradient_.extent(0) != params.extent(0)) gradient_ = zeros("gradient", size);
    const double loss = oracle.gradient(gradient_, {});

    const Progress& progress = oracle.progress();
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const MomoAdamDecay decay = {static_cast<Scalar>(beta1), static_cast<Scalar>(1.0 - beta1),
                                 static_cast<Scalar>(beta2), static_cast<Scalar>(1.0 - beta2)};
    moments_pass(size, decay, gradient_.data(), m_.data(), v_.data());
    model_.advance(beta1, loss, reduction_.dot(gradient_, params));

    const MomoAdamDivisor divisor = {static_cast<Scalar>(1.0 / std::sqrt(correction2_.advance(beta2))),
                                     static_cast<Scalar>(eps_.at(progress))};
    last_lr_ = lr_.at(progress);
    const double stretch = 1.0 + last_lr_ * weight_decay_.at(progress);
    const double tau = model_.step_size(last_lr_, stretch, reduction_.dot(m_, params),
                                        scaled_squared_norm(reduction_, size, divisor, m_.data(), v_.data()));
    momo_adam_pass(size, static_cast<Scalar>(tau), static_cast<Scalar>(1.0 / stretch), divisor, m_.data(), v_.data(),
                   params.data());
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    model_.observe(observer);
  }

 private:
  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  Schedule weight_decay_;
  MomentumModel model_;
  BiasCorrection correction2_;
  Vector m_;
  Vector v_;
  Vector gradient_;
  Reduction reduction_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo momo_adam_info() {
  AlgorithmInfo info;
  info.name = "momo_adam";
  info.summary = "Adam that takes its step size, up to lr, from a model of the loss";
  info.paper = "Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv:2305.07583";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "largest step size"),
      real("beta1", 0.9, Range::decay(), "decay of the averages of gradient and loss"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
      real("weight_decay", 0.0, Range::non_negative(), "strength of the decay towards zero"),
  };
  MomentumModel::declare_bound(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<MomoAdam>(parameters); };
  return info;
}

}  // namespace velo
