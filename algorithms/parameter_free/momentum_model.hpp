// algorithms/parameter_free/momentum_model.hpp
//
// What momo and momo_adam share: a linear model of the loss around averaged gradients, and the step that minimises it.
//   f <- keep f + (1 - keep) loss,   gamma <- keep gamma + (1 - keep) <g, x>,   rho = 1 - keep(1) ... keep(t)
//   L = 1 + lr wd
//   tau = min(lr / rho, max(0, L (f - rho f*) + <d, x> - L gamma) / |d|^2)
// `keep` is beta, or 0 at the first step: averages that start with their first value need no correction, rho is 1.
// f* is a lower bound of the loss, given or estimated (MoMo*), and never below the given one:
//   before the step   where L f + <d, x> - L gamma < L rho f*:   f* <- (L f + <d, x> - L gamma) / (2 L rho)
//   after it          f* <- (f + <d, x> - gamma - tau |d|^2 / 2) / rho
// Paper: Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv:2305.07583, Algorithms 1 and 2, MoMo*; the reset
// is that of fabian-sp/MoMo. Differs: where d is 0, tau is 0.
#pragma once

#include <algorithm>
#include <vector>

#include "algorithms/transforms/bias_correction.hpp"
#include "harness/algorithm.hpp"

namespace velo {

class MomentumModel {
 public:
  /// Reads lower_bound and estimate_lower_bound.
  explicit MomentumModel(const Parameters& parameters)
      : given_bound_(parameters.real("lower_bound").base),
        estimate_(parameters.boolean("estimate_lower_bound")),
        bound_(given_bound_) {}

  static void declare_bound(std::vector<ParameterSpec>& specs) {
    specs.push_back(real("lower_bound", 0.0, Range::any(), "a number that the loss cannot fall below"));
    specs.push_back(boolean("estimate_lower_bound", false, "raise that number as training goes (MoMo*)"));
  }

  void declare(StateArena& state) {
    state.number("loss_average", loss_);
    state.number("alignment", gamma_);
    state.number("lower_bound", bound_);
    correction_.declare(state, "keep_product");
  }

  /// Takes this step's loss and <g, x> in.
  void advance(double keep, double loss, double gradient_dot_params) {
    loss_ = keep * loss_ + (1.0 - keep) * loss;
    gamma_ = keep * gamma_ + (1.0 - keep) * gradient_dot_params;
    rho_ = correction_.advance(keep);
  }

  /// tau, from <d, x> and |d|^2; `stretch` is L.
  [[nodiscard]] double step_size(double lr, double stretch, double dot, double squared_norm) {
    const double model = stretch * (loss_ - gamma_) + dot;
    if (estimate_ && model < stretch * rho_ * bound_) set_bound(model / (2.0 * stretch * rho_));
    const double gap = model - stretch * rho_ * bound_;
    const double adaptive = gap > 0.0 && squared_norm > 0.0 ? gap / squared_norm : 0.0;
    last_ = std::min(lr / rho_, adaptive);
    if (estimate_) set_bound((loss_ - gamma_ + dot - 0.5 * last_ * squared_norm) / rho_);
    return last_;
  }

  void observe(Observer& observer) const {
    observer.scalar("step_size", last_);
    observer.scalar("lower_bound", bound_);
  }

 private:
  void set_bound(double bound) { bound_ = std::max(bound, given_bound_); }

  double given_bound_;
  bool estimate_;
  double loss_ = 0.0;
  double gamma_ = 0.0;
  double bound_;
  BiasCorrection correction_;
  double rho_ = 1.0;  ///< of this step
  double last_ = 0.0;
};

}  // namespace velo
