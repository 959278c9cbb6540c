// algorithms/first_order/lion.cpp
//
// Lion: the sign of a momentum, found by program search.
//   x <- (1 - lr wd) x - lr sign(b1 m + (1 - b1) g)
//   m <- b2 m + (1 - b2) g
// Paper: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, arXiv:2302.06675, Algorithm 2.
// Differs: not at all; sign(0) = 0, an infinite gradient counts by its sign, one that is no number makes the parameters
// none. The decay uses the parameters before the step, as in the paper.
// State: 1 value per parameter. Traffic per step: 3 reads, 2 writes per parameter.

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct LionFactors {
  Scalar lr;
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
};

void lion_pass(Index first, Index last, DecayFactors decay, LionFactors f, const Scalar* gradient, Scalar* mean,
               Scalar* params) {
  for_each(
      "velo::update::lion", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar g = gradient[i];
        const Scalar m = mean[i];
        const Scalar c = f.beta1 * m + f.rest1 * g;
        const Scalar sign = c > Scalar(0) ? Scalar(1) : c < Scalar(0) ? Scalar(-1) : c;  // of 0 and NaN themselves
        params[i] = decay.keep * params[i] - f.lr * sign;
        mean[i] = f.beta2 * m + f.rest2 * g;
      });
}

class Lion : public GradientRule {
 public:
  explicit Lion(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        decay_(parameters, DecayForm::decoupled) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("m", m_);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const LionFactors f = {.lr = static_cast<Scalar>(last_lr_),
                           .beta1 = static_cast<Scalar>(beta1),
                           .rest1 = static_cast<Scalar>(1.0 - beta1),
                           .beta2 = static_cast<Scalar>(beta2),
                           .rest2 = static_cast<Scalar>(1.0 - beta2)};
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      lion_pass(first, last, decay, f, gradient.data(), m_.data(), params.data());
    });
  }

 private:
  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  WeightDecay decay_;
  Vector m_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo lion_info() {
  AlgorithmInfo info;
  info.name = "lion";
  info.summary = "sign of a momentum, decoupled weight decay";
  info.paper = "Chen et al., NeurIPS 2023, arXiv:2302.06675";
  info.parameters = {
      real("lr", 1e-4, Range::non_negative(), "learning rate: the length of every coordinate's step"),
      real("beta1", 0.9, Range::decay(), "share of the momentum in the direction of the step"),
      real("beta2", 0.99, Range::decay(), "decay of the momentum"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Lion>(parameters); };
  return info;
}

}  // namespace velo
