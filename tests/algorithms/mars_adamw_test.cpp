#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/quadratic_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticGradients;
using test::rounding_bound;

struct Options {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.98, eps = 1e-8, gamma = 0.1, max_norm = 1.0, weight_decay = 0.0;
  bool exact = false, decay_norms_and_biases = true;
};

Component mars(const Options& o) {
  return component("mars_adamw", {{"lr", Schedule(o.lr)},
                                  {"beta1", Schedule(o.beta1)},
                                  {"beta2", Schedule(o.beta2)},
                                  {"eps", Schedule(o.eps)},
                                  {"gamma", Schedule(o.gamma)},
                                  {"max_norm", Schedule(o.max_norm)},
                                  {"weight_decay", Schedule(o.weight_decay)},
                                  {"decay_norms_and_biases", o.decay_norms_and_biases},
                                  {"correction", std::string(o.exact ? "exact" : "approximate")}});
}

/// Algorithms 1 and 2 of the paper, block after block.
class Reference {
 public:
  Reference(const ParameterLayout& layout, Options o)
      : x(test::initial_params(layout)), layout_(&layout), o_(o), m_(x.size()), v_(x.size()) {}

  /// `g` and the gradient to compare it with, which step 1 ignores.
  void step(const std::vector<double>& g, const std::vector<double>& earlier) {
    ++t_;
    const double strength = t_ == 1 ? 0.0 : o_.gamma * o_.beta1 / (1.0 - o_.beta1);
    for (const ParameterBlock& block : layout_->blocks()) {
      const auto first = static_cast<std::size_t>(block.offset), last = first + static_cast<std::size_t>(block.size());
      std::vector<double> c(last);
      double square = 0.0;
      for (std::size_t i = first; i < last; ++i) {
        c[i] = g[i] + (t_ == 1 ? 0.0 : strength * (g[i] - earlier[i]));
        square += c[i] * c[i];
      }
      const double norm = std::sqrt(square);
      if (norm > o_.max_norm) ++clipped;
      const bool spared = block.kind == ParameterKind::bias || block.kind == ParameterKind::layer_norm_scale;
      const double decay = spared && !o_.decay_norms_and_biases ? 0.0 : o_.weight_decay;
      for (std::size_t i = first; i < last; ++i) {
        if (norm > o_.max_norm) c[i] *= o_.max_norm / norm;
        m_[i] = o_.beta1 * m_[i] + (1.0 - o_.beta1) * c[i];
        v_[i] = o_.beta2 * v_[i] + (1.0 - o_.beta2) * c[i] * c[i];
        const double root = std::sqrt(v_[i] / (1.0 - std::pow(o_.beta2, t_)));
        x[i] -= o_.lr * (decay * x[i] + m_[i] / (1.0 - std::pow(o_.beta1, t_)) / (root + o_.eps));
      }
    }
  }

  std::vector<double> x;
  int clipped = 0;

 private:
  const ParameterLayout* layout_;
  Options o_;
  std::vector<double> m_, v_;
  int t_ = 0;
};

double largest_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= largest)) largest = std::abs(a[i] - b[i]);
  return largest;
}

/// The approximate form on gradients that do not depend on the parameters.
double approximate_difference(const Options& o) {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(mars(o), layout);
  rider.start(oracle);
  Reference reference(layout, o);
  double largest = 0.0;
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    reference.step(oracle.gradients(t), oracle.gradients(t - 1));
    largest = std::max(largest, largest_distance(rider.params(), reference.x));
  }
  // Blocks on both sides of the bound.
  CHECK(reference.clipped > 0);
  CHECK(reference.clipped < 25 * 6);
  return largest;
}

// Per step and parameter: 3 roundings in c, 2 in the clipping, 3 in m, 4 in v, 4 in the divisor, 2 in the direction, 3
// in the step and the decay.
constexpr int operations = 21;

TEST_CASE("mars_adamw follows the paper with the gradient of the step before") {
  CHECK(approximate_difference({}) <= rounding_bound(operations));
  CHECK(approximate_difference({.gamma = 0.025, .max_norm = 3.0}) <= rounding_bound(operations));
  CHECK(approximate_difference({.eps = 0.01, .weight_decay = 0.1}) <= rounding_bound(operations));
  CHECK(approximate_difference({.weight_decay = 0.5, .decay_norms_and_biases = false}) <= rounding_bound(operations));
}

TEST_CASE("exact mars_adamw asks for this step's gradient at the last parameters too") {
  // eps = 1 bounds what an error e of c, as a norm, does to the direction: clipping does not lengthen it, m averages
  // it, and the root of v moves by no more than the largest e, so the direction moves by 2 |e|, since |m| <= 1 and the
  // divisor is at least 1. With e <= 1.5 (1 + 2 * 0.9) |d| a step lengthens an error d of the parameters, present and
  // past, by 1 + 0.01 * 2 * 4.2, so 25 steps by at most 7.6.
  const Options o = {.eps = 1.0, .exact = true};
  const double bound = 7.6 * std::sqrt(139.0) * rounding_bound(operations);
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  test::Rider rider(mars(o), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  Reference reference(layout, o);
  std::vector<double> last;
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> asked_at = rider.params(), now = reference.x;
    oracle.asked.clear();
    rider.step(oracle, t);
    reference.step(oracle.gradient_at(now, t), t == 1 ? now : oracle.gradient_at(last, t));
    last = now;
    CHECK(largest_distance(rider.params(), reference.x) <= bound);
    REQUIRE(oracle.asked.size() == (t == 1 ? 1 : 2));
    CHECK(oracle.asked[0].at == asked_at);
    CHECK(oracle.asked[0].model_state == ModelStateUse::automatic);
    if (t > 1) CHECK(oracle.asked[1].model_state == ModelStateUse::discard);
  }
}

std::vector<double> trajectory(const Component& algorithm, QuadraticGradients& oracle, const ParameterLayout& layout) {
  test::Rider rider(algorithm, layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, 20);
  return rider.params();
}

TEST_CASE("exact and approximate mars_adamw are one where every batch is the same") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients same(layout, false), moving(layout);
  CHECK(trajectory(mars({.exact = true}), same, layout) == trajectory(mars({.exact = false}), same, layout));
  CHECK(trajectory(mars({.exact = true}), moving, layout) != trajectory(mars({.exact = false}), moving, layout));
}

TEST_CASE("mars_adamw without correction and clipping is adamw") {
  const ParameterLayout layout = test::awkward_layout();
  const Component adamw = component(
      "adamw",
      {{"lr", Schedule(0.01)}, {"beta1", Schedule(0.9)}, {"beta2", Schedule(0.98)}, {"weight_decay", Schedule(0.1)}});
  for (const bool exact : {false, true}) {
    QuadraticGradients oracle(layout);
    const Component bare = mars({.gamma = 0.0, .max_norm = 1e6, .weight_decay = 0.1, .exact = exact});
    CHECK(trajectory(bare, oracle, layout) == trajectory(adamw, oracle, layout));
  }
}

TEST_CASE("exact mars_adamw with gamma 1 keeps STORM's momentum, which catches up with the gradient") {
  // On one function m(t) - g(t) = beta1 (m(t-1) - g(t-1)), so m(t) = g(t) - beta1^t g(1), while the parameters move.
  const double beta1 = 0.8;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout, false);
  test::Rider rider(mars({.beta1 = beta1, .gamma = 1.0, .max_norm = 1e6, .exact = true}), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  const std::vector<double> first = oracle.gradient_at(rider.params(), 1);
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> g = oracle.gradient_at(rider.params(), t);
    rider.step(oracle, t);
    const std::vector<double> state = test::to_host(rider.state().flat());
    const std::vector<double> m(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(g.size()));
    std::vector<double> expected = g;
    for (std::size_t i = 0; i < g.size(); ++i) expected[i] -= std::pow(beta1, t) * first[i];
    // 8 roundings a step, of values below 4; errors of m decay by beta1.
    CHECK(largest_distance(m, expected) <= rounding_bound(8, 1, 4.0) / (1.0 - beta1));
  }
}

TEST_CASE("mars_adamw clips gradients whose squares overflow a float") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(
      layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), 1e30); });
  test::Rider rider(mars({}), layout);
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.step(oracle, 1);
  const std::vector<double> after = rider.params();
  // Adam's first step has the length of the learning rate.
  for (std::size_t i = 0; i < after.size(); ++i)
    CHECK(std::abs(before[i] - after[i] - 0.01) <= rounding_bound(operations, 1));
}

TEST_CASE("mars_adamw keeps three values per parameter with either correction, and two products of betas") {
  CHECK(test::state_bytes("mars_adamw", {{"correction", std::string("approximate")}}) ==
        test::bytes_of({.per_parameter = 3, .numbers = 2}));
  CHECK(test::state_bytes("mars_adamw", {{"correction", std::string("exact")}}) ==
        test::bytes_of({.per_parameter = 3, .numbers = 2}));
}

}  // namespace
}  // namespace velo
