#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/layer_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::Dense;
using test::LayerOracle;
using test::rounding_bound;
using Numbers = std::vector<double>;

constexpr int steps = 25;

struct Options {
  double lr = 1e-3, beta = 0.9, gamma = 0.8, damping = 0.05, weight_decay = 0.0;
  bool coupled = false, decay_norms = true;
  int interval = 1, uses = 1;
  double inputs = 1.0;  ///< factor of what layers see
};

Component adafisher(const Options& o) {
  return component("adafisher", {{"lr", Schedule(o.lr)},
                                 {"beta", Schedule(o.beta)},
                                 {"gamma", Schedule(o.gamma)},
                                 {"damping", Schedule(o.damping)},
                                 {"weight_decay", Schedule(o.weight_decay)},
                                 {"decay", std::string(o.coupled ? "coupled" : "decoupled")},
                                 {"decay_norms_and_biases", o.decay_norms},
                                 {"statistics_interval", static_cast<std::int64_t>(o.interval)}});
}

/// Means of squares of the columns, behind them 1 where `bias`, in [0, 1].
Numbers scaled_squares(const Dense& x, bool bias) {
  Numbers out(static_cast<std::size_t>(x.columns), 0.0);
  for (Index r = 0; r < x.rows; ++r)
    for (Index c = 0; c < x.columns; ++c)
      out[static_cast<std::size_t>(c)] += x(r, c) * x(r, c) / static_cast<double>(x.rows);
  if (bias) out.push_back(1.0);
  const auto [low, high] = std::minmax_element(out.begin(), out.end());
  const double least = *low, range = *high - *low;
  for (double& value : out) value = (value - least) / range;
  return out;
}

void average(Numbers& target, const Numbers& fresh, double gamma) {
  if (target.empty()) target.assign(fresh.size(), 1.0);
  for (std::size_t i = 0; i < fresh.size(); ++i) target[i] = gamma * target[i] + (1.0 - gamma) * fresh[i];
}

struct Outcome {
  double difference = 0.0, largest = 0.0;
};

Outcome compare(const Options& o) {
  const ParameterLayout layout = LayerOracle::model();
  const std::vector<test::GivenLayer> layers = LayerOracle::layers();
  LayerOracle oracle(layout, steps);
  oracle.uses = o.uses;
  oracle.input_size = o.inputs;
  test::Rider rider(adafisher(o), layout);
  rider.start(oracle);
  Numbers x = test::initial_params(layout), m(x.size(), 0.0);
  std::vector<Numbers> h(layers.size()), s(layers.size());
  Outcome out;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    Numbers curvature(x.size(), 1.0 + o.damping);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const test::GivenLayer& layer = layers[l];
      if ((t - 1) % o.interval == 0) {
        Dense seen = LayerOracle::inputs(l, t);
        for (double& value : seen.values) value *= o.inputs;
        average(h[l], scaled_squares(seen, layer.bias.has_value()), o.gamma);
        average(s[l], scaled_squares(LayerOracle::output_gradients(l, t, false), false), o.gamma);
      }
      const auto place = [&](Index block, Index i) { return static_cast<std::size_t>(layout[block].offset + i); };
      for (Index r = 0; r < layer.out; ++r) {
        const double row = s[l][static_cast<std::size_t>(r)];
        if (layer.normalisation) curvature[place(layer.weight, r)] = row + o.damping;
        for (Index i = 0; !layer.normalisation && i < layer.in; ++i)
          curvature[place(layer.weight, r * layer.in + i)] = row * h[l][static_cast<std::size_t>(i)] + o.damping;
        if (layer.bias) curvature[place(*layer.bias, r)] = row * (layer.normalisation ? 1.0 : h[l].back()) + o.damping;
      }
    }
    const Numbers g = oracle.gradients(t), params = rider.params();
    for (const ParameterBlock& block : layout.blocks())
      for (Index k = block.offset; k < block.offset + block.size(); ++k) {
        const auto i = static_cast<std::size_t>(k);
        const double decay = block.shape.rank == 1 && !o.decay_norms ? 0.0 : o.weight_decay;
        m[i] = o.beta * m[i] + (1.0 - o.beta) * (g[i] + (o.coupled ? decay * x[i] : 0.0));
        const double direction = m[i] / (1.0 - std::pow(o.beta, t)) / curvature[i];
        x[i] -= o.lr * (direction + (o.coupled ? 0.0 : decay * x[i]));
        out.largest = std::max(out.largest, std::abs(direction));
        const double found = std::abs(params[i] - x[i]);
        if (!(found <= out.difference)) out.difference = found;
      }
  }
  return out;
}

/// H and S carry 2 roundings of 1 per statistics, of which gamma 0.8 remembers 5, F thus 25 in all, divided by a
/// damping of 0.05 or more: 500; a mean gradient has 2 a step, of which beta 0.9 remembers 10.
double bound(const Options& o, double largest) {
  return rounding_bound(8, steps) + o.lr * rounding_bound(530, steps, largest);
}

TEST_CASE("adafisher follows its equations, with either decay") {
  const std::array<Options, 8> all = {Options{},
                                      Options{.gamma = 0.5, .damping = 0.5},
                                      Options{.weight_decay = 0.5},
                                      Options{.weight_decay = 0.5, .coupled = true},
                                      Options{.weight_decay = 0.5, .coupled = true, .decay_norms = false},
                                      Options{.interval = 4},
                                      Options{.uses = 2},
                                      Options{.inputs = 16.0}};
  for (const Options& o : all) {
    INFO(o.gamma << ' ' << o.damping << ' ' << o.weight_decay << ' ' << o.coupled << ' ' << o.decay_norms << ' '
                 << o.interval << ' ' << o.uses << ' ' << o.inputs);
    const Outcome outcome = compare(o);
    INFO(outcome.difference << " of directions up to " << outcome.largest);
    CHECK(outcome.difference <= bound(o, outcome.largest));
  }
}

TEST_CASE("adafisher's averages have weights that sum to one: on statistics that do not change they become those") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  oracle.frozen = true;
  test::Rider rider(adafisher({.gamma = 0.5}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 60);
  const Numbers expected = scaled_squares(LayerOracle::inputs(0, 1), true);
  for (const StateArena::Buffer& buffer : rider.state().buffers()) {
    if (buffer.name != "H") continue;
    const Numbers found = test::to_host(*buffer.target);
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(std::abs(found[i] - expected[i]) <= std::pow(0.5, 60) + rounding_bound(4, 2, 1.0));
  }
}

TEST_CASE("adafisher asks for one gradient a step, of the batch's own labels") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  test::Rider rider(adafisher({.interval = 4}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, steps);
  REQUIRE(oracle.asked.size() == steps);
  for (std::size_t t = 0; t < oracle.asked.size(); ++t) {
    CHECK_FALSE(oracle.asked[t].sampled_labels);
    CHECK((oracle.asked[t].layers != nullptr) == (t % 4 == 0));
  }
}

TEST_CASE("statistics that are no numbers leave adafisher's last ones in use") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  test::Rider rider(adafisher({}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 2);
  const auto outputs = [&] {
    for (const StateArena::Buffer& buffer : rider.state().buffers())
      if (buffer.name == "S") return test::to_host(*buffer.target);
    return Numbers();
  };
  const Numbers before = outputs();
  REQUIRE_FALSE(before.empty());
  oracle.size = std::numeric_limits<double>::infinity();
  rider.steps(oracle, 3, 3);
  CHECK(outputs() == before);
  for (const double x : rider.params()) CHECK(std::isfinite(x));
}

TEST_CASE(
    "adafisher keeps one value per parameter, the sides of every layer, which bias is whose and a product of betas") {
  const ParameterLayout layout = LayerOracle::model();
  const Index inputs = 5 + 5 + 4 + 3, outputs = 3 + 2 + 5 + 2 + 5;
  CHECK(test::state_bytes("adafisher", {}, layout) ==
        test::bytes_of({.per_parameter = 1, .values = inputs + outputs, .numbers = 5 + 1}, layout));
}

}  // namespace
}  // namespace velo
