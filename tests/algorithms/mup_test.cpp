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

/// What the layers of the network 784 - width - width - 10 make of one input.
struct Activations {
  std::vector<double> first, second, logits;
};

Activations activations(const ParameterLayout& layout, const std::vector<double>& params,
                        const std::vector<double>& input) {
  const auto layer = [&](std::size_t weight, const std::vector<double>& x, bool relu) {
    const ParameterBlock &w = layout.blocks()[weight], &b = layout.blocks()[weight + 1];
    std::vector<double> y(static_cast<std::size_t>(w.shape[0]));
    for (std::size_t o = 0; o < y.size(); ++o) {
      y[o] = params[static_cast<std::size_t>(b.offset) + o];
      for (std::size_t i = 0; i < x.size(); ++i)
        y[o] += params[static_cast<std::size_t>(w.offset) + o * x.size() + i] * x[i];
      if (relu && y[o] < 0.0) y[o] = 0.0;
    }
    return y;
  };
  Activations out;
  out.first = layer(0, input, true);
  out.second = layer(2, out.first, true);
  out.logits = layer(4, out.second, false);
  return out;
}

double root_mean_square_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

struct Changes {
  double first, second, logits;
};

/// How far a few steps of training move the activations of inputs of the synthetic data's size.
Changes coordinate_changes(const Component& algorithm, std::int64_t width) {
  const WorkloadInfo& info = builtin_registry().workload("fashion_mnist_mlp");
  Parameters parameters = Parameters::defaults(info.parameters);
  parameters.set("width", width);
  const auto workload = info.make(parameters, {.directory = "", .synthetic = true});
  PhaseClock clock(Phase::init);
  TrialOracle oracle(*workload, info.offers, 1, clock);
  const auto rider = builtin_registry().make(algorithm);
  StateArena state(workload->layout());
  rider->declare(state);
  state.allocate();
  workload->init(RandomStream(1, Purpose::initialisation), oracle.params(), oracle.mutable_model_state());
  oracle.begin_step({.step = 1, .step_hint = 100, .elapsed = 0.0});
  rider->init(oracle, oracle.params());

  constexpr std::uint64_t probes = 8;
  std::vector<std::vector<double>> inputs(probes, std::vector<double>(784));
  for (std::uint64_t p = 0; p < probes; ++p)
    for (std::size_t i = 0; i < 784; ++i) inputs[p][i] = 0.5 + 0.5 * test::scattered(500 + p, i);
  std::vector<Activations> before;
  for (const auto& input : inputs)
    before.push_back(activations(workload->layout(), test::to_host(oracle.params()), input));
  for (int t = 1; t <= 4; ++t) {
    oracle.begin_step({.step = t, .step_hint = 100, .elapsed = 0.0});
    rider->step(oracle, oracle.params());
  }
  Changes out{0.0, 0.0, 0.0};
  for (std::size_t p = 0; p < probes; ++p) {
    const Activations after = activations(workload->layout(), test::to_host(oracle.params()), inputs[p]);
    out.first += root_mean_square_difference(after.first, before[p].first) / probes;
    out.second += root_mean_square_difference(after.second, before[p].second) / probes;
    out.logits += root_mean_square_difference(after.logits, before[p].logits) / probes;
  }
  return out;
}

TEST_CASE("mup passes the coordinate check: from width 64 to 512 no layer's activations change more or less") {
  const double lr = 1e-3;
  const Changes narrow = coordinate_changes(mup(adam(lr), 64), 64), wide = coordinate_changes(mup(adam(lr), 64), 512);
  const Changes plain_narrow = coordinate_changes(adam(lr), 64), plain_wide = coordinate_changes(adam(lr), 512);
  const auto within = [](double ratio) { return ratio > 0.7 && ratio < 1.4; };
  INFO("first " << wide.first / narrow.first << ", second " << wide.second / narrow.second << ", logits "
                << wide.logits / narrow.logits);
  CHECK(within(wide.first / narrow.first));
  CHECK(within(wide.second / narrow.second));
  CHECK(within(wide.logits / narrow.logits));
  // The same rule in the standard parametrisation: what a step changes grows with the width, at most eightfold here.
  INFO("standard: second " << plain_wide.second / plain_narrow.second << ", logits "
                           << plain_wide.logits / plain_narrow.logits);
  CHECK(plain_wide.second / plain_narrow.second > 2.0);
  CHECK(plain_wide.logits / plain_narrow.logits > 3.0);
}

TEST_CASE("mup keeps nothing of its own") { CHECK(test::state_bytes("mup") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
