// tests/algorithms/layer_oracle.hpp
//
// Given gradients with given layer records: a small model of awkward shapes, two linear layers, a convolution, a
// normalisation, a table, and a matrix that no record ever shows. Beside it the few operations on dense matrices that
// independent references need, in double.
#pragma once

#include <optional>
#include <utility>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

struct Dense {
  Index rows = 0, columns = 0;
  std::vector<double> values;

  Dense() = default;
  Dense(Index r, Index c, double diagonal = 0.0) : rows(r), columns(c), values(static_cast<std::size_t>(r * c), 0.0) {
    for (Index i = 0; diagonal != 0.0 && i < r; ++i) (*this)(i, i) = diagonal;
  }
  double& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  double operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
  [[nodiscard]] double trace() const {
    double sum = 0.0;
    for (Index i = 0; i < rows; ++i) sum += (*this)(i, i);
    return sum;
  }
};

inline Dense operator*(const Dense& a, const Dense& b) {
  Dense c(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j)
      for (Index k = 0; k < a.columns; ++k) c(i, j) += a(i, k) * b(k, j);
  return c;
}

/// a x + b y
inline Dense combine(double a, const Dense& x, double b, const Dense& y) {
  Dense c = x;
  for (std::size_t i = 0; i < c.values.size(); ++i) c.values[i] = a * x.values[i] + b * y.values[i];
  return c;
}

inline Dense transposed(const Dense& a) {
  Dense t(a.columns, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

/// Gauss and Jordan, for positive definite matrices: no pivots.
inline Dense inverse(Dense a) {
  Dense out(a.rows, a.rows, 1.0);
  for (Index k = 0; k < a.rows; ++k) {
    const double pivot = a(k, k);
    for (Index j = 0; j < a.rows; ++j) {
      a(k, j) /= pivot;
      out(k, j) /= pivot;
    }
    for (Index i = 0; i < a.rows; ++i) {
      if (i == k) continue;
      const double factor = a(i, k);
      for (Index j = 0; j < a.rows; ++j) {
        a(i, j) -= factor * a(k, j);
        out(i, j) -= factor * out(k, j);
      }
    }
  }
  return out;
}

/// A layer of the oracle's model.
struct GivenLayer {
  Index weight;
  std::optional<Index> bias;
  Index examples, rows, in, out;
  bool normalisation = false;
};

class LayerOracle : public GivenGradients {
 public:
  using GivenGradients::GivenGradients;

  static ParameterLayout model() {
    ParameterLayout layout;
    layout.add({.name = "first/weight", .kind = ParameterKind::weight, .shape = {3, 4}});
    layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {3, 2}});
    layout.add({.name = "first/bias", .kind = ParameterKind::bias, .shape = {3}});
    layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {2, 1, 2, 2}});
    layout.add({.name = "norm/scale", .kind = ParameterKind::layer_norm_scale, .shape = {5}});
    layout.add({.name = "norm/bias", .kind = ParameterKind::layer_norm_bias, .shape = {5}});
    layout.add({.name = "hidden", .kind = ParameterKind::weight, .shape = {2, 3}});
    layout.add({.name = "last/bias", .kind = ParameterKind::bias, .shape = {5}});
    layout.add({.name = "last/weight", .kind = ParameterKind::weight, .shape = {5, 2}});
    return layout;
  }
  static std::vector<GivenLayer> layers() {
    return {{.weight = 0, .bias = 2, .examples = 6, .rows = 6, .in = 4, .out = 3},
            {.weight = 3, .bias = {}, .examples = 6, .rows = 18, .in = 4, .out = 2},
            {.weight = 4, .bias = 5, .examples = 6, .rows = 12, .in = 5, .out = 5, .normalisation = true},
            {.weight = 8, .bias = 7, .examples = 6, .rows = 6, .in = 2, .out = 5}};
  }

  /// What layer l sees at a step, exact in float: inputs below 1, gradients of the mean loss below 1/4.
  static Dense inputs(std::size_t l, std::int64_t step) { return numbers(l, step, layers()[l].in, 0, 1.0); }
  static Dense output_gradients(std::size_t l, std::int64_t step, bool sampled) {
    return numbers(l, step, layers()[l].out, sampled ? 2 : 1, 0.25);
  }

  double gradient(Vector out, const Query& query) override {
    asked.push_back(query);
    Query plain = query;
    plain.layers = nullptr;
    const double loss = GivenGradients::gradient(out, plain);
    for (std::size_t l = 0; query.layers != nullptr && l < layers().size(); ++l) {
      const GivenLayer layer = layers()[l];
      const std::int64_t step = frozen ? 1 : progress().step;
      Dense a = inputs(l, step);
      for (double& value : a.values) value *= input_size;
      const Vector x = to_device(a.values);
      Dense g = output_gradients(l, step, query.sampled_labels);
      for (double& value : g.values) value *= size;
      const Vector dy = to_device(g.values);
      for (int use = 0; use < uses; ++use)
        query.layers->visit({layer.weight,
                             layer.bias,
                             {x.data(), {layer.rows, layer.in}},
                             {dy.data(), {layer.rows, layer.out}},
                             layer.examples});
    }
    return loss;
  }

  std::vector<Query> asked;
  bool frozen = false;  ///< every step sees what the first one saw
  double input_size = 1.0;
  double size = 1.0;  ///< factor of all output gradients
  int uses = 1;       ///< how often every layer is shown

 private:
  static Dense numbers(std::size_t l, std::int64_t step, Index columns, std::uint64_t kind, double scale) {
    Dense out(layers()[l].rows, columns);
    const auto stream = 1000 * (1 + 3 * l + kind) + static_cast<std::uint64_t>(step);
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = scale * scattered(stream, i);
    return out;
  }
};

/// Means of outer products as K-FAC has them: E[sum over positions of a a'] with 1 behind a of a layer with bias, and
/// E[mean over positions of g g'] of single examples' gradients.
struct GivenFactors {
  Dense a, g;
};

inline GivenFactors given_factors(std::size_t l, std::int64_t step, bool sampled) {
  const GivenLayer layer = LayerOracle::layers()[l];
  const Dense x = LayerOracle::inputs(l, step), dy = LayerOracle::output_gradients(l, step, sampled);
  const Index side = layer.in + (layer.bias ? 1 : 0);
  const double positions = static_cast<double>(layer.rows / layer.examples);
  const double examples = static_cast<double>(layer.examples);
  GivenFactors f = {Dense(side, side), Dense(layer.out, layer.out)};
  for (Index n = 0; n < layer.rows; ++n) {
    for (Index i = 0; i < side; ++i)
      for (Index j = 0; j < side; ++j)
        f.a(i, j) += (i < layer.in ? x(n, i) : 1.0) * (j < layer.in ? x(n, j) : 1.0) / examples;
    for (Index i = 0; i < layer.out; ++i)
      for (Index j = 0; j < layer.out; ++j)
        f.g(i, j) += examples * dy(n, i) * examples * dy(n, j) / (examples * positions);
  }
  return f;
}

/// Places in the flat vector of [dW, db], row by row.
inline std::vector<std::size_t> places_of(std::size_t l, const ParameterLayout& layout) {
  const GivenLayer layer = LayerOracle::layers()[l];
  std::vector<std::size_t> out;
  for (Index o = 0; o < layer.out; ++o) {
    for (Index i = 0; i < layer.in; ++i)
      out.push_back(static_cast<std::size_t>(layout[layer.weight].offset + o * layer.in + i));
    if (layer.bias) out.push_back(static_cast<std::size_t>(layout[*layer.bias].offset + o));
  }
  return out;
}

inline Dense matrix_of(std::size_t l, const ParameterLayout& layout, const std::vector<double>& flat) {
  const GivenLayer layer = LayerOracle::layers()[l];
  Dense out(layer.out, layer.in + (layer.bias ? 1 : 0));
  const std::vector<std::size_t> places = places_of(l, layout);
  for (std::size_t i = 0; i < places.size(); ++i) out.values[i] = flat[places[i]];
  return out;
}

/// Layers that have two factors.
inline constexpr std::array<std::size_t, 3> matrix_layers = {0, 1, 3};

}  // namespace velo::test
