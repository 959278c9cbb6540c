// algorithms/parameter_free/momo.cpp
//
// MoMo: SGD with momentum whose step size comes from a model of the loss, so that lr is only an upper bound.
//   d <- beta d + (1 - beta) g          d <- g at step 1 (without bias_correction)
//   x <- (x - tau d) / (1 + lr wd)      tau: algorithms/parameter_free/momentum_model.hpp, with |d| Euclidean
// Paper: Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv:2305.07583, Algorithm 1; MoMo* with
// estimate_lower_bound.
// Agrees with fabian-sp/MoMo: lr, beta, weight_decay (proximal, every block), bias_correction, lb (here lower_bound),
// use_fstar (here estimate_lower_bound).
// Differs: where d is 0, tau is 0 (there lr, or not a number). The loss is the one that comes with the gradient:
// under a wrapper that changes the gradient alone, the model is off by that change.
// Products are summed in double over a fixed tree. State: 1 value per parameter. Traffic per step: 9 reads, 2 writes.

#include "algorithms/parameter_free/momentum_model.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

void average_pass(Index size, Scalar keep, Scalar rest, const Scalar* gradient, Scalar* average) {
  for_each(
      "velo::update::momo_average", size,
      KOKKOS_LAMBDA(const Index i) { average[i] = keep * average[i] + rest * gradient[i]; });
}

void momo_pass(Index size, Scalar tau, Scalar shrink, const Scalar* average, Scalar* params) {
  for_each(
      "velo::update::momo", size,
      KOKKOS_LAMBDA(const Index i) { params[i] = shrink * (params[i] - tau * average[i]); });
}

class Momo : public TrainingAlgorithm {
 public:
  explicit Momo(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta_(parameters.real("beta")),
        weight_decay_(parameters.real("weight_decay")),
        bias_correction_(parameters.boolean("bias_correction")),
        model_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("d", d_);
    model_.declare(state);
  }

  void step(Oracle& oracle, Vector params) override {
    const auto size = static_cast<Index>(params.extent(0));
    if (gradient_.extent(0) != params.extent(0)) gradient_ = zeros("gradient", size);
    const double loss = oracle.gradient(gradient_, {});

    const Progress& progress = oracle.progress();
    const double keep = progress.step == 1 && !bias_correction_ ? 0.0 : beta_.at(progress);
    average_pass(size, static_cast<Scalar>(keep), static_cast<Scalar>(1.0 - keep), gradient_.data(), d_.data());
    model_.advance(keep, loss, reduction_.dot(gradient_, params));

    last_lr_ = lr_.at(progress);
    const double stretch = 1.0 + last_lr_ * weight_decay_.at(progress);
    const double tau = model_.step_size(last_lr_, stretch, reduction_.dot(d_, params), reduction_.squared_norm(d_));
    momo_pass(size, static_cast<Scalar>(tau), static_cast<Scalar>(1.0 / stretch), d_.data(), params.data());
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    model_.observe(observer);
  }

 private:
  Schedule lr_;
  Schedule beta_;
  Schedule weight_decay_;
  bool bias_correction_;
  MomentumModel model_;
  Vector d_;
  Vector gradient_;
  Reduction reduction_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo momo_info() {
  AlgorithmInfo info;
  info.name = "momo";
  info.summary = "SGD with momentum that takes its step size, up to lr, from a model of the loss";
  info.paper = "Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv:2305.07583";
  info.parameters = {
      real("lr", 1.0, Range::non_negative(), "largest step size"),
      real("beta", 0.9, Range::decay(), "decay of the averages of gradient and loss"),
      real("weight_decay", 0.0, Range::non_negative(), "strength of the decay towards zero"),
      boolean("bias_correction", false, "averages start at zero and are corrected, not at their first value"),
  };
  MomentumModel::declare_bound(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Momo>(parameters); };
  return info;
}

}  // namespace velo
