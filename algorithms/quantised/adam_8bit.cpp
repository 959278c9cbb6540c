// algorithms/quantised/adam_8bit.cpp
//
// Adam whose two averages are kept in 8 bits, quantised block by block.
//   g <- g + wd x                                                     (decay: coupled)
//   m <- b1 D(m) + (1 - b1) g       v <- b2 D(v) + (1 - b2) g^2       D: what is stored, as numbers
//   x <- (1 - lr wd) x                                                (decay: decoupled)
//   x <- x - (lr / (1 - b1^t)) m / (sqrt(v / (1 - b2^t)) + eps)
//   store m, v
// m has a code book with signs, v the positive one; what is quantised and how: transforms/blockwise_quantisation.hpp.
// Paper: Dettmers, Lewis, Shleifer, Zettlemoyer, ICLR 2022, arXiv:2110.02861.
// Differs: nothing in the update; the paper's stable embedding layer belongs to a model, so only its 32-bit state is
// here.
// A trap of the paper's rule: a v below 1.6e-7 of its block's largest is stored as 0, so a coordinate whose gradient is
// then exactly 0 moves by lr m / eps until its m is stored as 0 too. A larger eps guards against it.
// State: 2 bytes per parameter and 8 per block of 2048. Traffic per step: 4 reads, 3 writes per parameter, of which
// 2 and 2 are bytes.

#include <cmath>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/blockwise_quantisation.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"

namespace velo {

namespace {

struct AdamStep {
  Scalar beta1, rest1;  ///< rest = 1 - beta
  Scalar beta2, rest2;
  Scalar step_size;   ///< lr / (1 - beta1^t)
  Scalar root_scale;  ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
  DecayFactors decay;
  const Scalar* gradient;
  Scalar* params;

  KOKKOS_INLINE_FUNCTION void advance(Index i, Scalar (&state)[2]) const {
    const Scalar g = gradient[i] + decay.in_gradient * params[i];
    state[0] = beta1 * state[0] + rest1 * g;
    state[1] = beta2 * state[1] + rest2 * g * g;
  }
  KOKKOS_INLINE_FUNCTION void apply(Index i, const Scalar (&state)[2]) const {
    params[i] = decay.keep * params[i] - step_size * state[0] / (std::sqrt(state[1]) * root_scale + eps);
  }
};

class Adam8Bit : public GradientRule {
 public:
  explicit Adam8Bit(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        decay_(parameters),
        moments_(parameters, {CodeSign::both, CodeSign::positive}) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    moments_.declare(state, {"m", "v"});
    correction1_.declare(state, "beta1_product");
    correction2_.declare(state, "beta2_product");
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    AdamStep step = factors(progress);
    step.gradient = gradient.data();
    step.params = params.data();
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      step.decay = decay;
      moments_.update("velo::update::adam_8bit", first, last, step);
    });
  }

 private:
  [[nodiscard]] AdamStep factors(const Progress& progress) {
    const double beta1 = beta1_.at(progress), beta2 = beta2_.at(progress);
    const double weight1 = correction1_.advance(beta1), weight2 = correction2_.advance(beta2);
    return {.beta1 = static_cast<Scalar>(beta1),
            .rest1 = static_cast<Scalar>(1.0 - beta1),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .step_size = static_cast<Scalar>(last_lr_ / weight1),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2)),
            .eps = static_cast<Scalar>(eps_.at(progress)),
            .decay = {},
            .gradient = nullptr,
            .params = nullptr};
  }

  Schedule lr_;
  Schedule beta1_;
  Schedule beta2_;
  Schedule eps_;
  WeightDecay decay_;
  BlockwiseState<2> moments_;
  BiasCorrection correction1_;
  BiasCorrection correction2_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo adam_8bit_info() {
  AlgorithmInfo info;
  info.name = "adam_8bit";
  info.summary = "Adam with its state in 8 bits, quantised block by block";
  info.paper = "Dettmers, Lewis, Shleifer, Zettlemoyer, ICLR 2022, arXiv:2110.02861";
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.9, Range::decay(), "decay of the gradient mean"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
  };
  QuantisedParts::declare(info.parameters);
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::decoupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Adam8Bit>(parameters); };
  return info;
}

}  // namespace velo
