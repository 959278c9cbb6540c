#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  double lr = 1.0, beta = 0.9, weight_decay = 0.0, lower_bound = 0.0;
  bool bias_correction = false, estimate = false;
};

Component momo(const Options& o) {
  return component("momo", {{"lr", Schedule(o.lr)},
                            {"beta", Schedule(o.beta)},
                            {"weight_decay", Schedule(o.weight_decay)},
                            {"lower_bound", Schedule(o.lower_bound)},
                            {"bias_correction", o.bias_correction},
                            {"estimate_lower_bound", o.estimate}});
}

/// Given gradients with losses between 1 and 3.
class GivenLosses : public test::GivenGradients {
 public:
  using GivenGradients::GivenGradients;

  static double at(std::int64_t step) { return 2.0 + test::scattered(static_cast<std::uint64_t>(step), 1000); }
  double gradient(Vector out, const Query& query) override {
    GivenGradients::gradient(out, query);
    return at(progress().step);
  }
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double sum_abs(const std::vector<double>& a) {
  double sum = 0.0;
  for (const double value : a) sum += std::abs(value);
  return sum;
}

/// Out of 25 steps.
struct Counts {
  int shortened = 0, taken_back = 0;
};

/// Checks every step against the paper's Algorithm 1 in double, from the points that momo visited; returns how
/// often the model shortened a step and took back its bound.
Counts check_trajectory(const Options& o) {
  const ParameterLayout layout = test::awkward_layout();
  GivenLosses oracle(layout, 25);
  test::Rider rider(momo(o), layout);
  rider.start(oracle);
  const double stretch = 1.0 + o.lr * o.weight_decay;
  std::vector<double> d(static_cast<std::size_t>(layout.size()), 0.0);
  double f = 0.0, gamma = 0.0, bound = o.lower_bound, bound_error = 0.0;
  Counts counts;

  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> x = rider.params(), g = oracle.gradients(t);
    const double loss = GivenLosses::at(t);
    if (t == 1 && !o.bias_correction) {
      d = g;
      f = loss;
      gamma = dot(g, x);
    }
    for (std::size_t i = 0; i < d.size(); ++i) d[i] = o.beta * d[i] + (1.0 - o.beta) * g[i];
    f = o.beta * f + (1.0 - o.beta) * loss;
    gamma = o.beta * gamma + (1.0 - o.beta) * dot(g, x);
    const double rho = o.bias_correction ? 1.0 - std::pow(o.beta, t) : 1.0;
    const double square = dot(d, d);
    const double cap = stretch * f + dot(d, x) - stretch * gamma;
    if (o.estimate && cap < stretch * rho * bound) {
      bound = std::max(cap / (2.0 * stretch * rho), o.lower_bound);
      ++counts.taken_back;
    }
    const double adaptive = std::max(cap - stretch * rho * bound, 0.0) / square;
    const double tau = std::min(o.lr / rho, adaptive);
    if (adaptive < o.lr / rho) ++counts.shortened;

    // momo's d: 3 roundings a step of numbers below 1 (two coefficients with their products, one sum), forgotten with
    // beta. What that makes of <d, x> and |d|^2, and so of tau and of the estimated bound:
    const double d_error = 3.0 * half_ulp / (1.0 - o.beta);
    const double model_error = d_error * sum_abs(x) + stretch * rho * bound_error;
    const double tau_error = (model_error + 2.0 * tau * d_error * sum_abs(d)) / square + half_ulp * tau;
    if (o.estimate) {
      bound = std::max((f + dot(d, x) - gamma - 0.5 * tau * square) / rho, o.lower_bound);
      bound_error = (d_error * sum_abs(x) + 0.5 * tau_error * square + tau * d_error * sum_abs(d)) / rho;
    }

    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = (x[i] - tau * d[i]) / stretch;
      // Its own roundings: the product, the difference, and 2 for the division.
      const double own = half_ulp * (tau * std::abs(d[i]) + 3.0 * (std::abs(x[i]) + tau * std::abs(d[i])));
      CHECK(std::abs(params[i] - expected) <= std::abs(d[i]) * tau_error + tau * d_error + own);
    }
  }
  return counts;
}

TEST_CASE("momo follows the paper's Algorithm 1 at every step, whether the model shortens it or not") {
  CHECK(check_trajectory({.lr = 10.0}).shortened > 5);
  CHECK(check_trajectory({.lr = 0.05}).shortened < 20);
  CHECK(check_trajectory({.lr = 10.0, .beta = 0.5, .weight_decay = 0.01}).shortened > 5);
  CHECK(check_trajectory({.lr = 10.0, .bias_correction = true}).shortened > 5);
  const Options bounded = {.lr = 0.05, .weight_decay = 0.1, .lower_bound = 0.8, .bias_correction = true};
  CHECK(check_trajectory(bounded).shortened < 20);
  CHECK(check_trajectory({.lr = 10.0, .estimate = true}).taken_back > 0);
  CHECK(check_trajectory({.lr = 10.0, .lower_bound = 1.5, .estimate = true}).shortened > 5);
  CHECK(check_trajectory({.lr = 0.1, .weight_decay = 0.1, .bias_correction = true, .estimate = true}).taken_back > 0);
}

TEST_CASE("momo with a learning rate below every model step is sgd with dampened momentum") {
  const ParameterLayout layout = test::awkward_layout();
  GivenLosses oracle(layout);
  test::Rider rider(momo({.lr = 0.001}), layout);
  test::Rider sgd(
      component("sgd", {{"lr", Schedule(0.001)}, {"momentum", Schedule(0.9)}, {"dampening", Schedule(0.9)}}), layout);
  rider.start(oracle);
  sgd.start(oracle);
  rider.steps(oracle, 1, 20);
  sgd.steps(oracle, 1, 20);
  CHECK(rider.params() == sgd.params());
}

/// f(x) = c_1 x_1^2 / 2 + ... + minimum at the rider's parameters.
class Quadratic : public test::GivenGradients {
 public:
  Quadratic(const ParameterLayout& layout, const test::Rider& rider, double spread, double minimum)
      : GivenGradients(layout, 400), rider_(&rider), spread_(spread), minimum_(minimum) {}

  /// From 0.5 to 0.5 spread.
  [[nodiscard]] double curvature(std::size_t i) const {
    return 0.5 * std::pow(spread_, static_cast<double>(i % 10) / 9.0);
  }
  [[nodiscard]] double value() const {
    const std::vector<double> x = rider_->params();
    double sum = minimum_;
    for (std::size_t i = 0; i < x.size(); ++i) sum += 0.5 * curvature(i) * x[i] * x[i];
    return sum;
  }
  double gradient(Vector out, const Query&) override {
    std::vector<double> g = rider_->params();
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= curvature(i);
    Kokkos::deep_copy(out, test::to_device(g));
    return value();
  }

 private:
  const test::Rider* rider_;
  double spread_;
  double minimum_;
};

TEST_CASE("momo without momentum is Polyak's step, which halves a round quadratic") {
  // (f - f*) / |g|^2 = 1 / (2 c) for the curvature c: x - g / (2 c) = x / 2, to the roundings of tau, product and
  // difference.
  for (const double minimum : {0.0, 3.0}) {
    const ParameterLayout layout = test::awkward_layout();
    test::Rider rider(momo({.lr = 1e6, .beta = 0.0, .lower_bound = minimum}), layout);
    Quadratic oracle(layout, rider, 1.0, minimum);
    rider.start(oracle);
    for (int t = 1; t <= 8; ++t) {
      const std::vector<double> before = rider.params();
      rider.step(oracle, t);
      const std::vector<double> after = rider.params();
      // With a minimum the loss is a difference: one last bit of it in double, over a quadratic that falls fourfold.
      const double cancelled = 0x1p-52 * std::pow(4.0, t) * minimum;
      for (std::size_t i = 0; i < before.size(); ++i)
        CHECK(std::abs(after[i] - 0.5 * before[i]) <= (3.0 * half_ulp + cancelled) * std::abs(before[i]));
    }
  }
}

TEST_CASE("momo converges with a learning rate a hundred times what sgd bears") {
  const ParameterLayout layout = test::awkward_layout();
  const auto reached = [&](const Component& algorithm) {
    test::Rider rider(algorithm, layout);
    Quadratic oracle(layout, rider, 10.0, 0.0);
    rider.start(oracle);
    const double before = oracle.value();
    rider.steps(oracle, 1, 400);
    return oracle.value() / before;
  };
  // The largest curvature is 5: sgd without momentum diverges above lr 0.4.
  CHECK_FALSE(reached(component("sgd", {{"lr", Schedule(0.5)}})) < 1.0);
  CHECK(reached(momo({.lr = 40.0})) < 1e-3);
}

TEST_CASE("momo keeps one value per parameter, and four numbers of its model") {
  CHECK(test::state_bytes("momo") == test::bytes_of({.per_parameter = 1, .numbers = 4}));
}

}  // namespace
}  // namespace velo
