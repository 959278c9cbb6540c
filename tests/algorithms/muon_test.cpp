#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

constexpr int steps = 25;

struct Options {
  double lr = 0.02, momentum = 0.95, ratio = 0.5, weight_decay = 0.0;
  bool nesterov = true, match = false, cubic = false, decay_norms = true;
  int ns_steps = 5;
};

Component muon(Options o) {
  return component("muon", {{"lr", Schedule(o.lr)},
                            {"momentum", Schedule(o.momentum)},
                            {"adamw_lr_ratio", Schedule(o.ratio)},
                            {"weight_decay", Schedule(o.weight_decay)},
                            {"nesterov", o.nesterov},
                            {"scaling", std::string(o.match ? "match_rms_adamw" : "original")},
                            {"newton_schulz", std::string(o.cubic ? "cubic" : "quintic")},
                            {"decay_norms_and_biases", o.decay_norms},
                            {"ns_steps", static_cast<std::int64_t>(o.ns_steps)}});
}

using Numbers = std::vector<double>;

/// p X + q X X'X + r X X'X X'X, from left to right, for X [rows, columns].
Numbers polynomial(const Numbers& x, std::size_t rows, std::size_t columns, double p, double q, double r) {
  const auto times_gram = [&](const Numbers& y) {  // y X'X
    Numbers out(x.size(), 0.0);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t k = 0; k < rows; ++k) {
        double dot = 0.0;  // (y X')_ik
        for (std::size_t j = 0; j < columns; ++j) dot += y[i * columns + j] * x[k * columns + j];
        for (std::size_t j = 0; j < columns; ++j) out[i * columns + j] += dot * x[k * columns + j];
      }
    return out;
  };
  const Numbers third = times_gram(x), fifth = times_gram(third);
  Numbers out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = p * x[i] + q * third[i] + r * fifth[i];
  return out;
}

/// Muon for one matrix, without a word in common with the tested one.
struct MatrixRule {
  Options o;
  std::size_t rows, columns;
  Numbers m = Numbers(rows * columns, 0.0);

  void operator()(double* x, const double* g) {
    Numbers u(m.size());
    double square = 0.0;
    for (std::size_t i = 0; i < u.size(); ++i) {
      m[i] += (1.0 - o.momentum) * (g[i] - m[i]);
      u[i] = o.nesterov ? g[i] + o.momentum * (m[i] - g[i]) : m[i];
      square += u[i] * u[i];
    }
    for (double& value : u) value /= std::sqrt(square);
    for (int k = 0; k < o.ns_steps; ++k)
      u = o.cubic ? polynomial(u, rows, columns, 1.5, -0.5, 0.0)
                  : polynomial(u, rows, columns, 3.4445, -4.7750, 2.0315);
    const double out = static_cast<double>(rows), in = static_cast<double>(columns);
    const double scale = o.match ? 0.2 * std::sqrt(std::max(out, in)) : std::sqrt(std::max(1.0, out / in));
    for (std::size_t i = 0; i < u.size(); ++i) x[i] += -o.lr * o.weight_decay * x[i] - o.lr * scale * u[i];
  }
};

struct AdamWRule {
  double lr, weight_decay;
  double m = 0.0, v = 0.0;

  void operator()(double& x, double g, int t) {
    m = 0.9 * m + 0.1 * g;
    v = 0.95 * v + 0.05 * g * g;
    x -= lr * weight_decay * x;
    x -= lr * m / (1.0 - std::pow(0.9, t)) / (std::sqrt(v / (1.0 - std::pow(0.95, t))) + 1e-8);
  }
};

/// Fused projections, a table of embeddings, tall, wide and flat.
ParameterLayout layout_of_kinds() {
  ParameterLayout layout;
  layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {4, 3}});
  layout.add({.name = "qkv", .kind = ParameterKind::attention_qkv, .shape = {6, 5}});
  layout.add({.name = "qkv_bias", .kind = ParameterKind::attention_bias, .shape = {6}});
  layout.add({.name = "kv", .kind = ParameterKind::attention_kv, .shape = {4, 3}});
  layout.add({.name = "tall", .kind = ParameterKind::weight, .shape = {7, 2}});
  layout.add({.name = "vector", .kind = ParameterKind::weight, .shape = {5}});
  layout.add({.name = "wide", .kind = ParameterKind::attention_out, .shape = {3, 6}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {3, 2, 2, 2}});
  layout.add({.name = "scale", .kind = ParameterKind::layer_norm_scale, .shape = {2, 2}});
  return layout;
}

struct Differences {
  double matrices = 0.0, others = 0.0;
};

Differences differences(Options o) {
  struct Part {
    Index offset;
    MatrixRule rule;
  };
  const ParameterLayout layout = layout_of_kinds();
  std::vector<Part> parts;
  std::vector<AdamWRule> rules(static_cast<std::size_t>(layout.size()), {o.lr * o.ratio, o.weight_decay});
  std::vector<bool> in_matrix(rules.size(), false);
  const auto add = [&](Index block, Index first_row, std::size_t rows, std::size_t columns) {
    const Index offset = layout[block].offset + first_row * static_cast<Index>(columns);
    parts.push_back({offset, {o, rows, columns}});
    for (std::size_t i = 0; i < rows * columns; ++i) in_matrix[static_cast<std::size_t>(offset) + i] = true;
  };
  for (const Index row : {0, 2, 4}) add(1, row, 2, 5);
  for (const Index row : {0, 2}) add(3, row, 2, 3);
  add(4, 0, 7, 2);
  add(6, 0, 3, 6);
  add(7, 0, 3, 8);
  if (!o.decay_norms)
    for (const Index block : {2, 8})
      for (Index i = 0; i < layout[block].size(); ++i)
        rules[static_cast<std::size_t>(layout[block].offset + i)].weight_decay = 0.0;

  test::GivenGradients oracle(layout, steps);
  test::Rider rider(muon(o), layout);
  rider.start(oracle);
  Numbers reference = test::initial_params(layout);
  Differences out;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    const Numbers gradient = oracle.gradients(t), params = rider.params();
    for (Part& part : parts)
      part.rule(&reference[static_cast<std::size_t>(part.offset)], &gradient[static_cast<std::size_t>(part.offset)]);
    for (std::size_t i = 0; i < reference.size(); ++i) {
      if (!in_matrix[i]) rules[i](reference[i], gradient[i], t);
      const double difference = std::abs(params[i] - reference[i]);
      double& largest = in_matrix[i] ? out.matrices : out.others;
      if (!(difference <= largest)) largest = difference;
    }
  }
  return out;
}

// AdamW's blocks, per step: 2 roundings for the decay, 3 in m, 4 in v, 4 in the divisor, 4 in the step.
constexpr int adamw_operations = 17;

/// A Newton-Schulz step makes two or three products with sums of at most 8 terms: up to 30 roundings of matrices with
/// |X|_F <= 1.3 sqrt(3). It stretches what came before at most 3.9 times (quintic: the largest slope on [0, 1.22]) or 1.5
/// times (cubic). The momentum's roundings, relative to |u|, are in the first 30. That error, times lr and the scale,
/// enters in every step.
double matrix_bound(Options o) {
  const double stretch = o.cubic ? 1.5 : 3.9;
  double error = 0.0;
  for (int k = 0; k <= o.ns_steps; ++k) error = stretch * error + rounding_bound(30, 1, 1.3 * std::sqrt(3.0));
  return rounding_bound(4, steps) + steps * o.lr * std::sqrt(3.5) * error;
}

TEST_CASE("muon follows its equations on every kind of block") {
  for (const Options o : {Options{}, Options{.weight_decay = 0.5}, Options{.nesterov = false}, Options{.match = true},
                          Options{.cubic = true, .ns_steps = 8}, Options{.momentum = 0.0, .ns_steps = 1},
                          Options{.weight_decay = 0.5, .decay_norms = false}}) {
    INFO(o.weight_decay << ' ' << o.nesterov << ' ' << o.match << ' ' << o.cubic << ' ' << o.decay_norms);
    const Differences found = differences(o);
    CHECK(found.matrices <= matrix_bound(o));
    CHECK(found.others <= rounding_bound(adamw_operations));
  }
}

/// Gradients of one sign pattern for the one block of a layout.
Numbers one_step(const ParameterLayout& layout, Options o, double gradient_scale) {
  test::GivenGradients oracle(layout, [&](std::int64_t t) {
    Numbers out(static_cast<std::size_t>(layout.size()));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = gradient_scale * test::scattered(static_cast<std::uint64_t>(t), i);
    return out;
  });
  test::Rider rider(muon(o), layout);
  rider.start(oracle);
  Numbers moved = rider.params();
  rider.step(oracle, 1);
  const Numbers after = rider.params();
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = after[i] - moved[i];
  return moved;
}

TEST_CASE("muon's step does not depend on the scale of the gradients") {
  ParameterLayout layout;
  layout.add({.name = "w", .kind = ParameterKind::weight, .shape = {5, 9}});
  // Powers of two: not even a rounding changes.
  CHECK(one_step(layout, {}, 0x1p40) == one_step(layout, {}, 1.0));
  CHECK(one_step(layout, {}, 0x1p-10) == one_step(layout, {}, 1.0));
}

TEST_CASE("muon's AdamW moves by lr adamw_lr_ratio g / (|g| + eps) at first, for gradients about as small as eps too") {
  ParameterLayout layout;
  layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {4, 3}});
  const Options o;
  const Numbers moved = one_step(layout, o, 1e-8);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const double g = 1e-8 * test::scattered(1, i);
    CHECK(std::abs(moved[i] + o.lr * o.ratio * g / (std::abs(g) + 1e-8)) <= rounding_bound(adamw_operations, 1));
  }
}

TEST_CASE("muon matched to AdamW moves matrices of every shape by 0.2 lr per element") {
  for (const Shape shape : {Shape{32, 32}, Shape{64, 8}, Shape{8, 64}}) {
    ParameterLayout layout;
    layout.add({.name = "w", .kind = ParameterKind::weight, .shape = shape});
    double square = 0.0;
    const Numbers moved = one_step(layout, {.match = true, .cubic = true, .ns_steps = 30}, 1.0);
    for (const double x : moved) square += x * x;
    // |O|_F^2 = min(out, in) for the exact factor (Liu et al., lemma 1). Every parameter is rounded at a size below 2; the
    // factor is off by the roundings of products with inner extents of at most 64.
    const double expected = 0.2 * 0.02;
    CHECK(std::abs(std::sqrt(square / static_cast<double>(moved.size())) - expected) <=
          rounding_bound(2, 1) + expected * rounding_bound(4 * (64 + 8), 1));
  }
}

TEST_CASE("muon keeps one value per matrix element, two per other parameter and two products of betas") {
  const ParameterLayout layout = layout_of_kinds();
  const Index matrices = 30 + 12 + 14 + 18 + 24, others = layout.size() - matrices;
  CHECK(test::state_bytes("muon", {}, layout) ==
        test::bytes_of({.values = matrices + 2 * others, .numbers = 2}, layout));
}

}  // namespace
}  // namespace velo
