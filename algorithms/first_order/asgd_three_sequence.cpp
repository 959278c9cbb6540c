// algorithms/first_order/asgd_three_sequence.cpp
//
// Accelerated SGD in the form with three sequences: a short step from y to x, a long one in v, and the gradient asked
// for between the two.
//   g  = grad f(y) + wd y
//   x <- y - lr g
//   v <- beta y + (1 - beta) v - long_step lr g
//   y <- alpha x + (1 - alpha) v
// The parameters in training are y; x is evaluated, or the mean of x over the last share `tail` of the run.
// Papers: Jain, Kakade, Kidambi, Netrapalli, Sidford, "Accelerating stochastic gradient descent for least squares
// regression", COLT 2018, arXiv:1704.08227, Algorithm 1; Kidambi, Netrapalli, Jain, Kakade, ICLR 2018,
// arXiv:1803.05591 (for networks); Li, Deng, Wu, Zhou, Gu, ICLR 2024, arXiv:2311.14222 (risk bounds).
// The papers' delta is lr, their gamma long_step * lr. AccSGD, the authors' optimizer, with kappa, xi and a constant c:
//   long_step = c xi,   beta = c^2 xi / kappa,   alpha = c / (c + beta)
// The defaults are its kappa = 1000, xi = 10, c = 0.7.
// beta = long_step = 1, or alpha = 1, is SGD. All three start at the initial parameters.
// Differs: AccSGD evaluates y; `tail` counts from the step hint, and its mean is evaluated with the model state
// (batch-norm statistics) of y.
// State: 2 values per parameter. Traffic per step: 4 reads, 3 writes per parameter.

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct AsgdFactors {
  Scalar short_step, long_step;
  Scalar alpha, beta;
  Scalar keep;  ///< share of the output that stays: 0 for the last x, (n - 1) / n for the mean of n
};

/// Every mixture is written so that it returns what both of its ends agree on, to the bit.
void asgd_pass(Index first, Index last, DecayFactors decay, AsgdFactors f, const Scalar* gradient, Scalar* far,
               Scalar* output, Scalar* params) {
  for_each(
      "velo::update::asgd_three_sequence", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar y = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * y;
        const Scalar x = y - f.short_step * g;
        const Scalar v = far[i] + f.beta * (y - far[i]) - f.long_step * g;
        far[i] = v;
        output[i] = x + f.keep * (output[i] - x);
        params[i] = x + (Scalar(1) - f.alpha) * (v - x);
      });
}

class AsgdThreeSequence : public GradientRule {
 public:
  explicit AsgdThreeSequence(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        long_step_(parameters.real("long_step")),
        alpha_(parameters.real("alpha")),
        beta_(parameters.real("beta")),
        tail_(parameters.real("tail")),
        decay_(parameters, DecayForm::coupled) {}

  void init(Oracle&, Vector params) override {
    Kokkos::deep_copy(v_, params);
    Kokkos::deep_copy(output_, params);
  }
  [[nodiscard]] ConstVector evaluation_params(ConstVector) const override { return output_; }
  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("v", v_);
    state.vector("output", output_);
    state.counter("averaged", averaged_);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const AsgdFactors f = factors(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      asgd_pass(first, last, decay, f, gradient.data(), v_.data(), output_.data(), params.data());
    });
  }

 private:
  AsgdFactors factors(const Progress& progress) {
    const double tail = tail_.at(progress);
    if (tail > 0.0 && static_cast<double>(progress.step) > (1.0 - tail) * static_cast<double>(progress.step_hint))
      ++averaged_;
    const double keep = averaged_ > 1 ? 1.0 - 1.0 / static_cast<double>(averaged_) : 0.0;
    return {.short_step = static_cast<Scalar>(last_lr_),
            .long_step = static_cast<Scalar>(last_lr_ * long_step_.at(progress)),
            .alpha = static_cast<Scalar>(alpha_.at(progress)),
            .beta = static_cast<Scalar>(beta_.at(progress)),
            .keep = static_cast<Scalar>(keep)};
  }

  Schedule lr_;
  Schedule long_step_;
  Schedule alpha_;
  Schedule beta_;
  Schedule tail_;
  WeightDecay decay_;
  Vector v_;
  Vector output_;
  std::int64_t averaged_ = 0;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo asgd_three_sequence_info() {
  AlgorithmInfo info;
  info.name = "asgd_three_sequence";
  info.summary = "accelerated SGD: short and long steps, the gradient between them";
  info.paper =
      "Jain, Kakade, Kidambi, Netrapalli, Sidford, COLT 2018, arXiv:1704.08227; Li et al., ICLR 2024, "
      "arXiv:2311.14222";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate of the short step"),
      real("long_step", 7.0, Range::non_negative(), "the long step in short ones"),
      real("alpha", 0.7 / 0.7049, Range::fraction(), "weight of the short step's point where the gradient is taken"),
      real("beta", 4.9e-3, Range::fraction(), "share of the long step's sequence that is forgotten at every step"),
      real("tail", 0.0, Range::fraction(), "share of the run, at its end, whose mean is evaluated; 0: the last point"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<AsgdThreeSequence>(parameters);
  };
  return info;
}

}  // namespace velo
