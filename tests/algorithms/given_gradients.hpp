// tests/algorithms/given_gradients.hpp
//
// A small problem of awkward blocks with a fixed sequence of gradients, and what is needed to compare an algorithm's
// trajectory on it with a scalar loop in double that the test writes itself.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/algorithm.hpp"
#include "harness/registry.hpp"

namespace velo::test {

/// Blocks of 1, 7, 33, 5x3, 4x2x3x3 and 11 elements: no multiple of a vector register, several kinds.
inline ParameterLayout awkward_layout() {
  ParameterLayout layout;
  layout.add({.name = "single", .kind = ParameterKind::bias, .shape = {1}});
  layout.add({.name = "seven", .kind = ParameterKind::weight, .shape = {7}});
  layout.add({.name = "long", .kind = ParameterKind::embedding, .shape = {33}});
  layout.add({.name = "matrix", .kind = ParameterKind::weight, .shape = {5, 3}});
  layout.add({.name = "scale", .kind = ParameterKind::layer_norm_scale, .shape = {11}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {4, 2, 3, 3}});
  return layout;
}

/// A number in (-1, 1) from the SplitMix64 finaliser (Steele, Lea, Flood, OOPSLA 2014): exact in float.
inline double scattered(std::uint64_t step, std::uint64_t index) {
  std::uint64_t z = (step << 32) + index + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 41) / static_cast<double>(1u << 22) - 1.0 + 0x1p-24;
}

inline Vector to_device(const std::vector<double>& values) {
  Vector out(Kokkos::view_alloc(Kokkos::WithoutInitializing, "values"), values.size());
  const auto host = Kokkos::create_mirror_view(out);
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
  Kokkos::deep_copy(out, host);
  return out;
}

inline std::vector<double> to_host(const ConstVector& values) {
  const auto host = Kokkos::create_mirror_view(values);
  Kokkos::deep_copy(host, values);
  std::vector<double> out(host.extent(0));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(host(i));
  return out;
}

inline std::vector<double> initial_params(const ParameterLayout& layout) {
  std::vector<double> out(static_cast<std::size_t>(layout.size()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = scattered(0, i);
  return out;
}

/// What every batch of given gradients holds: enough to be cut into micro-batches.
inline constexpr std::array<Index, 64> given_examples = {};
/// Training examples of the small problem: no multiple of a batch.
inline constexpr Index given_training_examples = 1000;

/// Gradients that depend on neither parameters nor batch: `gradients(step)` for step = 1, 2, ... Every example has the
/// batch's own; the Hessian is diagonal, between 0.5 and 1.5.
class GivenGradients : public Oracle {
 public:
  using Gradients = std::function<std::vector<double>(std::int64_t step)>;

  GivenGradients(const ParameterLayout& layout, Gradients gradients, std::int64_t step_hint = 20)
      : layout_(&layout), gradients_(std::move(gradients)) {
    progress_.step_hint = step_hint;
  }
  /// Scattered gradients in (-1, 1).
  explicit GivenGradients(const ParameterLayout& layout, std::int64_t step_hint = 20)
      : GivenGradients(
            layout,
            [size = static_cast<std::size_t>(layout.size())](std::int64_t step) {
              std::vector<double> out(size);
              for (std::size_t i = 0; i < size; ++i) out[i] = scattered(static_cast<std::uint64_t>(step), i);
              return out;
            },
            step_hint) {}

  void at_step(std::int64_t step) {
    progress_.step = step;
    progress_.elapsed = static_cast<double>(step - 1) / static_cast<double>(progress_.step_hint);
  }
  [[nodiscard]] std::vector<double> gradients(std::int64_t step) const { return gradients_(step); }

  [[nodiscard]] const ParameterLayout& layout() const override { return *layout_; }
  [[nodiscard]] ConstVector model_state() const override { return {}; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override {
    return {7, Purpose::algorithm, static_cast<std::uint64_t>(progress_.step)};
  }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return {}; }
  [[nodiscard]] Capabilities capabilities() const override {
    return {Capability::hessian_vector_products, Capability::per_example_gradients, Capability::micro_batches};
  }
  [[nodiscard]] Index examples() const override { return given_training_examples; }
  [[nodiscard]] Index batch_size() const override { return batch_.size(); }
  [[nodiscard]] Index loss_terms() const override { return 1; }
  const Batch& batch() override { return batch_; }
  Batch draw(Index) override { return batch_; }
  Batch choose(std::span<const Index> examples) override {
    return {.id = 1, .split = Split::train, .examples = examples};
  }
  double loss(const Query&) override { return 1.0; }
  double gradient(Vector out, const Query& query) override {
    const Vector given = to_device(gradients_(progress_.step));
    Kokkos::deep_copy(out, given);
    if (query.layers != nullptr) show_layers(given, *query.layers);
    return 1.0;
  }
  double example_gradients(Vector out, const Query& query) override {
    const Index rows = query.batch != nullptr ? query.batch->size() : batch().size();
    const Vector row = to_device(gradients_(progress_.step));
    for (Index e = 0; e < rows; ++e)
      Kokkos::deep_copy(Kokkos::subview(out, std::pair(e * layout_->size(), (e + 1) * layout_->size())), row);
    return 1.0;
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    std::vector<double> product = to_host(direction);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= 1.0 + 0.5 * scattered(200, i);
    Kokkos::deep_copy(out, to_device(product));
  }

 protected:
  /// Records that make the gradient G of a matrix: rows of the identity times G; of a scale: ones times g. A bias of
  /// as many elements as the matrix has rows, right behind it, is its own.
  void show_layers(const Vector& gradient, LayerVisitor& visitor) const {
    for (Index b = 0; b < static_cast<Index>(layout_->blocks().size()); ++b) {
      const ParameterBlock& block = (*layout_)[b];
      const bool scale = block.kind == ParameterKind::layer_norm_scale;
      if (block.kind == ParameterKind::embedding || (block.shape.rank < 2 && !scale)) continue;
      const Index rows = scale ? 1 : block.shape[0], out = block.shape[0];
      std::vector<double> identity(static_cast<std::size_t>(rows * out), scale ? 1.0 : 0.0);
      for (Index i = 0; i < rows; ++i) identity[static_cast<std::size_t>(i * out + i)] = 1.0;
      const Vector ones = to_device(identity);
      const bool biased = !scale && b + 1 < static_cast<Index>(layout_->blocks().size()) &&
                          (*layout_)[b + 1].kind == ParameterKind::bias && (*layout_)[b + 1].size() == out;
      visitor.visit({b,
                     biased ? std::optional(b + 1) : std::nullopt,
                     {gradient.data() + block.offset, {rows, block.size() / rows}},
                     {ones.data(), {rows, out}},
                     rows});
    }
  }

 private:
  const ParameterLayout* layout_;
  Gradients gradients_;
  Progress progress_;
  Batch batch_ = {.id = 1, .split = Split::train, .examples = given_examples};
};

/// An algorithm with its state and parameters, as the training loop would hold them.
class Rider {
 public:
  Rider(const Component& component, const ParameterLayout& layout, const Registry& registry = builtin_registry(),
        Index loss_terms = 1)
      : algorithm_(registry.make(component)),
        state_(std::make_unique<StateArena>(
            layout, StateSizes{.examples = given_training_examples, .loss_terms = loss_terms})) {
    algorithm_->declare(*state_);
    state_->allocate();
    params_ = to_device(initial_params(layout));
  }

  void start(Oracle& oracle) { algorithm_->init(oracle, params_); }
  void step(GivenGradients& oracle, std::int64_t step) {
    oracle.at_step(step);
    algorithm_->step(oracle, params_);
  }
  /// Steps first .. last, both included.
  void steps(GivenGradients& oracle, std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t <= last; ++t) step(oracle, t);
  }

  /// Everything a checkpoint would hold, copied from another rider.
  void resume_from(const Rider& other) {
    Kokkos::deep_copy(params_, other.params_);
    Kokkos::deep_copy(state_->flat(), other.state_->flat());
    for (std::size_t i = 0; i < state_->numbers().size(); ++i) {
      const auto& to = state_->numbers()[i];
      const auto& from = other.state_->numbers()[i];
      if (to.real != nullptr) *to.real = *from.real;
      if (to.integer != nullptr) *to.integer = *from.integer;
    }
  }

  [[nodiscard]] std::vector<double> params() const { return to_host(params_); }
  [[nodiscard]] std::vector<double> evaluation_params() const { return to_host(evaluated_view()); }
  [[nodiscard]] ConstVector evaluated_view() const { return algorithm_->evaluation_params(params_); }
  /// What the algorithm reports of its last step, by name.
  [[nodiscard]] std::map<std::string, double> observed() const {
    struct Readings : Observer {
      void scalar(std::string_view name, double value) override { values[std::string(name)] = value; }
      std::map<std::string, double> values;
    } out;
    algorithm_->observe(out);
    return out.values;
  }
  [[nodiscard]] TrainingAlgorithm& algorithm() { return *algorithm_; }
  [[nodiscard]] const StateArena& state() const { return *state_; }
  [[nodiscard]] const Vector& params_view() const { return params_; }

 private:
  std::unique_ptr<TrainingAlgorithm> algorithm_;
  std::unique_ptr<StateArena> state_;
  Vector params_;
};

using Settings = std::vector<std::pair<std::string, Parameters::Value>>;

/// A registered algorithm with its defaults and some values set.
inline Component component(const std::string& name, const Settings& settings = {}) {
  Component out{name, Parameters::defaults(builtin_registry().algorithm(name).parameters)};
  for (const auto& [key, value] : settings) out.parameters.set(key, value);
  return out;
}

/// What a state holds: values for every parameter, values beside them, bytes (which fill whole values), host numbers.
struct StateSize {
  Index per_parameter = 0, values = 0, bytes = 0, numbers = 0;
};
inline std::int64_t bytes_of(const StateSize& size, const ParameterLayout& layout = awkward_layout()) {
  constexpr Index value = sizeof(Scalar);
  return value * (size.per_parameter * layout.size() + size.values + (size.bytes + value - 1) / value) +
         8 * size.numbers;
}

/// What a registered algorithm keeps itself, with its defaults and some values set: a wrapper is put around null.
inline std::int64_t state_bytes(const std::string& name, const Settings& settings = {},
                                const ParameterLayout& layout = awkward_layout()) {
  Component algorithm = component(name, settings);
  for (const ParameterSpec& spec : builtin_registry().algorithm(name).parameters)
    if (spec.type == ParameterType::algorithm) algorithm.parameters.set(spec.name, std::vector{component("null")});
  return Rider(algorithm, layout).state().bytes();
}

/// The new value of one element, from its old value, its gradient and the step; keeps its own state.
using ScalarRule = std::function<double(double x, double g, int t)>;

/// The largest |algorithm - reference| over `steps` steps, each element driven by a rule of its own.
/// `make_rule(kind)` starts a rule at one element of a block of that kind.
inline double largest_difference(const Component& algorithm, const std::function<ScalarRule(ParameterKind)>& make_rule,
                                 int steps = 25) {
  const ParameterLayout layout = awkward_layout();
  GivenGradients oracle(layout, steps);
  Rider rider(algorithm, layout);
  rider.start(oracle);

  std::vector<double> reference = initial_params(layout);
  std::vector<ScalarRule> rules;
  for (const ParameterBlock& block : layout.blocks())
    for (Index i = 0; i < block.size(); ++i) rules.push_back(make_rule(block.kind));

  double largest = 0.0;
  for (int t = 1; t <= steps; ++t) {
    const std::vector<double> gradient = oracle.gradients(t);
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      reference[i] = rules[i](reference[i], gradient[i], t);
      const double difference = std::abs(params[i] - reference[i]);
      if (!(difference <= largest)) largest = difference;  // NaN counts as the largest
    }
  }
  return largest;
}

/// What rounding may amount to: `steps` steps of `operations` roundings each, of values no larger than `magnitude`.
/// Every term of the updates tested here (parameter, learning rate times direction) stays below 2.
inline double rounding_bound(int operations, int steps = 25, double magnitude = 2.0) {
  return 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()) * operations * steps * magnitude;
}

}  // namespace velo::test
