#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "results/error.hpp"
#include "tests/algorithms/quadratic_examples.hpp"
#include "tests/algorithms/quadratic_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticGradients;
using test::Rider;

constexpr double lr = 0.1;
constexpr int steps = 25;

struct Options {
  std::int64_t n = 2, m = 4;
  std::string method = "mask_decay_exponential";
  double dense = 0.2, fine_tune = 0.2, beta = 0.15, sr_ste = 0.05;
};

Component nm_masks(Options o, const Component& inner = component("sgd", {{"lr", Schedule(lr)}})) {
  return component("nm_masks", {{"inner", std::vector<Component>{inner}},
                                {"n", o.n},
                                {"m", o.m},
                                {"method", o.method},
                                {"dense", Schedule(o.dense)},
                                {"fine_tune", Schedule(o.fine_tune)},
                                {"beta", Schedule(o.beta)},
                                {"sr_ste", Schedule(o.sr_ste)}});
}

/// Blocks with groups of 4 along their inputs, and blocks without.
ParameterLayout layout_of_groups() {
  ParameterLayout layout;
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {8}});
  layout.add({.name = "wide", .kind = ParameterKind::weight, .shape = {5, 8}});
  layout.add({.name = "widest", .kind = ParameterKind::weight, .shape = {2, 32}});
  layout.add({.name = "odd", .kind = ParameterKind::weight, .shape = {2, 12}});
  layout.add({.name = "narrow", .kind = ParameterKind::weight, .shape = {4, 3}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {3, 4, 2, 3}});
  layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {3, 4}});
  layout.add({.name = "query", .kind = ParameterKind::attention_q, .shape = {4, 4}});
  return layout;
}

/// Positions of every group of k m, k the largest of `times`, times / 2, ... 1 with whole groups: rows of matrices,
/// input channels of kernels.
std::vector<std::vector<std::size_t>> groups(const ParameterLayout& layout, Index base, Index times = 1) {
  std::vector<std::vector<std::size_t>> out;
  for (const ParameterBlock& block : layout.blocks()) {
    if (block.name == "bias" || block.name == "narrow" || block.name == "table") continue;
    Index m = times * base;
    while (block.shape[1] % m != 0) m /= 2;
    const Index positions = block.size() / (block.shape[0] * block.shape[1]);
    for (Index unit = 0; unit < block.shape[0]; ++unit)
      for (Index first = 0; first < block.shape[1]; first += m)
        for (Index position = 0; position < positions; ++position) {
          out.emplace_back();
          for (Index input = first; input < first + m; ++input)
            out.back().push_back(
                static_cast<std::size_t>(block.offset + (unit * block.shape[1] + input) * positions + position));
        }
  }
  return out;
}

/// Which weights are masked: all but n of m, the largest, of every group.
std::vector<bool> masked(const ParameterLayout& layout, const std::vector<double>& w, Index n, Index m,
                         Index times = 1) {
  std::vector<bool> out(w.size());
  for (std::vector<std::size_t> group : groups(layout, m, times)) {
    std::stable_sort(group.begin(), group.end(), [&](auto i, auto j) { return std::abs(w[i]) > std::abs(w[j]); });
    for (std::size_t k = static_cast<std::size_t>(n) * group.size() / static_cast<std::size_t>(m); k < group.size();
         ++k)
      out[group[k]] = true;
  }
  return out;
}

struct Mask {
  Index n;
  double decay;
  Index times = 1;
};

/// Of step t of 25: dense before 6, fine tuning from 21, both included.
Mask mask_at(Options o, int t) {
  if (t <= 5) return {o.m, 1.0};
  if (t > 20) return {o.n, 0.0};
  const int since = t - 6;
  if (o.method == "mask_decay_linear") return {o.n, std::max(0.0, 1.0 - o.beta * since)};
  if (o.method == "mask_decay_exponential") return {o.n, std::exp(-o.beta * since)};
  if (o.method == "sr_ste") return {o.n, 0.0};
  // Fifteen steps in four frames.
  if (o.method == "structure_decay_geometric")
    return {o.n, 0.0, std::vector<Index>{8, 4, 2, 1}[static_cast<std::size_t>(since * 4 / 15)]};
  // Fifteen steps; of 4: 3 and 2 and, for n = 1, 1.
  const std::vector<Index> frames = o.n == 1 ? std::vector<Index>{3, 2, 1} : std::vector<Index>{3, 2};
  return {frames[static_cast<std::size_t>(since) * frames.size() / 15], 0.0};
}

void compare(Options o) {
  INFO(o.method << " " << o.n << ":" << o.m);
  const ParameterLayout layout = layout_of_groups();
  QuadraticGradients oracle(layout, true, steps);
  Rider rider(nm_masks(o), layout);
  oracle.attach(rider.params_view());
  std::vector<double> w = test::initial_params(layout);
  // Curvatures are below 1.5, so errors shrink or keep; a gradient has 4 roundings, the step 3; the largest are below
  // 4.
  const auto allowed = [](int t) { return test::rounding_bound(7, t, 4.0); };
  for (int t = 1; t <= steps; ++t) {
    const auto [n, decay, times] = mask_at(o, t);
    const std::vector<bool> out = masked(layout, w, n, o.m, times);
    std::vector<double> effective = w;
    for (std::size_t i = 0; i < w.size(); ++i) effective[i] *= out[i] ? decay : 1.0;
    const std::vector<double> g = oracle.gradient_at(effective, t);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] -= lr * (g[i] + (o.method == "sr_ste" && out[i] ? o.sr_ste * w[i] : 0.0));
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < w.size(); ++i) {
      CHECK(std::abs(params[i] - w[i]) <= allowed(t));
      CHECK(std::abs(oracle.asked.back().at[i] - effective[i]) <= allowed(t));
    }
  }
}

TEST_CASE("nm_masks asks at the masked weights and trains the dense ones, by every method") {
  for (const char* method :
       {"sr_ste", "mask_decay_linear", "mask_decay_exponential", "structure_decay", "structure_decay_geometric"})
    for (const std::int64_t n : {1, 2}) compare({.n = n, .method = method});
}

TEST_CASE("nm_masks evaluates exactly the n largest of every m, from the first step on, and leaves training alone") {
  const ParameterLayout layout = layout_of_groups();
  QuadraticGradients oracle(layout, true, steps), undisturbed_oracle(layout, true, steps);
  Rider rider(nm_masks({}), layout), undisturbed(nm_masks({}), layout);
  oracle.attach(rider.params_view());
  undisturbed_oracle.attach(undisturbed.params_view());
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    undisturbed.step(undisturbed_oracle, t);
    rider.algorithm().prepare_for_eval(oracle, rider.params_view());
    const std::vector<double> w = rider.params(), evaluated = rider.evaluation_params();
    CHECK(w == undisturbed.params());
    const std::vector<bool> out = masked(layout, w, 2, 4);
    for (std::size_t i = 0; i < w.size(); ++i) CHECK(evaluated[i] == (out[i] ? 0.0 : w[i]));
  }
}

TEST_CASE("nm_masks masks what its inner algorithm evaluates") {
  const ParameterLayout layout = layout_of_groups();
  const Component average = component("weight_ema", {{"inner", std::vector<Component>{component("sgd", {})}}});
  QuadraticGradients oracle(layout, true, steps);
  Rider rider(nm_masks({}, average), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, 10);
  rider.algorithm().prepare_for_eval(oracle, rider.params_view());
  const std::vector<double> evaluated = rider.evaluation_params();
  for (const std::vector<std::size_t>& group : groups(layout, 4))
    CHECK(std::count_if(group.begin(), group.end(), [&](auto i) { return evaluated[i] != 0.0; }) == 2);
  CHECK(evaluated != rider.params());
}

TEST_CASE("nm_masks of all m weights is its inner algorithm") {
  const ParameterLayout layout = layout_of_groups();
  QuadraticGradients oracle(layout), plain_oracle(layout);
  Rider rider(nm_masks({.n = 4, .method = "mask_decay_linear"}), layout),
      plain(component("sgd", {{"lr", Schedule(lr)}}), layout);
  oracle.attach(rider.params_view());
  plain_oracle.attach(plain.params_view());
  rider.steps(oracle, 1, steps);
  plain.steps(plain_oracle, 1, steps);
  CHECK(rider.params() == plain.params());
}

TEST_CASE("nm_masks by sr_ste pulls at masked weights for rules that ask for gradients of single examples too") {
  const Component grab = component("grab", {{"inner", std::vector<Component>{component("sgd", {{"lr", Schedule(lr)}})}},
                                            {"slice", std::int64_t{3}}});
  const Options o{.method = "sr_ste", .dense = 0.0, .fine_tune = 0.0, .sr_ste = 0.5};
  const ParameterLayout layout = layout_of_groups();
  test::ChosenExamples oracle(layout, 8);
  Rider rider(nm_masks(o, grab), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const std::vector<double> w = rider.params();
  rider.step(oracle, 1);
  const std::vector<double> moved = rider.params();
  const std::vector<bool> out = masked(layout, w, o.n, o.m);
  std::vector<double> effective = w;
  for (std::size_t i = 0; i < w.size(); ++i) effective[i] *= out[i] ? 0.0 : 1.0;
  const std::vector<double> g = oracle.gradient_at(effective, oracle.batches.front());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double expected = w[i] - lr * (g[i] + (out[i] ? o.sr_ste * w[i] : 0.0));
    // Of gradients below 8: three roundings each, eight products and sums for their mean; the step has two.
    CHECK(std::abs(moved[i] - expected) <= test::rounding_bound(3 + 16 + 2, 1, 8.0));
  }
}

/// Asks for gradients of three single examples and keeps them.
class Asking : public TrainingAlgorithm {
 public:
  static constexpr std::array<Index, 3> examples = {4, 5, 6};
  static inline std::vector<double> rows;

  void declare(StateArena& state) override {
    rows_ = Vector("rows", examples.size() * static_cast<std::size_t>(state.layout().size()));
  }
  void step(Oracle& oracle, Vector /*params*/) override {
    const Batch batch{.id = 1, .split = Split::train, .examples = examples};
    oracle.example_gradients(rows_, {.batch = &batch});
    rows = test::to_host(rows_);
  }

 private:
  Vector rows_;
};

TEST_CASE("nm_masks by sr_ste pulls once at every example's gradient") {
  AlgorithmInfo asking;
  asking.name = "asking";
  asking.make = [](const Parameters&, const Registry&) { return std::make_unique<Asking>(); };
  Registry registry;
  registry.add(asking);
  registry.add(builtin_registry().algorithm("nm_masks"));
  const Options o{.method = "sr_ste", .dense = 0.0, .fine_tune = 0.0, .sr_ste = 0.5};
  const ParameterLayout layout = layout_of_groups();
  test::QuadraticExamples oracle(layout, 8);
  Rider rider(nm_masks(o, {"asking", {}}), layout, registry);
  oracle.follow(rider.params_view());
  rider.step(oracle, 1);
  const std::vector<double> w = rider.params();
  const std::vector<bool> out = masked(layout, w, o.n, o.m);
  std::vector<double> effective = w;
  for (std::size_t i = 0; i < w.size(); ++i) effective[i] *= out[i] ? 0.0 : 1.0;
  for (std::size_t e = 0; e < 3; ++e) {
    const std::vector<double> g = oracle.gradient_at(effective, std::span(Asking::examples).subspan(e, 1));
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double expected = g[i] + (out[i] ? o.sr_ste * w[i] : 0.0);
      // A gradient below 8 is rounded; a product and a sum more.
      CHECK(std::abs(Asking::rows[e * w.size() + i] - expected) <= test::rounding_bound(3, 1, 8.0));
    }
  }
}

TEST_CASE("nm_masks refuses to keep more weights than there are") {
  CHECK_THROWS_AS(builtin_registry().make(nm_masks({.n = 5})), Error);
}

TEST_CASE("nm_masks keeps nothing of its own") { CHECK(test::state_bytes("nm_masks") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
