// In double.
#include "workloads/nn/ctc.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "tests/nn/gradient_check.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/spelling.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::Frames;
using nn::Recording;
using nn::Tape;
using nn::Value;
using Labels = std::vector<std::uint8_t>;

/// Sequences with labels, and logits that are a linear function of parameters.
struct Problem {
  Frames frames;
  std::vector<Labels> said;
  Index classes;
  ParameterLayout layout;
  nn::Linear layer{layout, "layer", 3, classes};
  Vector params, input;
  Kokkos::View<std::uint8_t*, MemorySpace> labels{"labels", 64};
  Kokkos::View<std::int32_t*, MemorySpace> first{"first", 16};
  Index longest = 0;
  Tape tape;
  Reduction reduction;
  std::vector<double> logits;

  Problem(const std::vector<Index>& lengths, std::vector<Labels> spoken, Index of_classes, double spread = 1)
      : said(std::move(spoken)), classes(of_classes) {
    frames.assign(lengths);
    params = Vector("params", static_cast<std::size_t>(layout.size()));
    input = Vector("input", static_cast<std::size_t>(frames.rows() * 3));
    fill_uniform(RandomStream(3, Purpose::workload), -spread, spread, params);
    fill_uniform(RandomStream(4, Purpose::workload), -1, 1, input);
    for (std::size_t b = 0; b < said.size(); ++b) {
      longest = std::max(longest, static_cast<Index>(said[b].size()));
      first(b + 1) = first(b) + static_cast<std::int32_t>(said[b].size());
      std::copy(said[b].begin(), said[b].end(), labels.data() + first(b));
    }
  }
  double loss(Recording recording = Recording::off, double divisor = 1) {
    ForwardPass pass;
    pass.params = params;
    tape.begin(layout, pass, recording);
    const Value z = layer(tape, tape.input({input.data(), {frames.rows(), 3}}));
    logits.assign(tape[z].data, tape[z].data + tape[z].size());
    return nn::ctc_loss(tape, z, frames, {labels.data(), first.data(), longest}, divisor, reduction);
  }
  Vector gradient(double divisor = 1) {
    Vector g("gradient", params.extent(0));
    static_cast<void>(loss(Recording::on, divisor));
    tape.backward(g);
    return g;
  }
  /// -log of the summed probability of every path that spells what was said: classes^T of them.
  double by_enumeration(Index b) {
    static_cast<void>(loss());
    const Index steps = frames.length(b);
    double probability = 0;
    Labels path(static_cast<std::size_t>(steps));
    for (;;) {
      Labels spelt = path;
      nn::collapse(spelt);
      if (spelt == said[static_cast<std::size_t>(b)]) {
        double product = 1;
        for (Index t = 0; t < steps; ++t) {
          const double* z = logits.data() + frames.row(b, t) * classes;
          double sum = 0;
          for (Index k = 0; k < classes; ++k) sum += std::exp(z[k]);
          product *= std::exp(z[path[static_cast<std::size_t>(t)]]) / sum;
        }
        probability += product;
      }
      std::size_t digit = 0;
      while (digit < path.size() && ++path[digit] == classes) path[digit++] = 0;
      if (digit == path.size()) return -std::log(probability);
    }
  }
};

TEST_CASE("CTC's loss is that of all paths one by one") {
  const auto said = GENERATE(std::vector<Labels>{{1, 2}, {2}, {1}}, std::vector<Labels>{{1, 1, 2}, {2, 2}, {}},
                             std::vector<Labels>{{3, 1, 3, 1, 3}, {1, 2, 3, 1}, {}}, std::vector<Labels>{{}, {3}, {2}});
  Problem problem({6, 4, 1}, said, 4, GENERATE(1.0, 8.0));
  double sum = 0;
  for (Index b = 0; b < 3; ++b) sum += problem.by_enumeration(b);
  // Enumeration adds up to 4096 products of six: 4102 * 2^-53 relative at most, so absolute in the logarithm.
  CHECK_THAT(problem.loss(), WithinAbs(sum, 3 * 4102 * 0x1p-53 * (1 + sum)));
  CHECK_THAT(problem.loss(Recording::on), WithinAbs(sum, 3 * 4102 * 0x1p-53 * (1 + sum)));
}

TEST_CASE("CTC's gradient is the derivative of the loss") {
  const auto said = GENERATE(std::vector<Labels>{{1, 2, 2, 4, 1}, {4, 4, 4}, {3}, {}},
                             std::vector<Labels>{{2}, {3, 1, 2}, {1, 3}, {2}});
  Problem problem({12, 9, 3, 1}, said, 5, 2.0);
  const Vector g = problem.gradient(7.0);
  test::check_gradient(problem.layout, problem.params, g, [&] { return problem.loss(Recording::off, 7.0); });
}

TEST_CASE("where only one path spells the labels CTC is the cross-entropy of its frames") {
  // Three frames, labels 1 1: only 1 0 1.
  Problem problem({3}, {{1, 1}}, 3);
  const double loss = problem.loss();
  double expected = 0;
  const int path[] = {1, 0, 1};
  for (Index t = 0; t < 3; ++t) {
    const double* z = problem.logits.data() + problem.frames.row(0, t) * 3;
    expected += std::log(std::exp(z[0]) + std::exp(z[1]) + std::exp(z[2])) - z[path[t]];
  }
  CHECK_THAT(loss, WithinAbs(expected, 30 * 0x1p-53 * expected));
}

TEST_CASE("CTC stays exact over hundreds of frames") {
  // Uniform probabilities: the loss is T log K - log(number of paths). Labels 1 2 ... U without repeats over T frames have
  // C(T + U, 2 U) paths.
  const Index steps = 300, count = 20, classes = 21;
  Labels labels;
  for (Index u = 1; u <= count; ++u) labels.push_back(static_cast<std::uint8_t>(u));
  Problem problem({steps}, {labels}, classes);
  Kokkos::deep_copy(problem.params, 0);
  const double paths =
      std::lgamma(steps + count + 1.0) - std::lgamma(2 * count + 1.0) - std::lgamma(steps - count + 1.0);
  const double expected = static_cast<double>(steps) * std::log(static_cast<double>(classes)) - paths;
  // Three hundred steps, each with a few roundings of numbers below a thousand.
  CHECK_THAT(problem.loss(), WithinAbs(expected, 300 * 4 * 0x1p-53 * 1000));
}

TEST_CASE("labels that no path of the frames spells have an infinite loss and no gradient") {
  Problem problem({3, 2}, {{1, 2}, {2, 2}}, 3);
  CHECK(std::isinf(problem.loss()));
  const Vector g = problem.gradient();
  Problem alone({3}, {{1, 2}}, 3);
  Kokkos::deep_copy(alone.params, problem.params);
  for (Index t = 0; t < 3; ++t)
    for (Index c = 0; c < 3; ++c)
      alone.input(alone.frames.row(0, t) * 3 + c) = problem.input(problem.frames.row(0, t) * 3 + c);
  const Vector other = alone.gradient();
  for (std::size_t i = 0; i < g.extent(0); ++i) CHECK_THAT(g(i), WithinAbs(other(i), 1e-14));
}

TEST_CASE("the best label is the first of the largest") {
  ParameterLayout layout;
  Tape tape;
  ForwardPass pass;
  std::vector<Scalar> z = {0, 2, 2, -1, -3, -2, 5, 5, 5};
  tape.begin(layout, pass, Recording::off);
  const std::uint8_t* best = nn::best_labels(tape, tape.input({z.data(), {3, 3}}));
  CHECK(best[0] == 1);
  CHECK(best[1] == 0);
  CHECK(best[2] == 0);
}

TEST_CASE("a path spells its runs without blanks") {
  const auto spelt = [](Labels path) {
    nn::collapse(path);
    return path;
  };
  CHECK(spelt({0, 3, 3, 0, 3, 1, 1}) == Labels{3, 3, 1});
  CHECK(spelt({0, 0}).empty());
  CHECK(spelt({}).empty());
  CHECK(spelt({5}) == Labels{5});
  CHECK(spelt({2, 2, 2, 1, 0}) == Labels{2, 1});
}

/// The definition, without memory: exponential, for short sequences.
Index by_recursion(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  if (a.empty() || b.empty()) return static_cast<Index>(a.size() + b.size());
  const Index replace = by_recursion(a.subspan(1), b.subspan(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({replace, by_recursion(a.subspan(1), b) + 1, by_recursion(a, b.subspan(1)) + 1});
}

TEST_CASE("edit distances are those of their definition") {
  nn::EditDistance distance;
  CHECK(distance(Labels{1, 2, 3}, Labels{1, 2, 3}) == 0);
  CHECK(distance(Labels{1, 2, 3}, Labels{}) == 3);
  CHECK(distance(Labels{}, Labels{1, 2}) == 2);
  CHECK(distance(Labels{1, 2, 3, 4}, Labels{2, 3, 4, 1}) == 2);
  const RandomStream stream(9, Purpose::workload);
  for (std::uint64_t trial = 0; trial < 60; ++trial) {
    Labels a, b;
    for (std::uint64_t i = 0; i < trial % 7; ++i)
      a.push_back(static_cast<std::uint8_t>(1 + stream.below(20 * trial + i, 3)));
    for (std::uint64_t i = 0; i < trial / 7 % 7; ++i)
      b.push_back(static_cast<std::uint8_t>(1 + stream.below(20 * trial + 10 + i, 3)));
    CHECK(distance(a, b) == by_recursion(a, b));
    CHECK(distance(b, a) == by_recursion(a, b));
  }
}

}  // namespace
}  // namespace velo
