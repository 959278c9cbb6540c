#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

constexpr int steps = 25;
using Numbers = std::vector<double>;

struct Options {
  double lr = 0.01, momentum = 0.9, beta2 = 0.9, eps = 0.1, weight_decay = 0.0;
  bool nesterov = false, newton = false, decay_norms = true;
  std::string graft = "rmsprop";
  int root = 4, block_size = 3, frequency = 1, start = 1;
};

Component shampoo(const Options& o) {
  return component("shampoo", {{"lr", Schedule(o.lr)},
                               {"momentum", Schedule(o.momentum)},
                               {"beta2", Schedule(o.beta2)},
                               {"eps", Schedule(o.eps)},
                               {"weight_decay", Schedule(o.weight_decay)},
                               {"nesterov", o.nesterov},
                               {"root_solver", std::string(o.newton ? "newton" : "eigen")},
                               {"decay_norms_and_biases", o.decay_norms},
                               {"graft", o.graft},
                               {"root", static_cast<std::int64_t>(o.root)},
                               {"block_size", static_cast<std::int64_t>(o.block_size)},
                               {"precondition_frequency", static_cast<std::int64_t>(o.frequency)},
                               {"start_step", static_cast<std::int64_t>(o.start)}});
}

/// A matrix of at most 3 x 3.
struct Small {
  std::size_t n = 0;
  std::array<std::array<double, 3>, 3> at = {};
};

Small times(const Small& a, const Small& b) {
  Small c{.n = a.n};
  for (std::size_t i = 0; i < a.n; ++i)
    for (std::size_t j = 0; j < a.n; ++j)
      for (std::size_t k = 0; k < a.n; ++k) c.at[i][j] += a.at[i][k] * b.at[k][j];
  return c;
}

Small turned(const Small& a) {
  Small t{.n = a.n};
  for (std::size_t i = 0; i < a.n; ++i)
    for (std::size_t j = 0; j < a.n; ++j) t.at[i][j] = a.at[j][i];
  return t;
}

Small identity(std::size_t n) {
  Small one{.n = n};
  for (std::size_t i = 0; i < n; ++i) one.at[i][i] = 1.0;
  return one;
}

/// (A + shift I)^(-1/p) by Jacobi's rotations: 12 sweeps leave nothing off the diagonal of 3 x 3.
Small inverse_root(Small a, double shift, double p) {
  Small vectors = identity(a.n);
  for (int sweep = 0; sweep < 12; ++sweep)
    for (std::size_t i = 0; i < a.n; ++i)
      for (std::size_t j = i + 1; j < a.n; ++j) {
        const double angle = 0.5 * std::atan2(2.0 * a.at[i][j], a.at[i][i] - a.at[j][j]);
        Small rotation = identity(a.n);
        rotation.at[i][i] = rotation.at[j][j] = std::cos(angle);
        rotation.at[i][j] = -(rotation.at[j][i] = std::sin(angle));
        a = times(turned(rotation), times(a, rotation));
        vectors = times(vectors, rotation);
      }
  Small powers{.n = a.n};
  for (std::size_t i = 0; i < a.n; ++i) powers.at[i][i] = std::pow(a.at[i][i] + shift, -1.0 / p);
  return times(vectors, times(powers, turned(vectors)));
}

/// One tile: statistics, roots and the preconditioned gradient.
struct TileRule {
  std::size_t first, stride, rows, columns;
  Small left{.n = rows}, right{.n = columns}, left_root = identity(rows), right_root = identity(columns);

  void operator()(const Options& o, int t, const double* g, double* out) {
    const auto gradient = [&](std::size_t i, std::size_t j) { return g[first + i * stride + j]; };
    const double weight = o.beta2 < 1.0 ? 1.0 - o.beta2 : 1.0;
    const double held = o.beta2 < 1.0 ? 1.0 - std::pow(o.beta2, t) : 1.0;
    const auto average = [&](Small& statistics, std::size_t inner, const auto& element) {
      for (std::size_t i = 0; i < statistics.n; ++i)
        for (std::size_t j = 0; j < statistics.n; ++j) {
          double sum = 0.0;
          for (std::size_t k = 0; k < inner; ++k) sum += element(i, k) * element(j, k);
          statistics.at[i][j] = o.beta2 * statistics.at[i][j] + weight * sum;
        }
    };
    average(left, columns, gradient);
    average(right, rows, [&](std::size_t i, std::size_t k) { return gradient(k, i); });
    if (t < o.start) return;
    if ((t - o.start) % o.frequency == 0) {
      left_root = root(left, held, o);
      right_root = root(right, held, o);
    }
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = 0.0;
        for (std::size_t k = 0; k < rows; ++k)
          for (std::size_t l = 0; l < columns; ++l) sum += left_root.at[i][k] * gradient(k, l) * right_root.at[l][j];
        out[first + i * stride + j] = sum;
      }
  }

  static Small root(Small a, double held, const Options& o) {
    double trace = 0.0;
    for (std::size_t i = 0; i < a.n; ++i)
      for (std::size_t j = 0; j < a.n; ++j) a.at[i][j] /= held;
    for (std::size_t i = 0; i < a.n; ++i) trace += a.at[i][i];
    return inverse_root(a, o.eps * trace, o.root);
  }
};

/// A matrix of 5 x 4 in tiles of (2 + 3) x (2 + 2), one of 2 x 3, a kernel of 2 x (1 x 2), and blocks of one axis.
ParameterLayout layout_of_tiles() {
  ParameterLayout layout;
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {4}});
  layout.add({.name = "tiled", .kind = ParameterKind::weight, .shape = {5, 4}});
  layout.add({.name = "vector", .kind = ParameterKind::embedding, .shape = {3}});
  layout.add({.name = "small", .kind = ParameterKind::attention_q, .shape = {2, 3}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {2, 1, 2, 1}});
  return layout;
}

/// Shampoo on that layout with tiles of at most 3.
class Reference {
 public:
  Reference(const Options& options, const ParameterLayout& layout)
      : o(options), layout_(layout), v(size()), velocity(size()), direction(size()) {
    const std::size_t tiled = start(1), small = start(3), kernel = start(4);
    tiles = {{tiled, 4, 2, 2},         {tiled + 2, 4, 2, 2}, {tiled + 8, 4, 3, 2},
             {tiled + 8 + 2, 4, 3, 2}, {small, 3, 2, 3},     {kernel, 2, 2, 2}};
  }

  void step(int t, const Numbers& g, Numbers& x) {
    const bool sums = o.graft == "adagrad" || o.beta2 == 1.0;
    Numbers graft = g;
    for (std::size_t i = 0; i < g.size(); ++i) {
      v[i] = sums ? v[i] + g[i] * g[i] : o.beta2 * v[i] + (1.0 - o.beta2) * g[i] * g[i];
      const double diagonal = g[i] / (std::sqrt(v[i] / (sums ? 1.0 : 1.0 - std::pow(o.beta2, t))) + 1e-8);
      if (o.graft == "adagrad" || o.graft == "rmsprop") graft[i] = diagonal;
      direction[i] = one_axis(i) ? diagonal : graft[i];
    }
    for (TileRule& tile : tiles) tile(o, t, g.data(), direction.data());
    for (const ParameterBlock& block : layout_.blocks()) {
      const auto first = static_cast<std::size_t>(block.offset), last = first + static_cast<std::size_t>(block.size());
      double graft_square = 0.0, square = 0.0;
      for (std::size_t i = first; i < last; ++i) {
        graft_square += graft[i] * graft[i];
        square += direction[i] * direction[i];
      }
      const double length = o.graft == "none" ? 1.0 : std::sqrt(graft_square / square);
      const bool decayed = o.decay_norms || block.kind != ParameterKind::bias;
      for (std::size_t i = first; i < last; ++i) {
        velocity[i] = o.momentum * velocity[i] + length * direction[i];
        const double along = o.nesterov ? o.momentum * velocity[i] + length * direction[i] : velocity[i];
        x[i] -= o.lr * (along + (decayed ? o.weight_decay * x[i] : 0.0));
      }
    }
  }

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.size()); }
  [[nodiscard]] std::size_t start(Index block) const { return static_cast<std::size_t>(layout_[block].offset); }
  [[nodiscard]] bool one_axis(std::size_t i) const { return i < start(1) || (i >= start(2) && i < start(3)); }

  Options o;
  const ParameterLayout& layout_;
  Numbers v, velocity, direction;
  std::vector<TileRule> tiles;
};

double difference(const Options& o) {
  const ParameterLayout layout = layout_of_tiles();
  test::GivenGradients oracle(layout, steps);
  test::Rider rider(shampoo(o), layout);
  rider.start(oracle);
  Numbers expected = test::initial_params(layout);
  Reference reference(o, layout);
  double largest = 0.0;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    reference.step(t, oracle.gradients(t), expected);
    const Numbers params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      const double found = std::abs(params[i] - expected[i]);
      if (!(found <= largest)) largest = found;
    }
  }
  return largest;
}

/// Statistics of inner extent n <= 3 gather n + 3 roundings a step, of which an average of decay 0.9 remembers 10; the
/// solver adds about 8 n: below 100 of the largest eigenvalue. A ridge of eps tr bounds the condition by 1 + 1 / eps = 11,
/// and -1/p divides by p >= 2: below 600 roundings of each root, 1200 and a few products in a direction. Directions of a
/// block are at most 20 sqrt(1 / (1 - 0.9)) long (20 elements) before momentum sums 10 of them (19 with its Nesterov
/// step), each times lr.
double bound(const Options& o, double length = 0.0) {
  if (length == 0.0) length = std::sqrt(20.0 / (1.0 - 0.9));
  const double velocity = (o.nesterov ? 1.0 + o.momentum : 1.0) / (1.0 - o.momentum);
  return rounding_bound(8, steps) + o.lr * velocity * rounding_bound(1300, steps, length);
}

TEST_CASE("shampoo follows its equations, with roots by Jacobi's rotations") {
  const std::array<Options, 12> all = {Options{},
                                       Options{.nesterov = true},
                                       Options{.weight_decay = 0.5},
                                       Options{.weight_decay = 0.5, .decay_norms = false},
                                       Options{.graft = "sgd"},
                                       Options{.graft = "adagrad"},
                                       Options{.graft = "none"},
                                       Options{.graft = "none", .root = 2},
                                       Options{.beta2 = 1.0, .graft = "none"},
                                       Options{.newton = true},
                                       Options{.newton = true, .graft = "none", .root = 3},
                                       Options{.frequency = 4, .start = 6}};
  for (const Options& o : all) {
    INFO(o.graft << ' ' << o.beta2 << ' ' << o.root << ' ' << o.newton << ' ' << o.weight_decay << ' ' << o.nesterov);
    CHECK(difference(o) <= bound(o));
  }
}

Numbers trajectory(const Component& algorithm, const ParameterLayout& layout, int last = steps) {
  test::GivenGradients oracle(layout, steps);
  test::Rider rider(algorithm, layout);
  rider.start(oracle);
  rider.steps(oracle, 1, last);
  return rider.params();
}

TEST_CASE("shampoo before its first preconditioned step is the grafted rule") {
  const ParameterLayout layout = test::awkward_layout();
  const Numbers grafted = trajectory(shampoo({.momentum = 0.0, .graft = "adagrad", .start = 1000}), layout);
  const Numbers adagrad = trajectory(component("adagrad", {{"lr", Schedule(0.01)}, {"eps", Schedule(1e-8)}}), layout);
  for (std::size_t i = 0; i < adagrad.size(); ++i)  // lr g / d against lr (g / d): 3 roundings, of one that is the same
    CHECK(std::abs(grafted[i] - adagrad[i]) <= rounding_bound(4));
}

TEST_CASE("shampoo on diagonal gradients is Adagrad") {
  ParameterLayout layout;
  layout.add({.name = "w", .kind = ParameterKind::weight, .shape = {3, 3}});
  test::GivenGradients oracle(layout, [](std::int64_t t) {
    Numbers g(9, 0.0);
    for (std::size_t i = 0; i < 3; ++i) g[4 * i] = test::scattered(static_cast<std::uint64_t>(t), i);
    return g;
  });
  const Options o{.momentum = 0.0, .beta2 = 1.0, .eps = 1e-3, .graft = "none"};
  test::Rider rider(shampoo(o), layout);
  rider.start(oracle);
  Numbers x = test::initial_params(layout);
  std::array<double, 3> sum = {};
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    const Numbers g = oracle.gradients(t);
    for (std::size_t i = 0; i < 3; ++i) sum[i] += g[4 * i] * g[4 * i];
    for (std::size_t i = 0; i < 3; ++i)
      x[4 * i] -= o.lr * g[4 * i] / std::sqrt(sum[i] + o.eps * (sum[0] + sum[1] + sum[2]));
  }
  // Diagonal matrices stay diagonal, so small eigenvalues keep their own precision: 2 roundings a step in a sum, half of
  // which the root sees, 10 in roots and products; steps below lr.
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(std::abs(rider.params()[i] - x[i]) <= rounding_bound(2) + o.lr * rounding_bound(steps + 10));
}

TEST_CASE("shampoo grafted on SGD moves every block as far as SGD") {
  const ParameterLayout layout = layout_of_tiles();
  test::GivenGradients oracle(layout, steps);
  test::Rider rider(shampoo({.momentum = 0.0, .graft = "sgd"}), layout);
  rider.start(oracle);
  for (int t = 1; t <= steps; ++t) {
    const Numbers before = rider.params(), g = oracle.gradients(t);
    rider.step(oracle, t);
    const Numbers after = rider.params();
    for (const ParameterBlock& block : layout.blocks()) {
      double moved = 0.0, gradient = 0.0;
      for (Index k = 0; k < block.size(); ++k) {
        const auto i = static_cast<std::size_t>(block.offset + k);
        moved += (after[i] - before[i]) * (after[i] - before[i]);
        gradient += g[i] * g[i];
      }
      // Each of up to 20 parameters is rounded twice at a size below 2; the factor of the length carries 2 roundings.
      CHECK(std::abs(std::sqrt(moved) - 0.01 * std::sqrt(gradient)) <=
            std::sqrt(20.0) * rounding_bound(2, 1) + 0.01 * rounding_bound(4, 1, std::sqrt(20.0)));
    }
  }
}

TEST_CASE("a tiled matrix is as many matrices") {
  ParameterLayout one, two;
  one.add({.name = "w", .kind = ParameterKind::weight, .shape = {4, 2}});
  two.add({.name = "upper", .kind = ParameterKind::weight, .shape = {2, 2}});
  two.add({.name = "lower", .kind = ParameterKind::weight, .shape = {2, 2}});
  const Component algorithm = shampoo({.graft = "none", .block_size = 2});
  CHECK(trajectory(algorithm, one) == trajectory(algorithm, two));
  CHECK(trajectory(shampoo({.graft = "none", .block_size = 4}), one) != trajectory(algorithm, one));
}

TEST_CASE("shampoo's two root solvers differ by roundings alone") {
  ParameterLayout layout;
  layout.add({.name = "w", .kind = ParameterKind::weight, .shape = {40, 24}});
  const Options o{.beta2 = 0.99, .eps = 1e-3, .graft = "sgd", .block_size = 128};
  Options newton = o;
  newton.newton = true;
  const Numbers a = trajectory(shampoo(o), layout), b = trajectory(shampoo(newton), layout);
  CHECK(a != b);
  double square = 0.0, size = 0.0;
  const Numbers start = test::initial_params(layout);
  for (std::size_t i = 0; i < a.size(); ++i) {
    square += (a[i] - b[i]) * (a[i] - b[i]);
    size += (a[i] - start[i]) * (a[i] - start[i]);
  }
  // Condition 1 + 1 / eps times 8 (n + 8) roundings, over p = 4, from either solver and either side.
  CHECK(std::sqrt(square / size) <= rounding_bound(4 * 8 * 48, 1, 1001.0 / 4.0));
}

TEST_CASE("shampoo takes new roots at its interval alone") {
  const ParameterLayout layout = layout_of_tiles();
  test::GivenGradients oracle(layout, steps);
  test::Rider rider(shampoo({.frequency = 5, .start = 3}), layout);
  rider.start(oracle);
  const auto roots = [&] {
    Numbers out;
    for (const StateArena::Buffer& buffer : rider.state().buffers())
      if (buffer.name.ends_with("_root")) {
        const Numbers part = test::to_host(*buffer.target);
        out.insert(out.end(), part.begin(), part.end());
      }
    return out;
  };
  Numbers before = roots();
  REQUIRE_FALSE(before.empty());
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    const Numbers after = roots();
    CHECK((after != before) == (t >= 3 && (t - 3) % 5 == 0));
    before = after;
  }
}

TEST_CASE("statistics that overflow leave shampoo's last good roots in use") {
  ParameterLayout layout;
  layout.add({.name = "w", .kind = ParameterKind::weight, .shape = {2, 2}});
  test::GivenGradients oracle(layout, [](std::int64_t t) {
    return Numbers(4, t == 3 ? 0.1 * static_cast<double>(std::numeric_limits<Scalar>::max()) : 0.5);
  });
  test::Rider rider(shampoo({.graft = "adagrad"}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 2);
  CHECK(rider.observed().at("failed_roots") == 0.0);
  rider.steps(oracle, 3, 6);
  CHECK(rider.observed().at("failed_roots") == 2.0);
  for (const double x : rider.params()) CHECK(std::isfinite(x));
}

TEST_CASE("shampoo keeps a velocity, a diagonal and two squares of both sides of every tile") {
  // The matrices are 5 x 3 and 4 x 18; in tiles of at most 4 they are cut into 2 x 3 and 3 x 3, and five of 4 x 4 or 4 x 3.
  const Index whole = 2 * (25 + 9 + 16 + 324);
  const Index cut = 2 * (4 + 9 + 9 + 9 + 5 * 16 + 3 * 16 + 2 * 9);
  const Index vectors = 1 + 7 + 33 + 11;
  CHECK(test::state_bytes("shampoo", {{"graft", std::string("rmsprop")}}) ==
        test::bytes_of({.per_parameter = 2, .values = whole, .numbers = 1}));
  CHECK(test::state_bytes("shampoo", {{"graft", std::string("adagrad")}}) ==
        test::bytes_of({.per_parameter = 2, .values = whole, .numbers = 1}));
  CHECK(test::state_bytes("shampoo", {{"graft", std::string("sgd")}}) ==
        test::bytes_of({.per_parameter = 1, .values = whole + vectors, .numbers = 1}));
  CHECK(test::state_bytes("shampoo", {{"graft", std::string("none")}}) ==
        test::bytes_of({.per_parameter = 1, .values = whole + vectors, .numbers = 1}));
  CHECK(test::state_bytes("shampoo", {{"graft", std::string("rmsprop")}, {"block_size", Index{4}}}) ==
        test::bytes_of({.per_parameter = 2, .values = cut, .numbers = 1}));
}

}  // namespace
}  // namespace velo
