// algorithms/first_order/vr_adam.cpp
//
// VR-Adam: Adam whose gradient is damped, coordinate by coordinate, where micro-batches disagree about it.
//   g_1 ... g_k  gradients of the micro-batches,   mean = their mean,   var = mean of (g_j - mean)^2
//   r  = mean^2 / var                              gradient signal-to-noise ratio (GSNR)
//   r <- clip(r / (mean of r over the layer), gamma, 1)
//   p <- b3 p + (1 - b3) r
//   g  = p / (1 - b3^t) mean  (+ wd x)                                (decay: coupled)
//   m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
//   x <- (1 - lr wd) x                                                (decay: decoupled)
//   x <- x - (lr / (1 - b1^t)) m / (sqrt(v / (1 - b2^t)) + eps)
// Paper: Jiang et al., "Accelerating large batch training via gradient signal to noise ratio (GSNR)",
// arXiv:2309.13681 (VRGD; its form for Adam). The defaults of gamma and beta3 are what is commonly reported; we could
// not check them against the authors' code.
// Mean and variance come from running sums (West, CACM 22, 1979): nothing is stored per micro-batch and nothing
// cancels, unlike mean(g^2) - mean^2. Micro-batches differ by at most one example and count by their size, so `mean` is
// the gradient of the whole batch.
// Differs: the noise, sqrt(var), counts as at least 2^-24 |mean|, one rounding of it. So agreeing micro-batches give
// r = 2^48 everywhere, after the layer's mean 1, and the rule is Adam; a coordinate without signal has r = 0.
// The first micro-batch alone updates the model state (batch-norm statistics).
// State: 3 values per parameter; scratch for 3 more. Traffic per step: 4 k + 10 reads, 3 k + 4 writes per parameter.

#include <cmath>
#include <optional>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// Takes one micro-batch in: `weight` is its part of the batch, `share` its part of what has been seen, 1 for the first.
void gather_pass(Index size, Scalar weight, Scalar share, const Scalar* gradient, Scalar* mean, Scalar* variance) {
  const bool starts = share == Scalar(1);
  for_each(
      "velo::update::vr_adam_gather", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const Scalar old = starts ? Scalar(0) : mean[i];
        const Scalar fresh = old + share * (g - old);
        mean[i] = fresh;
        variance[i] = (starts ? Scalar(0) : variance[i]) + weight * (g - old) * (g - fresh);
      });
}

KOKKOS_INLINE_FUNCTION double signal_to_noise(Scalar mean, Scalar variance) {
  const double signal = std::fabs(static_cast<double>(mean));
  if (signal == 0.0) return 0.0;
  const double noise = std::sqrt(static_cast<double>(variance)), least = 0x1p-24 * signal;
  const double ratio = signal / (noise > least ? noise : least);
  return ratio * ratio;
}

const std::vector<double>& layer_sums(BlockReduction& reduction, const Scalar* mean, const Scalar* variance) {
  return reduction.sum(
      "velo::update::vr_adam_ratio", KOKKOS_LAMBDA(const Index i) { return signal_to_noise(mean[i], variance[i]); });
}

struct VrAdamFactors {
  double ratio_scale;  ///< 1 / layer's mean of r
  Scalar gamma;
  Scalar beta3, rest3;  ///< rest = 1 - beta
  Scalar p_scale;       ///< 1 / (1 - beta3^t)
  Scalar beta1, rest1;
  Scalar beta2, rest2;
  Scalar step_size;   ///< lr / (1 - beta1^t)
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

struct VrAdamState {
  Scalar* p;
  Scalar* m;
  Scalar* v;
};

void vr_adam_pass(Index first, Index size, DecayFactors decay, VrAdamFactors f, const Scalar* mean,
                  const Scalar* variance, VrAdamState state, Scalar* params) {
  for_each(
      "velo::update::vr_adam", size, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const auto ratio = static_cast<Scalar>(signal_to_noise(mean[i], variance[i]) * f.ratio_scale);
        const Scalar above = ratio > f.gamma ? ratio : f.gamma;
        const Scalar r = above < Scalar(1) ? above : Scalar(1);
        const Scalar p = f.beta3 * state.p[i] + f.rest3 * r;
        const Scalar x = params[i];
        const Scalar g = p * f.p_scale * mean[i] + decay.in_gradient * x;
        const Scalar m = f.beta1 * state.m[i] + f.rest1 * g;
        const Scalar v = f.beta2 * state.v[i] + f.rest2 * g * g;
        state.p[i] = p;
        state.m[i] = m;
        state.v[i] = v;
        params[i] = decay.keep * x - f.step_size * m / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

class VrAdam : public TrainingAlgorithm {
 public:
  explicit VrAdam(const Parameters& parameters)
      : micro_batches_(parameters.integer("micro_batches")),
        lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        beta3_(parameters.real("beta3")),
        gamma_(parameters.real("gamma")),
        eps_(parameters.real("eps")),
        decay_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("p", p_);
    state.vector("m", m_);
    state.vector("v", v_);
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    correction3_.declare(state, "beta3_product");
    decay_.prepare(state.layout());
    layer_reduction_.emplace(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    gather(oracle);
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    VrAdamFactors f = factors(progress);
    const std::vector<double>& sums = layer_sums(*layer_reduction_, mean_.data(), variance_.data());
    const std::vector<ParameterBlock>& layers = oracle.layout().blocks();
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      for (std::size_t b = 0; b < layers.size(); ++b) {
        const Index at = layers[b].offset, size = layers[b].size();
        if (at < first || at >= last) continue;
        f.ratio_scale = sums[b] > 0.0 ? static_cast<double>(size) / sums[b] : 0.0;
        vr_adam_pass(at, size, decay, f, mean_.data(), variance_.data(), {p_.data(), m_.data(), v_.data()},
                     params.data());
      }
    });
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  /// Mean and variance over the micro-batches of this step's batch.
  void gather(Oracle& oracle) {
    const Batch& batch = oracle.batch();
    const Index examples = batch.size(), size = oracle.layout().size();
    if (examples < micro_batches_)
      throw Error(cat("vr_adam: a batch of ", examples, " examples does not make ", micro_batches_,
                      " micro-batches; lower micro_batches or raise the batch size"));
    if (static_cast<Index>(mean_.extent(0)) != size) {
      gradient_ = zeros("gradient", size);
      mean_ = zeros("mean", size);
      variance_ = zeros("variance", size);
    }
    for (Index j = 0; j < micro_batches_; ++j) {
      const Index first = j * examples / micro_batches_, last = (j + 1) * examples / micro_batches_;
      const Batch part = slice(batch, first, last - first);
      oracle.gradient(gradient_, {.batch = &part});
      const auto count = static_cast<double>(last - first);
      gather_pass(size, static_cast<Scalar>(count / static_cast<double>(examples)),
                  static_cast<Scalar>(count / static_cast<double>(last)), gradient_.data(), mean_.data(),
                  variance_.data());
    }
  }

  [[nodiscard]] VrAdamFactors factors(const Progress& progress) {
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress), beta3 = beta3_.at(progress);
    const double weight1 = correction1_.advance(beta1), weight2 = correction2_.advance(beta2);
    return {.ratio_scale = 0.0,
            .gamma = static_cast<Scalar>(gamma_.at(progress)),
            .beta3 = static_cast<Scalar>(beta3),
            .rest3 = static_cast<Scalar>(1.0 - beta3),
            .p_scale = static_cast<Scalar>(1.0 / correction3_.advance(beta3)),
            .beta1 = static_cast<Scalar>(beta1),
            .rest1 = static_cast<Scalar>(1.0 - beta1),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .step_size = static_cast<Scalar>(last_lr_ / weight1),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2)),
            .eps = static_cast<Scalar>(eps_.at(progress))};
  }

  Index micro_batches_;
  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule beta3_;
  Schedule gamma_;
  Schedule eps_;
  WeightDecay decay_;
  Vector p_;
  Vector m_;
  Vector v_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  BiasCorrection correction3_;
  std::optional<BlockReduction> layer_reduction_;
  Vector gradient_;
  Vector mean_;
  Vector variance_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo vr_adam_info() {
  AlgorithmInfo info;
  info.name = "vr_adam";
  info.summary = "Adam damped where the gradients of micro-batches disagree";
  info.paper = "Jiang et al., arXiv:2309.13681";
  info.needs = {Capability::micro_batches};
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      integer("micro_batches", 8, Range::at_least(2), "parts of the batch whose gradients are compared"),
      real("gamma", 0.1, Range::fraction(), "least factor of a gradient"),
      real("beta1", 0.9, Range::decay(), "decay of the gradient mean"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("beta3", 0.9, Range::decay(), "decay of the factor's mean"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::decoupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<VrAdam>(parameters); };
  return info;
}

}  // namespace velo
