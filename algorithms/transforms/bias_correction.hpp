// algorithms/transforms/bias_correction.hpp
//
// An exponential average m <- beta m + (1 - beta) g that starts at zero holds the weight
//   1 - beta(1) beta(2) ... beta(t)
// after t steps; dividing by it removes the bias towards zero (Kingma & Ba, ICLR 2015, arXiv:1412.6980, section 3).
// The product is kept as a number of the state, because beta may follow a schedule; for a constant beta it equals
// 1 - beta^t to t roundings of a double.
#pragma once

#include <string_view>

#include "harness/state_arena.hpp"

namespace velo {

class BiasCorrection {
 public:
  void declare(StateArena& state, std::string_view name) { state.number(name, product_); }

  /// Takes this step's beta in and returns the weight after the step.
  double advance(double beta) {
    product_ *= beta;
    return 1.0 - product_;
  }
  /// beta(1) ... beta(t).
  [[nodiscard]] double product() const { return product_; }

 private:
  double product_ = 1.0;
};

}  // namespace velo
