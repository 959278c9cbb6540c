// algorithms/games/complex_momentum_sgd.cpp
//
// Gradient descent with momentum whose decay is a complex number: it damps rotation, so it finds equilibria of games
// around which real momentum circles.
//   m <- beta m + g,   beta = |beta| exp(i pi phase), m complex
//   x <- x - lr Re(m)
// for all players at once or for one after the other (algorithms/transforms/player_turns.hpp).
// Paper: Lorraine, Acuna, Vicol, Duvenaud, AISTATS 2022, arXiv:2102.08431, Algorithm 1 (simultaneous) and its
// alternating form. It recommends an argument near pi / 8 and |beta| of 0.8 to 0.9; phase 0 is heavy-ball momentum,
// phase 1 negative momentum. On min_x max_y x y with lr 0.1 and beta = 0.81 exp(i pi / 8), simultaneous, a step
// contracts by 0.973; no real beta contracts at all.
// Differs: the sign of m, which changes nothing. All players share lr and beta.
// State: 2 values per parameter. Traffic per step: 4 reads, 3 writes per parameter.

#include <cmath>
#include <numbers>

#include "algorithms/transforms/player_turns.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct ComplexMomentumFactors {
  Scalar lr;
  Scalar real, imaginary;  ///< of beta
};

void complex_momentum_pass(Index first, Index last, ComplexMomentumFactors f, const Scalar* gradient, Scalar* real,
                           Scalar* imaginary, Scalar* params) {
  for_each(
      "velo::update::complex_momentum_sgd", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar re = real[i], im = imaginary[i];
        const Scalar m = f.real * re - f.imaginary * im + gradient[i];
        real[i] = m;
        imaginary[i] = f.imaginary * re + f.real * im;
        params[i] = params[i] - f.lr * m;
      });
}

class ComplexMomentumSgd : public TrainingAlgorithm {
 public:
  explicit ComplexMomentumSgd(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        beta_(parameters.real("beta")),
        phase_(parameters.real("phase")),
        turns_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("momentum_real", real_);
    state.vector("momentum_imaginary", imaginary_);
    turns_.prepare(state.layout());
  }

  void step(Oracle& oracle, Vector params) override {
    const Progress& progress = oracle.progress();
    last_lr_ = lr_.at(progress);
    const double argument = std::numbers::pi * phase_.at(progress), beta = beta_.at(progress);
    const ComplexMomentumFactors f = {.lr = static_cast<Scalar>(last_lr_),
                                      .real = static_cast<Scalar>(beta * std::cos(argument)),
                                      .imaginary = static_cast<Scalar>(beta * std::sin(argument))};
    turns_.run(oracle, [&](Index first, Index last, const Scalar* gradient) {
      complex_momentum_pass(first, last, f, gradient, real_.data(), imaginary_.data(), params.data());
    });
  }

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 private:
  Schedule lr_;
  Schedule beta_;
  Schedule phase_;
  PlayerTurns turns_;
  Vector real_;
  Vector imaginary_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo complex_momentum_sgd_info() {
  AlgorithmInfo info;
  info.name = "complex_momentum_sgd";
  info.summary = "descent with complex momentum, for games of several players";
  info.paper = "Lorraine, Acuna, Vicol, Duvenaud, AISTATS 2022, arXiv:2102.08431";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("beta", 0.9, Range::decay(), "absolute value of the momentum's decay"),
      real("phase", 0.125, {-1.0, 1.0}, "argument of the momentum's decay, in units of pi"),
  };
  PlayerTurns::declare(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<ComplexMomentumSgd>(parameters);
  };
  return info;
}

}  // namespace velo
