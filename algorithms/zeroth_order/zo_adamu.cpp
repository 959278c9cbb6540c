// algorithms/zeroth_order/zo_adamu.cpp
//
// ZO-AdaMU: forward passes alone, with the momentum in the perturbation instead of in the gradient.
//   z1 ~ N(0, sqrt(alpha) I)        z2 ~ N(m, sqrt(1 - alpha) I)      standard deviations
//   m <- b1 z1 + (1 - b1) z2        v  = b2 z1^2 + (1 - b2) z2^2
//   c  = (L(x + mu m) - L(x - mu m)) / (2 mu)          the same batch and dropout in both
//   g  = c m / sqrt(v + eps) + wd x                                   (decay: coupled)
//   x <- (1 - lr wd) x                                                (decay: decoupled)
//   x <- x - lr g
// alpha, the share of fresh randomness ("uncertainty"), b1 and b2 are 1 during the first warmup_steps steps: fresh
// directions alone. After them their schedules count; the paper anneals all three from 1 along cosines, which YAML's
// `schedule: cosine` gives.
// Paper: Jiang, Chen, Pan, Xiang, Lin, Wu, Liu, Song, AAAI 2024, arXiv:2312.15184.
// Differs: the released code perturbs with other weights than it updates with, so the paper's equations are followed.
// It also turns m by the sign of c before the next step; no distribution depends on that sign, and it is left out. Its
// root is that of v + 1e-8, as here (the paper prints v^2). 1024 steps of warm-up would be a whole race of ours: 100
// is the default. How far alpha, b1 and b2 fall is not certain from our sources; the defaults are ours.
// The perturbed points are written to a scratch vector and the parameters stay untouched until the update, so nothing
// must be undone (adding and subtracting in place leaves roundings behind). z1 and z2 are drawn again wherever they are
// needed and kept nowhere.
// The pass at x + mu m updates the model state (batch-norm statistics): no gradient would.
// State: 1 value per parameter. Traffic per step: 8 reads, 4 writes per parameter beside 6 normals.

#include <cmath>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

namespace velo {

namespace {

/// This step's perturbation, two neighbouring elements at a time: one block of random bits makes two normals.
struct Perturbation {
  RandomStream fresh, history;
  Scalar fresh_deviation;    ///< sqrt(alpha)
  Scalar history_deviation;  ///< sqrt(1 - alpha)
  Scalar beta1, rest1;       ///< rest = 1 - beta
  Scalar beta2, rest2;

  struct Pair {
    Scalar m[2];
    Scalar v[2];
  };
  /// Elements 2 pair and 2 pair + 1 of `size`.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Pair at(Index pair, Index size, const Scalar* momentum) const {
    const NormalPair one = normal_pair(fresh.block(static_cast<std::uint64_t>(pair)));
    const NormalPair two = normal_pair(history.block(static_cast<std::uint64_t>(pair)));
    Pair out = {};
    for (int k = 0; k < 2; ++k) {
      const Index i = 2 * pair + k;
      if (i >= size) break;
      const Scalar z1 = fresh_deviation * static_cast<Scalar>(one.value[k]);
      const Scalar z2 = momentum[i] + history_deviation * static_cast<Scalar>(two.value[k]);
      out.m[k] = beta1 * z1 + rest1 * z2;
      out.v[k] = beta2 * z1 * z1 + rest2 * z2 * z2;
    }
    return out;
  }
};

/// point = x + distance m
void perturb_pass(Index size, Perturbation perturbation, Scalar distance, const Scalar* momentum, const Scalar* params,
                  Scalar* point) {
  for_each(
      "velo::update::zo_adamu_perturb", (size + 1) / 2, KOKKOS_LAMBDA(const Index pair) {
        const Perturbation::Pair p = perturbation.at(pair, size, momentum);
        for (int k = 0; k < 2; ++k) {
          const Index i = 2 * pair + k;
          if (i < size) point[i] = params[i] + distance * p.m[k];
        }
      });
}

/// momentum = m, direction = m / sqrt(v + eps)
void direction_pass(Index size, Perturbation perturbation, Scalar eps, Scalar* momentum, Scalar* direction) {
  for_each(
      "velo::update::zo_adamu_direction", (size + 1) / 2, KOKKOS_LAMBDA(const Index pair) {
        const Perturbation::Pair p = perturbation.at(pair, size, momentum);
        for (int k = 0; k < 2; ++k) {
          const Index i = 2 * pair + k;
          if (i >= size) break;
          momentum[i] = p.m[k];
          direction[i] = p.m[k] / std::sqrt(p.v[k] + eps);
        }
      });
}

void zo_adamu_pass(Index first, Index last, DecayFactors decay, Scalar lr, Scalar slope, const Scalar* direction,
                   Scalar* params) {
  for_each(
      "velo::update::zo_adamu", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = slope * direction[i] + decay.in_gradient * x;
        params[i] = decay.keep * x - lr * g;
      });
}

class ZoAdamu : public TrainingAlgorithm {
 public:
  explicit ZoAdamu(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        perturbation_(parameters.real("perturbation")),
        alpha_(parameters.real("alpha")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        warmup_steps_(parameters.integer("warmup_steps")),
        decay_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("m", m_);
    decay_.prepare(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const auto size = static_cast<Index>(params.extent(0));
    if (scratch_.extent(0) != params.extent(0)) scratch_ = zeros("scratch", size);
    const Progress& progress = oracle.progress();
    const Perturbation perturbation = perturbation_at(progress, oracle.random());
    const double mu = perturbation_.at(progress);
    perturb_pass(size, perturbation, static_cast<Scalar>(mu), m_.data(), params.data(), scratch_.data());
    const double above = oracle.loss({.at = scratch_, .model_state = ModelStateUse::commit});
    perturb_pass(size, perturbation, static_cast<Scalar>(-mu), m_.data(), params.data(), scratch_.data());
    const double below = oracle.loss({.at = scratch_, .model_state = ModelStateUse::discard});
    slope_ = (above - below) / (2.0 * mu);

    direction_pass(size, perturbation, static_cast<Scalar>(eps_.at(progress)), m_.data(), scratch_.data());
    last_lr_ = lr_.at(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      zo_adamu_pass(first, last, decay, static_cast<Scalar>(last_lr_), static_cast<Scalar>(slope_), scratch_.data(),
                    params.data());
    });
  }

  void observe(Observer& observer) const override {
    observer.scalar("lr", last_lr_);
    observer.scalar("slope", slope_);
  }

 private:
  [[nodiscard]] Perturbation perturbation_at(const Progress& progress, const RandomStream& random) const {
    const bool warm = progress.step <= warmup_steps_;
    const double alpha = warm ? 1.0 : alpha_.at(progress);
    const double beta1 = warm ? 1.0 : beta1_.at(progress);
    const double beta2 = warm ? 1.0 : beta2_.at(progress);
    return {.fresh = random.fork(1),
            .history = random.fork(2),
            .fresh_deviation = static_cast<Scalar>(std::sqrt(alpha)),
            .history_deviation = static_cast<Scalar>(std::sqrt(1.0 - alpha)),
            .beta1 = static_cast<Scalar>(beta1),
            .rest1 = static_cast<Scalar>(1.0 - beta1),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2)};
  }

  Schedule lr_;
  Schedule perturbation_;
  Schedule alpha_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  std::int64_t warmup_steps_;
  WeightDecay decay_;
  Vector m_;
  Vector scratch_;
  double slope_ = 0.0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo zo_adamu_info() {
  AlgorithmInfo info;
  info.name = "zo_adamu";
  info.summary = "forward passes alone, with momentum in the perturbation";
  info.paper = "Jiang et al., AAAI 2024, arXiv:2312.15184";
  info.parameters = {
      real("lr", 1e-5, Range::non_negative(), "learning rate; about SGD's over the number of parameters"),
      real("perturbation", 1e-3, Range::positive(), "distance to the two points, in standard deviations"),
      real("alpha", 0.9, Range::fraction(), "share of fresh randomness in the variance of a perturbation"),
      real("beta1", 0.9, Range::fraction(), "weight of the fresh part in the perturbation"),
      real("beta2", 0.9, Range::fraction(), "weight of the fresh part in its square"),
      real("eps", 1e-8, Range::positive(), "added to the square under the root"),
      integer("warmup_steps", 100, Range::non_negative(), "steps with fresh perturbations alone", "steps"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::coupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<ZoAdamu>(parameters); };
  return info;
}

}  // namespace velo
