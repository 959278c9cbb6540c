// algorithms/zeroth_order/zo_sgd.cpp
//
// Gradient descent on forward passes alone: the slope of the loss along one random direction stands for the gradient
// (simultaneous perturbation stochastic approximation, SPSA).
//   z ~ N(0, I)
//   c  = (L(x + mu z) - L(x - mu z)) / (2 mu)          the same batch and dropout in both
//   g  = c z + wd x                                                   (decay: coupled)
//   x <- (1 - lr wd) x                                                (decay: decoupled)
//   x <- x - lr g
// Papers: Spall, IEEE Trans. Automatic Control 37, 1992 (SPSA); Ghadimi & Lan, SIAM J. Optim. 23, 2013 (Gaussian
// directions); Malladi et al., "Fine-tuning language models with just forward passes", NeurIPS 2023, arXiv:2305.17333
// (MeZO, Algorithm 1: the direction is drawn again instead of kept).
// Differs: MeZO perturbs the parameters in place and walks back, which leaves them a few roundings off. Here x + mu z is
// written to a scratch vector and the parameters stay untouched until the update: one vector more than inference needs,
// for parameters that change by the step alone and by nothing when the learning rate is 0. The direction fills the same
// scratch vector, three times a step, from the same random numbers; none is kept.
// The pass at x + mu z updates the model state (batch-norm statistics): no gradient would.
// State: none. Traffic per step: 5 reads, 6 writes per parameter beside 3 normals.

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

namespace velo {

namespace {

void shift_pass(Index size, const Scalar* params, Scalar* point) {
  for_each(
      "velo::update::zo_sgd_shift", size, KOKKOS_LAMBDA(const Index i) { point[i] = params[i] + point[i]; });
}

void zo_sgd_pass(Index first, Index last, DecayFactors decay, Scalar lr, Scalar slope, const Scalar* direction,
                 Scalar* params) {
  for_each(
      "velo::update::zo_sgd", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = slope * direction[i] + decay.in_gradient * x;
        params[i] = decay.keep * x - lr * g;
      });
}

class ZoSgd : public TrainingAlgorithm {
 public:
  explicit ZoSgd(const Parameters& parameters)
      : lr_(parameters.real("lr")), perturbation_(parameters.real("perturbation")), decay_(parameters) {}

  void declare(StateArena& state) override { decay_.prepare(state.layout()); }

  void step(Oracle& oracle, Vector params) override {
    if (scratch_.extent(0) != params.extent(0)) scratch_ = zeros("scratch", static_cast<Index>(params.extent(0)));
    const Progress& progress = oracle.progress();
    const double mu = perturbation_.at(progress);
    const double above = loss_at(oracle, params, mu, ModelStateUse::commit);
    const double below = loss_at(oracle, params, -mu, ModelStateUse::discard);
    slope_ = (above - below) / (2.0 * mu);

    fill_normal(oracle.random(), 0.0, 1.0, scratch_);
    last_lr_ = lr_.at(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      zo_sgd_pass(first, last, decay, static_cast<Scalar>(last_lr_), static_cast<Scalar>(slope_), scratch_.data(),
                  params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("slope", slope_);
  }

 private:
  /// Loss of this step's batch at x + distance z.
  double loss_at(Oracle& oracle, const Vector& params, double distance, ModelStateUse use) {
    fill_normal(oracle.random(), 0.0, distance, scratch_);
    shift_pass(static_cast<Index>(params.extent(0)), params.data(), scratch_.data());
    return oracle.loss({.at = scratch_, .model_state = use});
  }

  Schedule lr_;
  Schedule perturbation_;
  WeightDecay decay_;
  Vector scratch_;
  double slope_ = 0.0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo zo_sgd_info() {
  AlgorithmInfo info;
  info.name = "zo_sgd";
  info.summary = "gradient descent on forward passes alone, along random directions (SPSA)";
  info.paper = "Spall 1992; Malladi et al., NeurIPS 2023, arXiv:2305.17333";
  info.parameters = {
      real("lr", 1e-5, Range::non_negative(), "learning rate; about SGD's over the number of parameters"),
      real("perturbation", 1e-3, Range::positive(), "distance to the two points, in standard deviations"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::coupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<ZoSgd>(parameters); };
  return info;
}

}  // namespace velo
