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
  double lr = 0.01, momentum = 0.9, damping = 0.5, stat_decay = 0.9, kl_clip = 0.0, weight_decay = 0.0;
  bool sampled = true, decay_norms = true;
  int statistics = 1, inverses = 1;
  int uses = 1;       ///< of every layer
  double size = 1.0;  ///< of output gradients
};

Component kfac(const Options& o) {
  return component("kfac", {{"lr", Schedule(o.lr)},
                            {"momentum", Schedule(o.momentum)},
                            {"damping", Schedule(o.damping)},
                            {"stat_decay", Schedule(o.stat_decay)},
                            {"kl_clip", Schedule(o.kl_clip)},
                            {"weight_decay", Schedule(o.weight_decay)},
                            {"decay_norms_and_biases", o.decay_norms},
                            {"fisher", std::string(o.sampled ? "sampled" : "empirical")},
                            {"statistics_interval", static_cast<std::int64_t>(o.statistics)},
                            {"inverse_interval", static_cast<std::int64_t>(o.inverses)}});
}

class Reference {
 public:
  Reference(const Options& options, const ParameterLayout& layout)
      : o(options), layout_(layout), velocity(static_cast<std::size_t>(layout.size())) {}

  void step(int t, const Numbers& g, Numbers& x) {
    if ((t - 1) % o.statistics == 0) ++taken;
    Numbers direction = g;
    double sum = 0.0;
    for (std::size_t k = 0; k < test::matrix_layers.size(); ++k) {
      const std::size_t l = test::matrix_layers[k];
      if ((t - 1) % o.statistics == 0) {
        test::GivenFactors fresh = test::given_factors(l, t, o.sampled);
        for (double& value : fresh.a.values) value *= o.uses;
        for (double& value : fresh.g.values) value *= o.uses * o.size * o.size;
        const double keep = std::min(1.0 - 1.0 / taken, o.stat_decay);
        factors[k] = taken == 1 ? fresh
                                : test::GivenFactors{test::combine(keep, factors[k].a, 1.0 - keep, fresh.a),
                                                     test::combine(keep, factors[k].g, 1.0 - keep, fresh.g)};
      }
      if ((t - 1) % o.inverses == 0) {
        const Dense &a = factors[k].a, &gg = factors[k].g;
        const double mean_a = a.trace() / static_cast<double>(a.rows),
                     mean_g = gg.trace() / static_cast<double>(gg.rows);
        const double pi = mean_g > 0.0 ? std::sqrt(mean_a / mean_g) : 1.0;
        const double root = std::sqrt(o.damping);
        inverses[k] = {test::inverse(test::combine(1.0, a, pi * root, Dense(a.rows, a.rows, 1.0))),
                       test::inverse(test::combine(1.0, gg, root / pi, Dense(gg.rows, gg.rows, 1.0)))};
      }
      const Dense d = inverses[k].g * test::matrix_of(l, layout_, g) * inverses[k].a;
      const std::vector<std::size_t> places = test::places_of(l, layout_);
      for (std::size_t i = 0; i < places.size(); ++i) {
        direction[places[i]] = d.values[i];
        sum += d.values[i] * g[places[i]];
      }
    }
    factor = o.kl_clip == 0.0 ? 1.0 : std::min(1.0, std::sqrt(o.kl_clip / (o.lr * o.lr * sum)));
    clipped += factor < 1.0 ? 1 : 0;
    for (const std::size_t l : test::matrix_layers)
      for (const std::size_t place : test::places_of(l, layout_)) direction[place] *= factor;
    for (const ParameterBlock& block : layout_.blocks())
      for (Index k = block.offset; k < block.offset + block.size(); ++k) {
        const auto i = static_cast<std::size_t>(k);
        const bool spared = block.shape.rank == 1 && !o.decay_norms;
        velocity[i] = o.momentum * velocity[i] + direction[i];
        x[i] -= o.lr * (velocity[i] + (spared ? 0.0 : o.weight_decay * x[i]));
        largest = std::max(largest, std::abs(direction[i]));
      }
  }

  double largest = 0.0;  ///< of all directions
  double factor = 1.0;   ///< of the last step's clip
  int clipped = 0;

 private:
  Options o;
  const ParameterLayout& layout_;
  Numbers velocity;
  std::array<test::GivenFactors, 3> factors, inverses;
  int taken = 0;
};

struct Outcome {
  double difference = 0.0, largest = 0.0;
  int clipped = 0;
};

Outcome compare(const Options& o) {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  oracle.uses = o.uses;
  oracle.size = o.size;
  test::Rider rider(kfac(o), layout);
  rider.start(oracle);
  Numbers expected = test::initial_params(layout);
  Reference reference(o, layout);
  Outcome out;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    reference.step(t, oracle.gradients(t), expected);
    CHECK(std::abs(rider.observed().at("kl_factor") - reference.factor) <= rounding_bound(1600, 1));
    const Numbers params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      const double found = std::abs(params[i] - expected[i]);
      if (!(found <= out.difference)) out.difference = found;
    }
  }
  out.largest = reference.largest;
  out.clipped = reference.clipped;
  return out;
}

/// A factor of up to 18 rows gathers 20 roundings, of which an average of decay 0.9 remembers 10; its inverse of side up
/// to 5 adds 4 n: 220, times the condition. That is at most 1 + size sqrt(mean diagonal of A times that of G / damping),
/// with means below 1 and 1/8 here: 1 + 5 sqrt(1/4) = 3.5. Two inverses and 20 roundings of products: 1600 of a direction,
/// of which momentum sums up 1 / (1 - mu).
double bound(const Options& o, double largest) {
  return rounding_bound(8, steps) + o.lr / (1.0 - o.momentum) * rounding_bound(1600, 1, largest);
}

TEST_CASE("kfac follows its equations, with inverses by elimination") {
  const std::array<Options, 10> all = {Options{},
                                       Options{.sampled = false},
                                       Options{.momentum = 0.0},
                                       Options{.damping = 2.0},
                                       Options{.kl_clip = 1e-4},
                                       Options{.uses = 2},
                                       Options{.size = 0.0},
                                       Options{.weight_decay = 0.5},
                                       Options{.weight_decay = 0.5, .decay_norms = false},
                                       Options{.stat_decay = 0.5, .statistics = 3, .inverses = 4}};
  for (const Options& o : all) {
    INFO(o.sampled << ' ' << o.momentum << ' ' << o.damping << ' ' << o.kl_clip << ' ' << o.weight_decay << ' '
                   << o.statistics << ' ' << o.uses << ' ' << o.size);
    const Outcome outcome = compare(o);
    INFO(outcome.difference << " of directions up to " << outcome.largest);
    CHECK(outcome.difference <= bound(o, outcome.largest));
    CHECK((outcome.clipped > 0) == (o.kl_clip > 0.0));
  }
}

/// Linear regression y = W x + b of 3 outputs from 4 inputs with unit noise: loss = mean |W x + b - y|^2 / 2.
class Regression : public test::GivenGradients {
 public:
  explicit Regression(const ParameterLayout& layout) : GivenGradients(layout) {}
  static constexpr Index examples_ = 24, in = 4, out_ = 3;

  static Dense inputs() {
    Dense x(examples_, in);
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = test::scattered(1, i);
    return x;
  }
  static Dense targets() {
    Dense y(examples_, out_);
    for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] = 2.0 * test::scattered(2, i);
    return y;
  }
  /// Inputs with the 1 of the bias.
  static Dense extended() {
    const Dense x = inputs();
    Dense e(examples_, in + 1);
    for (Index n = 0; n < examples_; ++n)
      for (Index i = 0; i <= in; ++i) e(n, i) = i < in ? x(n, i) : 1.0;
    return e;
  }
  /// [W, b] of the normal equations.
  static Dense solution() {
    const Dense e = extended();
    return transposed(test::inverse(transposed(e) * e) * (transposed(e) * targets()));
  }

  double gradient(Vector out, const Query& query) override {
    const Dense e = extended(), y = targets();
    const Numbers flat = test::to_host(params);
    Dense w(out_, in + 1);
    for (Index o = 0; o < out_; ++o)
      for (Index i = 0; i <= in; ++i) w(o, i) = flat[static_cast<std::size_t>(i < in ? o * in + i : out_ * in + o)];
    const Dense residual = test::combine(1.0, e * transposed(w), -1.0, y);
    const Dense d = test::combine(1.0 / examples_, transposed(residual) * e, 0.0, w);
    Numbers g(flat.size());
    for (Index o = 0; o < out_; ++o)
      for (Index i = 0; i <= in; ++i) g[static_cast<std::size_t>(i < in ? o * in + i : out_ * in + o)] = d(o, i);
    Kokkos::deep_copy(out, test::to_device(g));
    if (query.layers != nullptr) {
      REQUIRE(query.sampled_labels);
      // Noise whose second moment over these examples is the identity exactly: its axes in turn, sqrt(3) long.
      Dense noise(examples_, out_);
      for (Index n = 0; n < examples_; ++n) noise(n, n % out_) = std::sqrt(3.0) / examples_;
      const Vector x = test::to_device(inputs().values), dy = test::to_device(noise.values);
      query.layers->visit({0, 1, {x.data(), {examples_, in}}, {dy.data(), {examples_, out_}}, examples_});
    }
    return 0.0;
  }

  Vector params;
};

ParameterLayout regression_layout() {
  ParameterLayout layout;
  layout.add({.name = "weight", .kind = ParameterKind::weight, .shape = {Regression::out_, Regression::in}});
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {Regression::out_}});
  return layout;
}

TEST_CASE("one undamped step of kfac with the exact Fisher matrix solves linear regression, as Newton's does") {
  const ParameterLayout layout = regression_layout();
  Regression oracle(layout);
  test::Rider rider(kfac({.lr = 1.0, .momentum = 0.0, .damping = 1e-12}), layout);
  oracle.params = rider.params_view();
  rider.start(oracle);
  const Dense solution = Regression::solution();
  double before = 0.0;
  for (Index o = 0; o < Regression::out_; ++o)
    for (Index i = 0; i < Regression::in; ++i)
      before =
          std::max(before, std::abs(rider.params()[static_cast<std::size_t>(o * Regression::in + i)] - solution(o, i)));
  REQUIRE(before > 0.1);
  rider.step(oracle, 1);
  const Numbers params = rider.params();
  // E[x x'] of numbers in (-1, 1) and a 1 has eigenvalues between about 1/6 and 1.1, a condition below 10: 4 n times it,
  // and 24 rows in the statistics, of a step below 4. Damping turns 1e-6 of it.
  const double allowed = rounding_bound(10 * (4 * 5 + 24), 1, 4.0) + 4.0 * 10.0 * 1e-6;
  for (Index o = 0; o < Regression::out_; ++o)
    for (Index i = 0; i <= Regression::in; ++i) {
      const Index place = i < Regression::in ? o * Regression::in + i : Regression::out_ * Regression::in + o;
      CHECK(std::abs(params[static_cast<std::size_t>(place)] - solution(o, i)) <= allowed);
    }
}

TEST_CASE(
    "kfac asks for sampled labels on the steps of its statistics alone, behind the gradient, and discards that state") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  test::Rider rider(kfac({.statistics = 3}), layout);
  rider.start(oracle);
  for (int t = 1; t <= steps; ++t) {
    oracle.asked.clear();
    rider.step(oracle, t);
    const bool due = (t - 1) % 3 == 0;
    REQUIRE(oracle.asked.size() == (due ? 2 : 1));
    CHECK_FALSE(oracle.asked[0].sampled_labels);
    CHECK(oracle.asked[0].layers == nullptr);
    CHECK(oracle.asked[0].model_state == ModelStateUse::automatic);
    if (!due) continue;
    CHECK(oracle.asked[1].sampled_labels);
    CHECK(oracle.asked[1].layers != nullptr);
    CHECK(oracle.asked[1].model_state == ModelStateUse::discard);
  }
  LayerOracle other(layout, steps);
  test::Rider empirical(kfac({.sampled = false}), layout);
  empirical.start(other);
  empirical.steps(other, 1, steps);
  REQUIRE(other.asked.size() == steps);
  CHECK(std::none_of(other.asked.begin(), other.asked.end(), [](const Query& q) { return q.sampled_labels; }));
}

TEST_CASE("kfac leaves layers with a side above its limit to the plain gradient") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  Component narrow = kfac({.momentum = 0.0});
  narrow.parameters.set("largest_side", std::int64_t{4});
  test::Rider rider(narrow, layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  const Numbers before = test::initial_params(layout), g = oracle.gradients(1), after = rider.params();
  const auto moved_by_gradient = [&](std::size_t l) {
    bool all = true;
    for (const std::size_t i : test::places_of(l, layout))
      all = all && std::abs(after[i] - (before[i] - 0.01 * g[i])) <= rounding_bound(3, 1);
    return all;
  };
  CHECK(moved_by_gradient(0));  // 4 inputs and a bias
  CHECK(moved_by_gradient(3));  // 5 outputs
}

TEST_CASE("statistics that overflow leave kfac's last inverses in use") {
  const ParameterLayout layout = LayerOracle::model();
  LayerOracle oracle(layout, steps);
  test::Rider rider(kfac({}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 2);
  CHECK(rider.observed().at("failed_inverses") == 0.0);
  oracle.size = 0.1 * static_cast<double>(std::numeric_limits<Scalar>::max());
  rider.steps(oracle, 3, 3);
  CHECK(rider.observed().at("failed_inverses") == 3.0);
  oracle.size = 1.0;
  rider.steps(oracle, 4, 4);  // what has overflowed stays so
  CHECK(rider.observed().at("failed_inverses") == 3.0);
  for (const double x : rider.params()) CHECK(std::isfinite(x));
}

TEST_CASE("kfac keeps one value per parameter, twice both factors of every layer, two numbers of each and a count") {
  const ParameterLayout layout = LayerOracle::model();
  Index factors = 0;
  for (const auto& [out, in] : {std::pair<Index, Index>{3, 4}, {2, 4}, {2, 3}, {5, 2}})
    factors += out * out + (in + 1) * (in + 1);
  CHECK(test::state_bytes("kfac", {}, layout) ==
        test::bytes_of({.per_parameter = 1, .values = 2 * factors, .numbers = 2 * 4 + 1}, layout));
}

}  // namespace
}  // namespace velo
