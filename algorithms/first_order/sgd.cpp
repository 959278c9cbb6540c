// algorithms/first_order/sgd.cpp
//
// Stochastic gradient descent with heavy-ball or Nesterov momentum.
//   g <- g + wd x                                      (decay: coupled)
//   b <- mu b + (1 - dampening) g       b <- g at step 1
//   u  = g + mu b   (nesterov)          u  = b   (otherwise)
//   x <- (1 - lr wd) x                                 (decay: decoupled)
//   x <- x - lr u
// Papers: Polyak, USSR Comp. Math. 1964 (heavy ball); Sutskever, Martens, Dahl, Hinton, ICML 2013 (Nesterov's method in
// this form); Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101, Algorithm 1 (SGDW).
// Agrees with torch.optim.SGD: momentum, dampening (skipped at the first step), nesterov, coupled weight_decay.
// Differs: the learning rate stands outside the buffer, as in PyTorch and unlike the papers, so a change of lr acts at
// once; decoupled decay is ours, times the scheduled lr. There is no `maximize`.
// State: 1 value per parameter with momentum, none without.
// Traffic per step: 3 reads, 2 writes per parameter with momentum; 2 reads, 1 write without.

#include "algorithms/transforms/momentum_pass.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "results/error.hpp"

namespace velo {

namespace {

void plain_pass(Index first, Index last, DecayFactors decay, Scalar lr, const Scalar* gradient, Scalar* params) {
  for_each(
      "velo::update::sgd", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        params[i] = decay.keep * x - lr * g;
      });
}

class Sgd : public GradientRule {
 public:
  explicit Sgd(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        dampening_(parameters.real("dampening")),
        nesterov_(parameters.boolean("nesterov")),
        decay_(parameters) {
    if (nesterov_ && (momentum_.base == 0.0 || dampening_.base != 0.0))
      throw Error("sgd: nesterov needs momentum above 0 and dampening 0");
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    if (momentum_.base != 0.0) state.vector("momentum", buffer_);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      if (momentum_.base == 0.0)
        plain_pass(first, last, decay, static_cast<Scalar>(last_lr_), gradient.data(), params.data());
      else
        momentum_pass(first, last, decay, momentum_factors(progress), gradient.data(), buffer_.data(), params.data());
    });
  }

 private:
  [[nodiscard]] MomentumFactors momentum_factors(const Progress& progress) const {
    const bool starts = progress.step == 1;
    const double mu = momentum_.at(progress);
    return {.lr = static_cast<Scalar>(last_lr_),
            .old = static_cast<Scalar>(mu),
            .fresh = static_cast<Scalar>(starts ? 1.0 : 1.0 - dampening_.at(progress)),
            .along_gradient = nesterov_ ? Scalar(1) : Scalar(0),
            .along_buffer = nesterov_ ? static_cast<Scalar>(mu) : Scalar(1)};
  }

  Schedule lr_;
  Schedule momentum_;
  Schedule dampening_;
  bool nesterov_;
  WeightDecay decay_;
  Vector buffer_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo sgd_info() {
  AlgorithmInfo info;
  info.name = "sgd";
  info.summary = "stochastic gradient descent with heavy-ball or Nesterov momentum";
  info.paper = "Sutskever, Martens, Dahl, Hinton, ICML 2013; Polyak 1964";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("momentum", 0.0, Range::decay(), "share of the last step's direction that is kept"),
      real("dampening", 0.0, Range::fraction(), "the gradient enters the momentum times 1 - dampening"),
      boolean("nesterov", false, "step from the point the momentum leads to"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::coupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Sgd>(parameters); };
  return info;
}

}  // namespace velo
