#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/run/trial_oracle.hpp"
#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::GivenGradients;
using test::Rider;

Component adam(double lr, double eps = 1e-8) {
  return component("adam", {{"lr", Schedule(lr)}, {"eps", Schedule(eps)}});
}
Component mup(const Component& inner, std::int64_t base_width) {
  return component("mup", {{"inner", std::vector<Component>{inner}}, {"base_width", base_width}});
}

/// A network of odd widths: input 5 -> 9 -> 7 -> 3, with a scale and biases.
ParameterLayout network() {
  ParameterLayout layout;
  layout.add({.name = "in", .kind = ParameterKind::weight, .shape = {9, 5}, .fan_in = 5, .fan_out = 9});
  layout.add({.name = "in/bias", .kind = ParameterKind::bias, .shape = {9}, .fan_in = 5, .fan_out = 9});
  layout.add({.name = "scale", .kind = ParameterKind::layer_norm_scale, .shape = {9}});
  layout.add({.name = "conv", .kind = ParameterKind::conv_weight, .shape = {7, 9, 2, 2}, .fan_in = 36, .fan_out = 7});
  layout.add({.name = "query", .kind = ParameterKind::attention_q, .shape = {7, 7}, .fan_in = 7, .fan_out = 7});
  layout.add({.name = "out", .kind = ParameterKind::weight, .shape = {3, 7}, .fan_in = 7, .fan_out = 3});
  layout.add({.name = "out/bias", .kind = ParameterKind::bias, .shape = {3}, .fan_in = 7, .fan_out = 3});
  return layout;
}

/// What a block's updates are multiplied with.
double factor(const std::string& block, double base) {
  if (block == "conv") return base / 36.0;
  if (block == "query" || block == "out") return base / 7.0;
  return 1.0;
}

TEST_CASE("mup scales the output's first weights and the updates of hidden and output layers, by their inputs") {
  const double lr = 0.02, base = 16.0;
  const ParameterLayout layout = network();
  GivenGradients oracle(layout, 25);
  Rider rider(mup(adam(lr), 16), layout);
  rider.start(oracle);
  std::vector<double> x = test::initial_params(layout), m(x.size()), v(x.size());
  for (const ParameterBlock& block : layout.blocks())
    for (Index i = block.offset; block.name == "out" && i < block.offset + block.size(); ++i)
      x[static_cast<std::size_t>(i)] *= std::sqrt(base / 7.0);
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    const std::vector<double> g = oracle.gradients(t), params = rider.params();
    for (const ParameterBlock& block : layout.blocks())
      for (Index k = block.offset; k < block.offset + block.size(); ++k) {
        const auto i = static_cast<std::size_t>(k);
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        const double step =
            lr * m[i] / (1.0 - std::pow(0.9, t)) / (std::sqrt(v[i] / (1.0 - std::pow(0.999, t))) + 1e-8);
        x[i] -= factor(block.name, base) * step;
        INFO(block.name << " " << i << " at step " << t);
        // Adam's 17 roundings, of which 2 are the parameter's: these are multiplied by the factor; 3 more for scaling.
        CHECK(std::abs(params[i] - x[i]) <= 3.0 * test::rounding_bound(20, t));
      }
  }
}

TEST_CASE("mup at its base width is its inner algorithm, to the bit") {
  ParameterLayout layout;
  layout.add({.name = "in", .kind = ParameterKind::weight, .shape = {12, 5}, .fan_in = 5, .fan_out = 12});
  layout.add({.name = "hidden", .kind = ParameterKind::weight, .shape = {12, 12}, .fan_in = 12, .fan_out = 12});
  layout.add({.name = "out", .kind = ParameterKind::weight, .shape = {3, 12}, .fan_in = 12, .fan_out = 3});
  GivenGradients oracle(layout);
  Rider rider(mup(adam(0.02), 12), layout), plain(adam(0.02), layout);
  rider.start(oracle);
  plain.start(oracle);
  rider.steps(oracle, 1, 20);
  plain.steps(oracle, 1, 20);
  CHECK(rider.params() == plain.params());
}

TEST_CASE("mup takes embeddings for the input layer, and leaves a model of one matrix alone") {
  ParameterLayout embedded;
  embedded.add({.name = "table", .kind = ParameterKind::embedding, .shape = {11, 8}, .fan_in = 11, .fan_out = 8});
  embedded.add({.name = "hidden", .kind = ParameterKind::weight, .shape = {8, 8}, .fan_in = 8, .fan_out = 8});
  embedded.add({.name = "out", .kind = ParameterKind::weight, .shape = {2, 8}, .fan_in = 8, .fan_out = 2});
  ParameterLayout linear;
  linear.add({.name = "only", .kind = ParameterKind::weight, .shape = {3, 7}, .fan_in = 7, .fan_out = 3});
  const auto moved = [](const ParameterLayout& layout, const Component& algorithm, std::size_t i) {
    GivenGradients oracle(layout);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    const double before = rider.params()[i];
    rider.step(oracle, 1);
    return rider.params()[i] - before;
  };
  // Both parameters are below 2 in size and rounded twice; the update is lr.
  const double rounding = 5.0 * test::rounding_bound(2, 1);
  CHECK(std::abs(moved(embedded, mup(adam(0.02), 32), 0) - moved(embedded, adam(0.02), 0)) <= rounding);
  CHECK(std::abs(moved(embedded, mup(adam(0.02), 32), 90) - 4.0 * moved(embedded, adam(0.02), 90)) <= rounding);
  CHECK(moved(linear, mup(adam(0.02), 32), 0) == moved(linear, adam(0.02), 0));
}

TEST_CASE("mup is of the open division, and so is whatever contains it") {
  const Component inside = component("lookahead", {{"inner", std::vector<Component>{mup(adam(0.01), 64)}}});
  CHECK(builtin_registry().division(mup(adam(0.01), 64)) == Division::open);
  CHECK(builtin_registry().division(inside) == Division::open);
  CHECK(builtin_registry().division(adam(0.01)) == Division::closed);
}

// --- the coordinate check ------------------------------------------------------------------------------------------

// Of the network 784 - width - width - 10. What a width of n makes of a layer's outputs is a power of n, up to fluctuations
// of n^-1/2: they are means over n units.

/// One number for each of the three layers.
using Sizes = std::array<double, 3>;

/// W x + b of layer 0, 1, 2.
std::vector<double> layer(const ParameterLayout& layout, const std::vector<double>& params, std::size_t number,
                          const std::vector<double>& x, bool biased = true) {
  const ParameterBlock &w = layout.blocks()[2 * number], &b = layout.blocks()[2 * number + 1];
  std::vector<double> y(static_cast<std::size_t>(w.shape[0]));
  for (std::size_t o = 0; o < y.size(); ++o) {
    if (biased) y[o] = params[static_cast<std::size_t>(b.offset) + o];
    for (std::size_t i = 0; i < x.size(); ++i)
      y[o] += params[static_cast<std::size_t>(w.offset) + o * x.size() + i] * x[i];
  }
  return y;
}
std::vector<double> relu(std::vector<double> x) {
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}
double root_mean_square(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum / static_cast<double>(x.size()));
}
std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] - b[i];
  return out;
}

/// Root mean squares over a layer's units, of a mean over inputs of the synthetic data's size and over seeds.
struct Coordinates {
  Sizes initial = {};  ///< outputs at initialisation, without biases: theirs shrink with the width
  Sizes change = {};   ///< how far training moves the outputs
  Sizes own = {};      ///< how far the change of the layer's own parameters does
};

Coordinates coordinates(const Component& algorithm, std::int64_t width) {
  const WorkloadInfo& info = builtin_registry().workload("fashion_mnist_mlp");
  Parameters parameters = Parameters::defaults(info.parameters);
  parameters.set("width", width);
  const auto workload = info.make(parameters, {.directory = "", .synthetic = true});
  const ParameterLayout& layout = workload->layout();
  constexpr std::uint64_t probes = 4, seeds = 6;

  Coordinates out;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    PhaseClock clock(Phase::init);
    TrialOracle oracle(*workload, info.offers, seed, clock);
    const auto rider = builtin_registry().make(algorithm);
    StateArena state(layout);
    rider->declare(state);
    state.allocate();
    workload->init(RandomStream(seed, Purpose::initialisation), oracle.params(), oracle.mutable_model_state());
    oracle.begin_step({.step = 1, .step_hint = 100, .elapsed = 0.0});
    rider->init(oracle, oracle.params());
    const std::vector<double> start = test::to_host(oracle.params());
    for (int t = 1; t <= 4; ++t) {
      oracle.begin_step({.step = t, .step_hint = 100, .elapsed = 0.0});
      rider->step(oracle, oracle.params());
    }
    const std::vector<double> end = test::to_host(oracle.params()), moved = difference(end, start);

    for (std::uint64_t p = 0; p < probes; ++p) {
      std::vector<double> input(784);
      for (std::size_t i = 0; i < 784; ++i) input[i] = 0.5 + 0.5 * test::scattered(500 + p, i);
      std::vector<double> bare = input, before = input, after = input;
      for (std::size_t l = 0; l < 3; ++l) {
        const std::vector<double> own = layer(layout, moved, l, after);
        bare = layer(layout, start, l, bare, false);
        before = layer(layout, start, l, before);
        after = layer(layout, end, l, after);
        out.initial[l] += root_mean_square(bare) / (probes * seeds);
        out.change[l] += root_mean_square(difference(after, before)) / (probes * seeds);
        out.own[l] += root_mean_square(own) / (probes * seeds);
        bare = relu(bare);
        before = relu(before);
        after = relu(after);
      }
    }
  }
  return out;
}

/// The powers of the width, by least squares over widths 64, 128, 256 and 512.
Coordinates exponents(const Component& algorithm) {
  Coordinates out;
  for (int k = 0; k < 4; ++k) {
    const Coordinates at = coordinates(algorithm, 64 << k);
    const double weight = (k - 1.5) / (5.0 * std::log(2.0));  // the squares of -1.5, -0.5, 0.5, 1.5 sum to 5
    for (std::size_t l = 0; l < 3; ++l) {
      out.initial[l] += weight * std::log(at.initial[l]);
      out.change[l] += weight * std::log(at.change[l]);
      out.own[l] += weight * std::log(at.own[l]);
    }
  }
  return out;
}

TEST_CASE("mup passes the coordinate check: from width 64 to 512 what a step changes is the same in every layer") {
  const Coordinates mu = exponents(mup(adam(1e-3), 64)), standard = exponents(adam(1e-3));
  // Standard errors over six seeds: the mean square of ten logits has sqrt(2 / 60), so their exponents
  // sqrt(2 / 60) / 2 / (sqrt(5) log 2) = 0.059; a hidden layer of 64, whose input's squares have a kurtosis of 6, has
  // sqrt(5 / (64 * 6)) / 2 = 0.057, its exponent 0.027. Both together 0.065.
  const double tolerance = 0.16;
  const Sizes powers = {0.0, 0.0, -0.5};  // the output layer starts with sqrt(64 / width) of itself
  for (std::size_t l = 0; l < 3; ++l) {
    INFO("layer " << l << ": initial " << mu.initial[l] << " (standard " << standard.initial[l] << "), change "
                  << mu.change[l] << " (" << standard.change[l] << "), own " << mu.own[l] << " (" << standard.own[l]
                  << ")");
    CHECK(std::abs(mu.initial[l] - powers[l]) <= tolerance);
    CHECK(std::abs(mu.change[l]) <= tolerance);
    CHECK(std::abs(mu.own[l]) <= tolerance);
    CHECK(std::abs(standard.initial[l]) <= tolerance);
    // The same rule in the standard parametrisation: of n updates of one size the sum is at least n^1/2, were their signs
    // independent, and at most n.
    if (l > 0) {
      CHECK(standard.own[l] >= 0.5 - tolerance);
      CHECK(standard.own[l] <= 1.0 + tolerance);
      CHECK(standard.change[l] >= 0.5 - tolerance);
    }
  }
}

TEST_CASE("mup keeps nothing of its own") { CHECK(test::state_bytes("mup") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
