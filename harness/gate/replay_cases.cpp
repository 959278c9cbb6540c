#include "harness/gate/replay_cases.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "analysis/gate/replay_digest.hpp"
#include "harness/algorithm.hpp"
#include "harness/registry.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::uint64_t problem_seed = 4711;
constexpr double trial_value = 0.1;
constexpr Index training_examples = 1000;
constexpr Index batch_examples = 64;
constexpr Index terms = 2;
/// Queries of one step draw from streams apart; so do examples and layers.
constexpr std::uint64_t example_salt = 1000, layer_salt = 100000;

/// What options act upon, and is off by default: a decay's exceptions and Nesterov's point need one.
bool is_companion(const ParameterSpec& spec) {
  return spec.type == ParameterType::real && spec.number == 0.0 &&
         (spec.name == "weight_decay" || spec.name == "momentum");
}

Component with_inner(const CatalogueAlgorithm& info, const Catalogue& catalogue) {
  Component out{info.name, Parameters::defaults(info.parameters)};
  if (const ParameterSpec* inner = info.inner())
    out.parameters.set(
        inner->name, std::vector<Component>{{"adamw", Parameters::defaults(catalogue.algorithm("adamw").parameters)}});
  return out;
}

ParameterLayout problem_layout() {
  ParameterLayout layout;
  layout.add({.name = "single", .kind = ParameterKind::bias, .shape = {1}});
  layout.add({.name = "table", .kind = ParameterKind::embedding, .shape = {9, 4}, .fan_in = 9, .fan_out = 4});
  layout.add({.name = "weight", .kind = ParameterKind::weight, .shape = {17, 33}, .fan_in = 33, .fan_out = 17});
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {17}});
  layout.add({.name = "scale", .kind = ParameterKind::layer_norm_scale, .shape = {11}});
  layout.add({.name = "kernel", .kind = ParameterKind::conv_weight, .shape = {4, 2, 3, 3}, .fan_in = 18, .fan_out = 4});
  return layout;
}
constexpr Index weight_block = 2, bias_block = 3, scale_block = 4, kernel_block = 5;

double symmetric(const RandomStream& stream, std::size_t i) {
  return 2.0 * static_cast<double>(stream.uniform(i)) - 1.0;
}

std::vector<Scalar> host_copy(const ConstVector& values) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), values);
  return {host.data(), host.data() + host.extent(0)};
}

void put(const std::vector<Scalar>& values, const Vector& out) {
  const Kokkos::View<const Scalar*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>> host(values.data(),
                                                                                                     values.size());
  Kokkos::deep_copy(out, host);
}

class NoisyQuadratic final : public Oracle {
 public:
  NoisyQuadratic(const ParameterLayout& layout, Vector params) : layout_(&layout), params_(std::move(params)) {
    progress_.step_hint = replay_steps;
    const RandomStream curvatures(problem_seed, Purpose::workload);
    for (std::size_t i = 0; i < size(); ++i)
      curvature_.push_back(static_cast<Scalar>(0.5 + static_cast<double>(curvatures.uniform(i))));
    for (std::size_t i = 0; i < examples_.size(); ++i) examples_[i] = static_cast<Index>(i);
  }
  void at_step(std::int64_t step) {
    progress_.step = step;
    progress_.elapsed = static_cast<double>(step - 1) / replay_steps;
    query_ = 0;
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return *layout_; }
  [[nodiscard]] ConstVector model_state() const override { return {}; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override {
    return {problem_seed, Purpose::algorithm, static_cast<std::uint64_t>(progress_.step)};
  }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return {}; }
  [[nodiscard]] Capabilities capabilities() const override {
    return {Capability::hessian_vector_products,
            Capability::per_example_gradients,
            Capability::layer_statistics,
            Capability::loss_terms,
            Capability::players,
            Capability::micro_batches};
  }
  [[nodiscard]] Index examples() const override { return training_examples; }
  [[nodiscard]] Index batch_size() const override { return batch_examples; }
  [[nodiscard]] Index loss_terms() const override { return terms; }
  const Batch& batch() override { return batch_; }
  Batch draw(Index count) override {
    return {.id = ++drawn_,
            .split = Split::train,
            .examples = std::span(examples_).first(static_cast<std::size_t>(
                count > 0 ? std::min<Index>(count, static_cast<Index>(examples_.size())) : batch_examples))};
  }
  Batch choose(std::span<const Index> examples) override {
    return {.id = ++drawn_, .split = Split::train, .examples = examples};
  }

  double loss(const Query& query) override {
    const RandomStream noise = next_noise(query);
    return loss_at(point(query), noise);
  }
  double gradient(Vector out, const Query& query) override {
    const RandomStream noise = next_noise(query);
    const std::vector<Scalar> x = point(query);
    put(gradient_at(x, noise), out);
    if (query.layers != nullptr) show_layers(*query.layers, noise);
    return loss_at(x, noise);
  }
  double example_gradients(Vector out, const Query& query) override {
    const RandomStream noise = next_noise(query);
    const std::vector<Scalar> x = point(query);
    const Index rows = query.batch != nullptr ? query.batch->size() : batch_.size();
    std::vector<Scalar> all;
    for (Index e = 0; e < rows; ++e) {
      const std::vector<Scalar> row = gradient_at(x, noise.fork(example_salt + static_cast<std::uint64_t>(e)));
      all.insert(all.end(), row.begin(), row.end());
    }
    put(all, Kokkos::subview(out, std::pair<std::size_t, std::size_t>(0, all.size())));
    return loss_at(x, noise);
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    std::vector<Scalar> product = host_copy(direction);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= curvature_[i];
    put(product, out);
  }

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_->size()); }
  [[nodiscard]] std::vector<Scalar> point(const Query& query) const {
    return host_copy(query.at.extent(0) > 0 ? query.at : ConstVector(params_));
  }
  RandomStream next_noise(const Query& query) {
    const auto term = static_cast<std::uint64_t>(query.loss_term.value_or(0));
    return RandomStream(problem_seed, Purpose::synthetic, static_cast<std::uint64_t>(progress_.step))
        .fork(terms * query_++ + term);
  }
  [[nodiscard]] std::vector<Scalar> gradient_at(const std::vector<Scalar>& x, const RandomStream& noise) const {
    std::vector<Scalar> out(x.size());
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = curvature_[i] * x[i] + static_cast<Scalar>(symmetric(noise, i));
    return out;
  }
  [[nodiscard]] double loss_at(const std::vector<Scalar>& x, const RandomStream& noise) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i)
      sum += static_cast<double>(x[i]) * (0.5 * static_cast<double>(curvature_[i] * x[i]) + symmetric(noise, i));
    return 1.0 + sum / static_cast<double>(x.size());
  }

  void show_layers(LayerVisitor& visitor, const RandomStream& noise) const {
    show(visitor, noise, weight_block, bias_block);
    show(visitor, noise, scale_block, std::nullopt);
    show(visitor, noise, kernel_block, std::nullopt);
  }
  void show(LayerVisitor& visitor, const RandomStream& noise, Index block, std::optional<Index> bias) const {
    const ParameterBlock& weight = (*layout_)[block];
    const Index out = weight.shape[0], in = block == scale_block ? out : weight.size() / out;
    const auto random_matrix = [&](std::uint64_t which, Index columns) {
      const RandomStream stream = noise.fork(layer_salt + 2 * static_cast<std::uint64_t>(block) + which);
      std::vector<Scalar> values(static_cast<std::size_t>(batch_examples * columns));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<Scalar>(symmetric(stream, i));
      Vector matrix("record", values.size());
      put(values, matrix);
      return matrix;
    };
    const Vector inputs = random_matrix(0, in), gradients = random_matrix(1, out);
    visitor.visit({block,
                   bias,
                   {inputs.data(), {batch_examples, in}},
                   {gradients.data(), {batch_examples, out}},
                   batch_examples});
  }

  const ParameterLayout* layout_;
  Vector params_;
  std::vector<Scalar> curvature_;
  Progress progress_;
  std::uint64_t query_ = 0, drawn_ = 1;
  std::array<Index, 256> examples_ = {};
  Batch batch_ = {.id = 1, .split = Split::train, .examples = std::span(examples_).first(batch_examples)};
};

std::vector<float> as_float(const std::vector<Scalar>& values) { return {values.begin(), values.end()}; }

}  // namespace

std::vector<ReplayCase> replay_cases(const Catalogue& catalogue) {
  std::vector<ReplayCase> out;
  for (const CatalogueAlgorithm& info : catalogue.algorithms) {
    const Component standard = with_inner(info, catalogue);
    out.push_back({info.name, standard});
    const auto add = [&](const std::string& option, const std::string& parameter, Parameters::Value value) {
      Component changed = standard;
      changed.parameters.set(parameter, std::move(value));
      out.push_back({cat(info.name, "{", parameter, "=", option, "}"), std::move(changed)});
    };
    for (const ParameterSpec& spec : info.parameters) {
      if (spec.type == ParameterType::boolean) {
        add(spec.number == 0.0 ? "true" : "false", spec.name, spec.number == 0.0);
        for (const ParameterSpec& other : info.parameters)
          if (is_companion(other)) out.back().algorithm.parameters.set(other.name, Schedule(trial_value));
      } else if (spec.type == ParameterType::choice) {
        for (const std::string& word : spec.choices)
          if (word != spec.word) add(word, spec.name, word);
      } else if (spec.type == ParameterType::real && spec.number == 0.0 && spec.range.contains(trial_value)) {
        add(number_text(trial_value), spec.name, Schedule(trial_value));
      }
      if (spec.type == ParameterType::real && spec.name == "lr") {
        Schedule schedule(spec.number);
        schedule.shape = Schedule::Shape::cosine;
        schedule.warmup_fraction = 0.2;
        add("cosine", spec.name, schedule);
      }
    }
  }
  return out;
}

std::vector<std::string> replay_blocks() {
  std::vector<std::string> out;
  const ParameterLayout layout = problem_layout();
  for (const ParameterBlock& block : layout.blocks()) out.push_back(block.name);
  return out;
}

std::string replay_line(const Component& algorithm, const Registry& registry) {
  const ParameterLayout layout = problem_layout();
  Vector params("params", static_cast<std::size_t>(layout.size()));
  const RandomStream start(problem_seed, Purpose::initialisation);
  std::vector<Scalar> initial;
  for (std::size_t i = 0; i < params.extent(0); ++i) initial.push_back(static_cast<Scalar>(symmetric(start, i)));
  put(initial, params);

  NoisyQuadratic oracle(layout, params);
  const std::unique_ptr<TrainingAlgorithm> rider = registry.make(algorithm);
  StateArena state(layout, {.examples = training_examples, .loss_terms = terms});
  rider->declare(state);
  state.allocate();
  rider->init(oracle, params);

  std::vector<analysis::ReplayGroup> groups;
  for (const ParameterBlock& block : layout.blocks())
    groups.push_back({block.name, static_cast<std::size_t>(block.size())});
  analysis::ReplayRecorder recorder(std::move(groups));
  for (std::int64_t step = 1; step <= replay_steps; ++step) {
    oracle.at_step(step);
    rider->step(oracle, params);
    rider->prepare_for_eval(oracle, params);
    recorder.step(as_float(host_copy(params)), as_float(host_copy(rider->evaluation_params(params))));
  }
  return recorder.line();
}

}  // namespace velo
