#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0.0, lower_bound = 0.0;
  bool estimate = false;
};

Component momo_adam(const Options& o) {
  return component("momo_adam", {{"lr", Schedule(o.lr)},
                                 {"beta1", Schedule(o.beta1)},
                                 {"beta2", Schedule(o.beta2)},
                                 {"eps", Schedule(o.eps)},
                                 {"weight_decay", Schedule(o.weight_decay)},
                                 {"lower_bound", Schedule(o.lower_bound)},
                                 {"estimate_lower_bound", o.estimate}});
}

/// Given gradients with losses between 1 and 3, times a factor.
class GivenLosses : public test::GivenGradients {
 public:
  GivenLosses(const ParameterLayout& layout, double scale = 1.0)
      : GivenGradients(
            layout,
            [&layout, scale](std::int64_t step) {
              std::vector<double> out = GivenGradients(layout).gradients(step);
              for (double& g : out) g *= scale;
              return out;
            },
            25),
        scale_(scale) {}

  [[nodiscard]] double at(std::int64_t step) const {
    return scale_ * (2.0 + test::scattered(static_cast<std::uint64_t>(step), 1000));
  }
  double gradient(Vector out, const Query& query) override {
    GivenGradients::gradient(out, query);
    return at(progress().step);
  }

 private:
  double scale_;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Out of 25 steps.
struct Counts {
  int shortened = 0, taken_back = 0;
};

/// Checks every step against the paper's Algorithm 2 in double, from the points that momo_adam visited; returns how
/// often the model shortened a step and took back its bound.
Counts check_trajectory(const Options& o) {
  const ParameterLayout layout = test::awkward_layout();
  GivenLosses oracle(layout);
  test::Rider rider(momo_adam(o), layout);
  rider.start(oracle);
  const double stretch = 1.0 + o.lr * o.weight_decay;
  const auto size = static_cast<std::size_t>(layout.size());
  std::vector<double> m(size, 0.0), v(size, 0.0), divisor(size);
  double f = 0.0, gamma = 0.0, bound = o.lower_bound, bound_error = 0.0;
  Counts counts;

  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> x = rider.params(), g = oracle.gradients(t);
    const double rho = 1.0 - std::pow(o.beta1, t);
    // m: 3 roundings a step of numbers below 1, forgotten with beta1. D: v, all of one sign, takes 5 a step, its root
    // half of them, and 4 for root, scale, product, sum. What that makes of <m, x> and <m, m / D>:
    const double m_error = 3.0 * half_ulp / (1.0 - o.beta1);
    const double d_error = (2.5 * t + 4.0) * half_ulp;
    double square = 0.0, square_error = 0.0, model_error = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      m[i] = o.beta1 * m[i] + (1.0 - o.beta1) * g[i];
      v[i] = o.beta2 * v[i] + (1.0 - o.beta2) * g[i] * g[i];
      divisor[i] = o.eps + std::sqrt(v[i] / (1.0 - std::pow(o.beta2, t)));
      square += m[i] * m[i] / divisor[i];
      square_error += (2.0 * m_error * std::abs(m[i]) + d_error * m[i] * m[i]) / divisor[i];
      model_error += m_error * std::abs(x[i]);
    }
    f = o.beta1 * f + (1.0 - o.beta1) * oracle.at(t);
    gamma = o.beta1 * gamma + (1.0 - o.beta1) * dot(g, x);
    const double cap = stretch * f + dot(m, x) - stretch * gamma;
    if (o.estimate && cap < stretch * rho * bound) {
      bound = std::max(cap / (2.0 * stretch * rho), o.lower_bound);
      ++counts.taken_back;
    }
    const double adaptive = std::max(cap - stretch * rho * bound, 0.0) / square;
    const double tau = std::min(o.lr / rho, adaptive);
    if (adaptive < o.lr / rho) ++counts.shortened;

    const double tau_error = (model_error + stretch * rho * bound_error + tau * square_error) / square + half_ulp * tau;
    if (o.estimate) {
      bound = std::max((f + dot(m, x) - gamma - 0.5 * tau * square) / rho, o.lower_bound);
      bound_error = (model_error + 0.5 * (tau_error * square + tau * square_error)) / rho;
    }

    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < size; ++i) {
      const double direction = m[i] / divisor[i], step = tau * std::abs(direction);
      const double expected = (x[i] - tau * direction) / stretch;
      // Its own roundings: product and quotient, the difference, and 2 for the division by L.
      const double own = half_ulp * (2.0 * step + 3.0 * (std::abs(x[i]) + step));
      const double inherited = std::abs(direction) * tau_error + tau * m_error / divisor[i] + step * d_error;
      CHECK(std::abs(params[i] - expected) <= inherited + own);
    }
  }
  return counts;
}

TEST_CASE("momo_adam follows the paper's Algorithm 2 at every step, whether the model shortens it or not") {
  CHECK(check_trajectory({.lr = 1.0}).shortened > 5);
  CHECK(check_trajectory({.lr = 0.01}).shortened < 20);
  CHECK(check_trajectory({.lr = 1.0, .beta1 = 0.5, .eps = 0.01, .weight_decay = 0.1}).shortened > 5);
  CHECK(check_trajectory({.lr = 0.005, .weight_decay = 0.1, .lower_bound = 0.8}).shortened < 25);
  CHECK(check_trajectory({.lr = 1.0, .estimate = true}).taken_back > 0);
  CHECK(check_trajectory({.lr = 0.01, .weight_decay = 0.1, .estimate = true}).taken_back > 0);
}

TEST_CASE("momo_adam with a learning rate below every model step is adam") {
  const ParameterLayout layout = test::awkward_layout();
  GivenLosses oracle(layout);
  test::Rider rider(momo_adam({.lr = 0.001}), layout);
  test::Rider adam(component("adam", {{"lr", Schedule(0.001)}, {"beta2", Schedule(0.99)}}), layout);
  rider.start(oracle);
  adam.start(oracle);
  rider.steps(oracle, 1, 20);
  adam.steps(oracle, 1, 20);
  CHECK(rider.params() == adam.params());
}

TEST_CASE("momo_adam does not see the scale of the loss, shortened or not") {
  // A power of two passes every product, quotient and root exactly once eps is below the last bit of every root.
  const ParameterLayout layout = test::awkward_layout();
  for (const double lr : {0.001, 1.0}) {
    const auto trajectory = [&](double scale) {
      GivenLosses oracle(layout, scale);
      test::Rider rider(momo_adam({.lr = lr, .eps = 1e-30}), layout);
      rider.start(oracle);
      rider.steps(oracle, 1, 20);
      return rider.params();
    };
    CHECK(trajectory(1.0) == trajectory(1024.0));
  }
}

TEST_CASE("momo_adam keeps two values per parameter, four numbers of its model and a product of beta2") {
  CHECK(test::state_bytes("momo_adam") == test::bytes_of({.per_parameter = 2, .numbers = 5}));
}

}  // namespace
}  // namespace velo
