// algorithms/first_order/rmsprop.cpp
//
// RMSprop: the gradient divided by a running root mean square of itself.
//   g <- g + wd x
//   v <- alpha v + (1 - alpha) g^2
//   r  = sqrt(v) + eps;     centered:  a <- a + (1 - alpha) (g - a),  r = sqrt(v - a^2) + eps
//   x <- x - lr g / r;      momentum:  b <- mu b + g / r,             x <- x - lr b
// Papers: Tieleman & Hinton, Coursera "Neural networks for machine learning", lecture 6.5, 2012; Graves,
// arXiv:1308.0850, equations 38 to 45 (centered, momentum).
// Agrees with torch.optim.RMSprop: lr, alpha, eps (outside the root), weight_decay, momentum, centered.
// Differs: rounding can make v - a^2 negative where the gradient hardly changes; the root then takes 0, and where both
// have overflowed v: PyTorch returns NaN. Graves puts eps inside the root. There is no `maximize`.
// State: 1 value per parameter, 1 more each for centered and momentum.
// Traffic per step: 3 reads, 2 writes per parameter, 1 more of each for centered and for momentum.

#include <cmath>

#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

struct RmspropFactors {
  Scalar lr, alpha, rest, eps, momentum;  ///< rest = 1 - alpha
};

struct RmspropState {
  Scalar* square;
  Scalar* mean;    ///< null unless centered
  Scalar* buffer;  ///< null without momentum
};

template <bool centered, bool heavy>
void rmsprop_pass(Index first, Index last, DecayFactors decay, RmspropFactors f, const Scalar* gradient,
                  RmspropState state, Scalar* params) {
  for_each(
      "velo::update::rmsprop", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar x = params[i];
        const Scalar g = gradient[i] + decay.in_gradient * x;
        Scalar v = f.alpha * state.square[i] + f.rest * g * g;
        state.square[i] = v;
        if constexpr (centered) {
          const Scalar a = state.mean[i] + f.rest * (g - state.mean[i]);
          state.mean[i] = a;
          const Scalar variance = v - a * a;
          v = variance < Scalar(0) ? Scalar(0) : variance == variance ? variance : v;  // of an infinite v: itself
        }
        Scalar u = g / (std::sqrt(v) + f.eps);
        if constexpr (heavy) {
          u += f.momentum * state.buffer[i];
          state.buffer[i] = u;
        }
        params[i] = decay.keep * x - f.lr * u;
      });
}

class Rmsprop : public GradientRule {
 public:
  explicit Rmsprop(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        alpha_(parameters.real("alpha")),
        eps_(parameters.real("eps")),
        momentum_(parameters.real("momentum")),
        centered_(parameters.boolean("centered")),
        decay_(parameters, DecayForm::coupled) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("square", square_);
    if (centered_) state.vector("mean", mean_);
    if (heavy()) state.vector("momentum", buffer_);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    const double alpha = alpha_.at(progress);
    const RmspropFactors f = {.lr = static_cast<Scalar>(last_lr_),
                              .alpha = static_cast<Scalar>(alpha),
                              .rest = static_cast<Scalar>(1.0 - alpha),
                              .eps = static_cast<Scalar>(eps_.at(progress)),
                              .momentum = static_cast<Scalar>(momentum_.at(progress))};
    const auto pass = centered_ ? (heavy() ? &rmsprop_pass<true, true> : &rmsprop_pass<true, false>)
                                : (heavy() ? &rmsprop_pass<false, true> : &rmsprop_pass<false, false>);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      pass(first, last, decay, f, gradient.data(), {square_.data(), mean_.data(), buffer_.data()}, params.data());
    });
  }

 private:
  [[nodiscard]] bool heavy() const { return momentum_.base != 0.0; }

  Schedule lr_;
  Schedule alpha_;
  Schedule eps_;
  Schedule momentum_;
  bool centered_;
  WeightDecay decay_;
  Vector square_;
  Vector mean_;
  Vector buffer_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo rmsprop_info() {
  AlgorithmInfo info;
  info.name = "rmsprop";
  info.summary = "gradient over its running root mean square";
  info.paper = "Tieleman & Hinton, Coursera lecture 6.5, 2012; Graves, arXiv:1308.0850";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("alpha", 0.99, Range::decay(), "decay of the squared gradient"),
      real("eps", 1e-8, Range::positive(), "added to the root"),
      real("momentum", 0.0, Range::decay(), "share of the last step's direction that is kept"),
      boolean("centered", false, "divide by the root of the variance instead of the mean square"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Rmsprop>(parameters); };
  return info;
}

}  // namespace velo
