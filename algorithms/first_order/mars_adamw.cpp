// algorithms/first_order/mars_adamw.cpp
//
// MARS-AdamW: AdamW driven by a gradient whose noise is reduced with its own past.
//   d  = grad f(x_t; batch_t) - grad f(x_(t-1); batch_t)        (correction: exact, two gradients a step)
//   d  = grad f(x_t; batch_t) - grad f(x_(t-1); batch_(t-1))    (correction: approximate, the last gradient is kept)
//   c  = g + gamma b1 / (1 - b1) d        d = 0 at step 1
//   c <- c min(1, max_norm / |c|), for every block on its own
//   m <- b1 m + (1 - b1) c          v <- b2 v + (1 - b2) c^2
//   x <- (1 - lr wd) x - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
// With gamma = 1 and exact, m is STORM's estimate (Cutkosky & Orabona, NeurIPS 2019, arXiv:1905.10018).
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the power of variance reduction for training large models", ICML
// 2025, arXiv:2411.10438, Algorithms 1 and 2; the defaults are those of the authors' optimizer.
// Differs: from the authors' code, which at step 1 has d = g, by the paper's d = 0; and every block follows the rule,
// as the paper says, where the code by default steers blocks that are not matrices by AdamW with a rate of their own.
// The question about the last parameters uses this step's dropout and discards the model state.
// State: 3 values per parameter. Traffic per step: 2 reads for the norms, then 5 reads, 4 writes per parameter.

#include <algorithm>
#include <cmath>
#include <optional>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/reduce.hpp"

namespace velo {

namespace {

struct MarsFactors {
  Scalar correction;    ///< gamma beta1 / (1 - beta1); 0 at step 1
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
  Scalar step_size;   ///< lr / (1 - beta1^t)
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

struct MarsState {
  Scalar* m;
  Scalar* v;
  Scalar* kept;  ///< for the next step: the parameters (exact) or the gradient (approximate)
};

/// |c|^2 of every block.
const std::vector<double>& squared_norms(BlockReduction& reduction, Scalar correction, const Scalar* gradient,
                                         const Scalar* earlier) {
  return reduction.sum(
      "velo::update::mars_norms", KOKKOS_LAMBDA(const Index i) {
        const Scalar g = gradient[i];
        const auto c = static_cast<double>(g + correction * (g - earlier[i]));
        return c * c;
      });
}

/// `earlier` may be state.kept.
template <bool exact>
void mars_pass(Index first, Index last, DecayFactors decay, MarsFactors f, Scalar clip, const Scalar* gradient,
               const Scalar* earlier, MarsState state, Scalar* params) {
  for_each(
      "velo::update::mars_adamw", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i];
        const Scalar c = clip * (g + f.correction * (g - earlier[i]));
        const Scalar m = f.beta1 * state.m[i] + f.rest1 * c;
        const Scalar v = f.beta2 * state.v[i] + f.rest2 * c * c;
        state.m[i] = m;
        state.v[i] = v;
        state.kept[i] = exact ? x : g;
        params[i] = decay.keep * x - f.step_size * m / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

class MarsAdamW : public TrainingAlgorithm {
 public:
  explicit MarsAdamW(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        gamma_(parameters.real("gamma")),
        max_norm_(parameters.real("max_norm")),
        exact_(parameters.choice("correction") == "exact"),
        decay_(parameters, DecayForm::decoupled) {}

  void declare(StateArena& state) override {
    state.vector("m", m_);
    state.vector("v", v_);
    state.vector(exact_ ? "last_params" : "last_gradient", kept_);
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    decay_.prepare(state.layout());
    norms_.emplace(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    if (gradient_.extent(0) != params.extent(0)) allocate(static_cast<Index>(params.extent(0)));
    oracle.gradient(gradient_, {});
    const bool starts = progress.step == 1;
    if (exact_ && !starts) oracle.gradient(earlier_, {.at = kept_, .model_state = ModelStateUse::discard});
    update(progress, oracle.layout(), starts ? gradient_ : exact_ ? earlier_ : kept_, params);
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  void allocate(Index size) {
    gradient_ = zeros("mars_adamw::gradient", size);
    if (exact_) earlier_ = zeros("mars_adamw::earlier", size);
  }

  void update(const Progress& progress, const ParameterLayout& layout, const Vector& earlier, const Vector& params) {
    last_lr_ = lr_.at(progress);
    const MarsFactors f = factors(progress);
    const double max_norm = max_norm_.at(progress);
    const std::vector<double>& squares = squared_norms(*norms_, f.correction, gradient_.data(), earlier.data());
    const MarsState state = {m_.data(), v_.data(), kept_.data()};
    const auto pass = exact_ ? &mars_pass<true> : &mars_pass<false>;
    // Runs of equal decay begin and end with blocks.
    std::size_t b = 0;
    decay_.for_each_run(progress, last_lr_, [&](Index, Index last, DecayFactors decay) {
      for (; b < squares.size() && layout.blocks()[b].offset < last; ++b) {
        const Index first = layout.blocks()[b].offset;
        const auto clip = static_cast<Scalar>(std::min(1.0, max_norm / std::sqrt(squares[b])));
        pass(first, first + layout.blocks()[b].size(), decay, f, clip, gradient_.data(), earlier.data(), state,
             params.data());
      }
    });
  }

  MarsFactors factors(const Progress& progress) {
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const double weight1 = correction1_.advance(beta1), weight2 = correction2_.advance(beta2);
    return {.correction = static_cast<Scalar>(gamma_.at(progress) * beta1 / (1.0 - beta1)),
            .beta1 = static_cast<Scalar>(beta1),
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
  Schedule gamma_;
  Schedule max_norm_;
  bool exact_;
  WeightDecay decay_;
  Vector m_;
  Vector v_;
  Vector kept_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  std::optional<BlockReduction> norms_;
  Vector gradient_;
  Vector earlier_;  ///< exact only: the gradient at the last parameters
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo mars_adamw_info() {
  AlgorithmInfo info;
  info.name = "mars_adamw";
  info.summary = "AdamW on gradients corrected by their change since the last step";
  info.paper = "Yuan, Liu, Wu, Zhou, Gu, ICML 2025, arXiv:2411.10438";
  info.parameters = {
      real("lr", 3e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.95, Range::decay(), "decay of the corrected gradient's mean"),
      real("beta2", 0.99, Range::decay(), "decay of the squared corrected gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the bias-corrected square"),
      real("gamma", 0.025, Range::non_negative(), "strength of the correction: 0 none, 1 that of STORM"),
      real("max_norm", 1.0, Range::positive(), "largest norm of a block's corrected gradient"),
      choice(
          "correction", "approximate", {"approximate", "exact"},
          "by the last step's gradient, or by this batch's gradient at the last parameters, which costs a second one"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<MarsAdamW>(parameters); };
  return info;
}

}  // namespace velo
