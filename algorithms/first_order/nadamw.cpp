// algorithms/first_order/nadamw.cpp
//
// NAdam: Adam with Nesterov's look-ahead in the first moment; with decoupled weight decay, NAdamW.
//   g <- g + wd x                                                     (decay: coupled)
//   m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
//   x <- (1 - lr wd) x                                                (decay: decoupled)
//   x <- x - lr (c_g g + c_m m) / (sqrt(v / (1 - b2^t)) + eps)
// with, for momentum_schedule
//   dozat      mu(t) = b1 (1 - 0.96^(t momentum_decay) / 2),  M(t) = mu(1) ... mu(t)
//              c_g = (1 - mu(t)) / (1 - M(t)),  c_m = mu(t+1) / (1 - M(t) mu(t+1))
//   constant   c_g = (1 - b1) / (1 - b1^t),     c_m = b1 / (1 - b1^t)
// Papers: Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, Algorithm 2; Loshchilov & Hutter,
// ICLR 2019, arXiv:1711.05101 (decoupled decay); Dahl et al., arXiv:2306.07179 (AlgoPerf, whose NadamW is `constant`).
// Agrees with torch.optim.NAdam: lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay; `decay` here
// stands at decoupled, PyTorch's switch at coupled, the default weight_decay of 0 makes both the same.
// Differs: when lr, b1 or momentum_decay follow a schedule, mu(t+1) uses the values of step t.
// State: 2 values per parameter. Traffic per step: 4 reads, 3 writes per parameter.

#include <cmath>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct NadamFactors {
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
  Scalar along_gradient, along_m;  ///< lr c_g, lr c_m
  Scalar root_scale;               ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

void nadam_pass(Index first, Index last, DecayFactors decay, NadamFactors f, const Scalar* gradient, Scalar* mean,
                Scalar* square, Scalar* params) {
  for_each(
      "velo::update::nadamw", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        const Scalar m = f.beta1 * mean[i] + f.rest1 * g;
        const Scalar v = f.beta2 * square[i] + f.rest2 * g * g;
        mean[i] = m;
        square[i] = v;
        params[i] = decay.keep * x - (f.along_gradient * g + f.along_m * m) / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

class NadamW : public GradientRule {
 public:
  explicit NadamW(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        momentum_decay_(parameters.real("momentum_decay")),
        dozat_(parameters.choice("momentum_schedule") == "dozat"),
        decay_(parameters) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("m", m_);
    state.vector("v", v_);
    momentum_.declare(state, "momentum_product");
    correction2_.declare(state, "beta2_product");
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const NadamFactors f = factors(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      nadam_pass(first, last, decay, f, gradient.data(), m_.data(), v_.data(), params.data());
    });
  }

 private:
  struct Directions {
    double gradient, mean;
  };

  [[nodiscard]] Directions directions(const Progress& progress, double beta1) {
    if (!dozat_) {
      const double weight = momentum_.advance(beta1);
      return {(1.0 - beta1) / weight, beta1 / weight};
    }
    const double rate = momentum_decay_.at(progress);
    const auto mu = [&](double t) { return beta1 * (1.0 - 0.5 * std::pow(0.96, t * rate)); };
    const double t = static_cast<double>(progress.step);
    const double now = mu(t), next = mu(t + 1.0);
    const double weight = momentum_.advance(now);
    return {(1.0 - now) / weight, next / (1.0 - momentum_.product() * next)};
  }

  [[nodiscard]] NadamFactors factors(const Progress& progress) {
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const Directions along = directions(progress, beta1);
    const double weight2 = correction2_.advance(beta2);
    return {.beta1 = static_cast<Scalar>(beta1),
            .rest1 = static_cast<Scalar>(1.0 - beta1),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .along_gradient = static_cast<Scalar>(last_lr_ * along.gradient),
            .along_m = static_cast<Scalar>(last_lr_ * along.mean),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2)),
            .eps = static_cast<Scalar>(eps_.at(progress))};
  }

  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  Schedule momentum_decay_;
  bool dozat_;
  WeightDecay decay_;
  Vector m_;
  Vector v_;
  BiasCorrection momentum_;
  BiasCorrection correction2_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo nadamw_info() {
  AlgorithmInfo info;
  info.name = "nadamw";
  info.summary = "Adam with Nesterov momentum, decoupled weight decay by default";
  info.paper = "Dozat, ICLR 2016 workshop; Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101";
  info.parameters = {
      real("lr", 2e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.9, Range::decay(), "decay of the gradient mean"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
      choice("momentum_schedule", "dozat", {"dozat", "constant"},
             "momentum that warms up (PyTorch's NAdam), or beta1 throughout (AlgoPerf's NadamW)"),
      real("momentum_decay", 4e-3, Range::non_negative(), "speed of that warm-up; dozat only"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::decoupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<NadamW>(parameters); };
  return info;
}

}  // namespace velo
