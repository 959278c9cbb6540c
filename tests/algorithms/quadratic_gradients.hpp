// tests/algorithms/quadratic_gradients.hpp
//
// Gradients that depend on the point they are asked at, for rules that ask elsewhere than at the parameters:
//   f(x; t) = sum_i h_i (x_i - target_i(t))^2 / 2,   h_i in (1/2, 3/2)
// every question is kept, for tests of what is asked.
#pragma once

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

class QuadraticGradients : public GivenGradients {
 public:
  /// One question, with its point.
  struct Asked {
    std::vector<double> at;
    ModelStateUse model_state;
    const Batch* batch;
  };

  /// Targets in (-1, 1), scattered anew at every step, or the same at all.
  explicit QuadraticGradients(const ParameterLayout& layout, bool moving = true, std::int64_t step_hint = 20)
      : GivenGradients(layout, step_hint), size_(static_cast<std::size_t>(layout.size())), moving_(moving) {}

  /// Questions without a point are about `params`, as in the training loop.
  void attach(const Vector& params) { params_ = params; }

  [[nodiscard]] static double curvature(std::size_t i) { return 1.0 + 0.5 * scattered(1000, i); }
  [[nodiscard]] double target(std::int64_t step, std::size_t i) const {
    return scattered(2000 + static_cast<std::uint64_t>(moving_ ? step : 1), i);
  }
  /// In double, as a reference needs it.
  [[nodiscard]] std::vector<double> gradient_at(const std::vector<double>& x, std::int64_t step) const {
    std::vector<double> out(size_);
    for (std::size_t i = 0; i < size_; ++i) out[i] = curvature(i) * (x[i] - target(step, i));
    return out;
  }
  [[nodiscard]] double loss_at(const std::vector<double>& x, std::int64_t step) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < size_; ++i) sum += 0.5 * curvature(i) * std::pow(x[i] - target(step, i), 2);
    return sum;
  }

  double gradient(Vector out, const Query& query) override {
    const std::vector<double> x = to_host(query.at.extent(0) > 0 ? query.at : ConstVector(params_));
    asked.push_back({x, query.model_state, query.batch});
    Kokkos::deep_copy(out, to_device(gradient_at(x, progress().step)));
    return loss_at(x, progress().step);
  }

  std::vector<Asked> asked;

 private:
  std::size_t size_;
  bool moving_;
  Vector params_;
};

}  // namespace velo::test
