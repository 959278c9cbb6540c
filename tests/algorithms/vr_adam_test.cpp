#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "results/error.hpp"
#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticExamples;
using test::Rider;

/// Half a unit in the last place of 1.
constexpr double unit = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  Index micro_batches = 8, batch_size = 22;
  double lr = 0.01, gamma = 0.1, beta1 = 0.9, beta2 = 0.99, beta3 = 0.9, eps = 1.0, weight_decay = 0.0;
  bool coupled = false;
};

Component vr_adam(Options o) {
  return component("vr_adam", {{"micro_batches", o.micro_batches},
                               {"lr", Schedule(o.lr)},
                               {"gamma", Schedule(o.gamma)},
                               {"beta1", Schedule(o.beta1)},
                               {"beta2", Schedule(o.beta2)},
                               {"beta3", Schedule(o.beta3)},
                               {"eps", Schedule(o.eps)},
                               {"weight_decay", Schedule(o.weight_decay)},
                               {"decay", std::string(o.coupled ? "coupled" : "decoupled")}});
}

/// A number and a bound of what float arithmetic may have made of it.
struct Bounded {
  double value = 0.0, error = 0.0;
};

/// The rule in double, from the gradients of the micro-batches, in two passes over them; errors run along.
class Reference {
 public:
  Reference(Options o, const ParameterLayout& layout)
      : o_(o), layout_(&layout), x_(test::initial_params(layout).size()), p_(x_.size()), m_(x_.size()), v_(x_.size()) {
    const std::vector<double> start = test::initial_params(layout);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i].value = start[i];
  }

  void step(const std::vector<std::vector<double>>& gradients, const std::vector<double>& weights, int t) {
    std::vector<Bounded> mean(x_.size()), ratio(x_.size());
    for (std::size_t i = 0; i < x_.size(); ++i) {
      double largest = 0.0, variance = 0.0;
      for (std::size_t j = 0; j < gradients.size(); ++j) {
        mean[i].value += weights[j] * gradients[j][i];
        largest = std::max(largest, std::abs(gradients[j][i]));
      }
      for (std::size_t j = 0; j < gradients.size(); ++j)
        variance += weights[j] * std::pow(gradients[j][i] - mean[i].value, 2);
      // A running mean of k terms: the roundings of k means, of which half remain, and of the last differences.
      mean[i].error = (0.5 * static_cast<double>(gradients.size()) + 12.0) * unit * largest;
      // Products of two differences, each below 2 largest, each as wrong as the mean; weights sum to 1; their own
      // roundings and those of the sum.
      const double variance_error = 4.0 * largest * (mean[i].error + 2.0 * unit * largest) +
                                    4.0 * static_cast<double>(gradients.size()) * unit * variance;
      ratio[i].value = mean[i].value * mean[i].value / variance;
      ratio[i].error = ratio[i].value * (variance_error / variance + 2.0 * mean[i].error / std::abs(mean[i].value));
    }
    for (const ParameterBlock& layer : layout_->blocks()) {
      const auto first = static_cast<std::size_t>(layer.offset), last = first + static_cast<std::size_t>(layer.size());
      Bounded sum;
      for (std::size_t i = first; i < last; ++i) {
        sum.value += ratio[i].value;
        sum.error += ratio[i].error;
      }
      for (std::size_t i = first; i < last; ++i) {
        const double r = ratio[i].value / (sum.value / static_cast<double>(layer.size()));
        const double wrong = ratio[i].error / ratio[i].value + sum.error / sum.value + 2.0 * unit;
        const auto clip = [&](double value) { return std::clamp(value, o_.gamma, 1.0); };
        advance(i, mean[i], {clip(r), clip(r * (1.0 + wrong)) - clip(r * (1.0 - wrong))}, t);
      }
    }
  }

  [[nodiscard]] const std::vector<Bounded>& params() const { return x_; }

 private:
  void advance(std::size_t i, Bounded mean, Bounded r, int t) {
    Bounded &x = x_[i], &p = p_[i], &m = m_[i], &v = v_[i];
    const double weight3 = 1.0 - std::pow(o_.beta3, t);
    p = {o_.beta3 * p.value + (1.0 - o_.beta3) * r.value, o_.beta3 * p.error + (1.0 - o_.beta3) * r.error + 3.0 * unit};
    Bounded g = {p.value / weight3 * mean.value, (p.value * mean.error + p.error * std::abs(mean.value)) / weight3};
    if (o_.coupled) g = {g.value + o_.weight_decay * x.value, g.error + o_.weight_decay * x.error};
    g.error += 5.0 * unit * (std::abs(g.value) + 1.0);
    m = {o_.beta1 * m.value + (1.0 - o_.beta1) * g.value,
         o_.beta1 * m.error + (1.0 - o_.beta1) * g.error + 3.0 * unit * (std::abs(m.value) + std::abs(g.value))};
    v = {o_.beta2 * v.value + (1.0 - o_.beta2) * g.value * g.value,
         o_.beta2 * v.error + (1.0 - o_.beta2) * 2.0 * std::abs(g.value) * g.error +
             4.0 * unit * (v.value + g.value * g.value)};
    const double root_scale = 1.0 / std::sqrt(1.0 - std::pow(o_.beta2, t));
    const double root = std::sqrt(v.value) * root_scale;
    const double root_error = std::min(v.error / std::sqrt(v.value), std::sqrt(v.error)) * root_scale;
    const double step = o_.lr / (1.0 - std::pow(o_.beta1, t)), direction = m.value / (root + o_.eps);
    const double keep = o_.coupled ? 1.0 : 1.0 - o_.lr * o_.weight_decay;
    x = {keep * x.value - step * direction,
         x.error + step * (m.error + std::abs(direction) * root_error) / (root + o_.eps - root_error) + 8.0 * unit};
  }

  Options o_;
  const ParameterLayout* layout_;
  std::vector<Bounded> x_, p_, m_, v_;
};

/// Compares 25 steps; the reference is handed the gradients at the algorithm's own parameters.
void compare(Options o) {
  const ParameterLayout layout = test::awkward_layout();
  // Examples that differ by more than their mean: a variance near zero would make every bound on its ratio useless.
  QuadraticExamples oracle(layout, o.batch_size, 8.0);
  Rider rider(vr_adam(o), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  Reference reference(o, layout);
  double worst_bound = 0.0;
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> before = rider.params();
    rider.step(oracle, t);
    const std::span<const Index> examples = oracle.drawn().back();
    std::vector<std::vector<double>> gradients;
    std::vector<double> weights;
    for (Index j = 0; j < o.micro_batches; ++j) {
      const Index first = j * o.batch_size / o.micro_batches, last = (j + 1) * o.batch_size / o.micro_batches;
      gradients.push_back(oracle.gradient_at(
          before, examples.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first))));
      weights.push_back(static_cast<double>(last - first) / static_cast<double>(o.batch_size));
    }
    reference.step(gradients, weights, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      CHECK(std::abs(params[i] - reference.params()[i].value) <= reference.params()[i].error);
      worst_bound = std::max(worst_bound, reference.params()[i].error);
    }
  }
  CHECK(worst_bound < 0.05 * o.lr);  // the bounds say something: 25 steps go up to 25 lr
  CHECK(oracle.gradients_asked == 25 * o.micro_batches);
}

TEST_CASE("vr_adam follows the two-pass formula over micro-batches of unequal size") {
  compare({});
  compare({.weight_decay = 0.1});
  compare({.weight_decay = 0.1, .coupled = true});
  compare({.micro_batches = 11, .gamma = 0.3, .beta3 = 0.5});
}

TEST_CASE("vr_adam with micro-batches that agree is adam") {
  const double lr = 0.01, eps = 1e-3;
  const auto trajectory = [&](const Component& algorithm) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  const std::vector<double> damped = trajectory(vr_adam({.beta2 = 0.999, .eps = eps}));
  const std::vector<double> adam = trajectory(component("adam", {{"lr", Schedule(lr)}, {"eps", Schedule(eps)}}));
  // The factor is 1 to four roundings, so m and v are off by 7 and 12 roundings and a step, below 4 lr, by 20; the
  // roundings of the parameters themselves, below 2, are two a step in both.
  const double bound = 20 * (20 * unit * 4 * lr + 2 * 2 * unit * 2);
  for (std::size_t i = 0; i < adam.size(); ++i) CHECK(std::abs(damped[i] - adam[i]) <= bound);
}

TEST_CASE("vr_adam damps a coordinate on which micro-batches disagree, to gamma and no further") {
  // Micro-batches agree except in the last coordinate, where 1 and -0.5 take turns.
  class Disagreeing : public test::GivenGradients {
   public:
    using GivenGradients::GivenGradients;
    double gradient(Vector out, const Query&) override {
      std::vector<double> g(static_cast<std::size_t>(layout().size()), 0.5);
      g.back() = ++calls_ % 2 == 0 ? 1.0 : -0.5;
      Kokkos::deep_copy(out, test::to_device(g));
      return 1.0;
    }

   private:
    int calls_ = 0;
  };
  const ParameterLayout layout = test::awkward_layout();
  Disagreeing oracle(layout);
  Rider rider(vr_adam({.gamma = 0.1, .beta1 = 0.0}), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  // Without beta1, m is the damped gradient; it lies behind p in the state.
  const std::vector<double> state = test::to_host(rider.state().flat());
  const auto size = static_cast<std::size_t>(layout.size());
  // Two roundings each in p, its correction and the product, and four in the running mean of numbers up to 1.
  CHECK(std::abs(state[2 * size - 1] - 0.1 * 0.25) <= 8 * unit * 0.025 + 16 * unit * 0.1);
  CHECK(std::abs(state[size] - 0.5) <= 8 * unit * 0.5);
}

TEST_CASE("vr_adam refuses a batch that is smaller than its number of micro-batches") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 7);
  Rider rider(vr_adam({.micro_batches = 8}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  CHECK_THROWS_AS(rider.step(oracle, 1), Error);
}

TEST_CASE("vr_adam keeps three values per parameter, and three products of betas") {
  CHECK(test::state_bytes("vr_adam") == test::bytes_of({.per_parameter = 3, .numbers = 3}));
}

}  // namespace
}  // namespace velo
