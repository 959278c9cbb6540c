// algorithms/first_order/adagrad.cpp
//
// Adagrad, diagonal form: every parameter divides its rate by the root of all its squared gradients so far.
//   g <- g + wd x
//   s <- s + g^2                                       s starts at initial_accumulator_value
//   x <- x - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
// Paper: Duchi, Hazan, Singer, JMLR 12, 2011, Figure 1 with the diagonal matrix (no projection, no regulariser).
// Agrees with torch.optim.Adagrad: lr, lr_decay, weight_decay, initial_accumulator_value, eps.
// Differs: the paper adds its delta to the root as eps here; lr_decay is PyTorch's and multiplies a schedule of lr.
// There is no `maximize`.
// State: 1 value per parameter. Traffic per step: 3 reads, 2 writes per parameter.

#include "algorithms/transforms/adagrad_pass.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"

namespace velo {

namespace {

class Adagrad : public GradientRule {
 public:
  explicit Adagrad(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        lr_decay_(parameters.real("lr_decay")),
        initial_(parameters.real("initial_accumulator_value")),
        eps_(parameters.real("eps")),
        decay_(parameters, DecayForm::coupled) {}

  void init(Oracle& oracle, Vector) override {
    Kokkos::deep_copy(sum_, static_cast<Scalar>(initial_.at(oracle.progress())));
  }
  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("sum", sum_);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress) / (1.0 + static_cast<double>(progress.step - 1) * lr_decay_.at(progress));
    const auto eps = static_cast<Scalar>(eps_.at(progress));
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      adagrad_pass(first, last, decay, static_cast<Scalar>(last_lr_), eps, gradient.data(), sum_.data(), params.data());
    });
  }

 private:
  Schedule lr_;
  Schedule lr_decay_;
  Schedule initial_;
  Schedule eps_;
  WeightDecay decay_;
  Vector sum_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo adagrad_info() {
  AlgorithmInfo info;
  info.name = "adagrad";
  info.summary = "gradient over the root of the sum of all its squares";
  info.paper = "Duchi, Hazan, Singer, JMLR 12, 2011";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("lr_decay", 0.0, Range::non_negative(), "the rate is divided by 1 + (t - 1) lr_decay"),
      real("initial_accumulator_value", 0.0, Range::non_negative(), "the sum of squares before the first step"),
      real("eps", 1e-10, Range::positive(), "added to the root"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Adagrad>(parameters); };
  return info;
}

}  // namespace velo
