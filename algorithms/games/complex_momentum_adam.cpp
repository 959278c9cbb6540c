// algorithms/games/complex_momentum_adam.cpp
//
// Adam with complex momentum: `complex_momentum_sgd` divided, coordinate by coordinate, by the root of the mean squared
// gradient.
//   m <- beta1 m + g,   beta1 = |beta1| exp(i pi phase), m complex
//   v <- b2 v + (1 - b2) g^2
//   x <- x - lr Re(m) / (sqrt(v / (1 - b2^t)) + eps)
// for all players at once or for one after the other (algorithms/transforms/player_turns.hpp).
// Paper: Lorraine, Acuna, Vicol, Duvenaud, AISTATS 2022, arXiv:2102.08431: its Adam variant, without correction of the
// momentum's bias. The momentum is a sum, not a mean, as in the SGD form: with phase 0 the rule is Adam, its first
// correction left out, of the learning rate lr / (1 - beta1). That m enters as a sum we could not check against the
// authors' code.
// Differs: the sign of m, which changes nothing. All players share lr, betas and eps.
// State: 3 values per parameter. Traffic per step: 5 reads, 4 writes per parameter.

#include <cmath>
#include <numbers>

#include "algorithms/transforms/bias_correction.hpp"
#include "algorithms/transforms/player_turns.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct ComplexAdamFactors {
  Scalar lr;
  Scalar real, imaginary;  ///< of beta1
  Scalar beta2, rest2;     ///< rest = 1 - beta
  Scalar root_scale;       ///< 1 / sqrt(1 - beta2^t)
  Scalar eps;
};

struct ComplexAdamState {
  Scalar* real;
  Scalar* imaginary;
  Scalar* v;
};

void complex_adam_pass(Index first, Index last, ComplexAdamFactors f, const Scalar* gradient, ComplexAdamState state,
                       Scalar* params) {
  for_each(
      "velo::update::complex_momentum_adam", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar g = gradient[i];
        const Scalar re = state.real[i], im = state.imaginary[i];
        const Scalar m = f.real * re - f.imaginary * im + g;
        const Scalar v = f.beta2 * state.v[i] + f.rest2 * g * g;
        state.real[i] = m;
        state.imaginary[i] = f.imaginary * re + f.real * im;
        state.v[i] = v;
        params[i] = params[i] - f.lr * m / (std::sqrt(v) * f.root_scale + f.eps);
      });
}

class ComplexMomentumAdam : public TrainingAlgorithm {
 public:
  explicit ComplexMomentumAdam(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta1_(parameters.real("beta1")),
        phase_(parameters.real("phase")),
        beta2_(parameters.real("beta2")),
        eps_(parameters.real("eps")),
        turns_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("momentum_real", real_);
    state.vector("momentum_imaginary", imaginary_);
    state.vector("v", v_);
    correction2_.declare(state, "beta2_product");
    turns_.prepare(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    const ComplexAdamFactors f = factors(progress);
    turns_.run(oracle, [&](Index first, Index last, const Scalar* gradient) {
      complex_adam_pass(first, last, f, gradient, {real_.data(), imaginary_.data(), v_.data()}, params.data());
    });
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  ComplexAdamFactors factors(const Progress& progress) {
    const double argument = std::numbers::pi * phase_.at(progress), beta1 = beta1_.at(progress);
    const double beta2 = beta2_.at(progress);
    return {.lr = static_cast<Scalar>(last_lr_),
            .real = static_cast<Scalar>(beta1 * std::cos(argument)),
            .imaginary = static_cast<Scalar>(beta1 * std::sin(argument)),
            .beta2 = static_cast<Scalar>(beta2),
            .rest2 = static_cast<Scalar>(1.0 - beta2),
            .root_scale = static_cast<Scalar>(1.0 / std::sqrt(correction2_.advance(beta2))),
            .eps = static_cast<Scalar>(eps_.at(progress))};
  }

  Schedule lr_;
  Schedule beta1_;
  Schedule phase_;
  Schedule beta2_;
  Schedule eps_;
  PlayerTurns turns_;
  Vector real_;
  Vector imaginary_;
  Vector v_;
  BiasCorrection correction2_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo complex_momentum_adam_info() {
  AlgorithmInfo info;
  info.name = "complex_momentum_adam";
  info.summary = "Adam with complex momentum, for games of several players";
  info.paper = "Lorraine, Acuna, Vicol, Duvenaud, AISTATS 2022, arXiv:2102.08431";
  info.parameters = {
      real("lr", 1e-3, Range::non_negative(), "learning rate"),
      real("beta1", 0.8, Range::decay(), "absolute value of the momentum's decay"),
      real("phase", 0.125, {-1.0, 1.0}, "argument of the momentum's decay, in units of pi"),
      real("beta2", 0.999, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root of the corrected squared gradient"),
  };
  PlayerTurns::declare(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<ComplexMomentumAdam>(parameters);
  };
  return info;
}

}  // namespace velo
