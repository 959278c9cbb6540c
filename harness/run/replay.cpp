#include "harness/run/replay.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "harness/algorithm.hpp"
#include "harness/registry.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

std::vector<Scalar> to_host(const ConstVector& values) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), values);
  return {host.data(), host.data() + host.extent(0)};
}

template <typename T>
void to_device(const std::vector<T>& values, const Vector& out) {
  const auto host = Kokkos::create_mirror_view(out);
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
  Kokkos::deep_copy(out, host);
}

/// matrix [d, d] times vector [d], in double.
std::vector<double> product(const std::vector<double>& matrix, const std::vector<Scalar>& vector) {
  const std::size_t d = vector.size();
  std::vector<double> out(d, 0.0);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) out[i] += matrix[i * d + j] * static_cast<double>(vector[j]);
  return out;
}

ParameterLayout layout_of(const ReplayInput& input) {
  ParameterLayout layout;
  for (const ReplayBlock& block : input.blocks) {
    Shape shape;
    for (const std::int64_t extent : block.shape) shape.extents[shape.rank++] = extent;
    const Index fan_out = shape.rank > 0 ? shape[0] : 1;
    layout.add({.name = block.name,
                .kind = parameter_kind(block.kind),
                .shape = shape,
                .fan_in = shape.size() / fan_out,
                .fan_out = fan_out});
  }
  return layout;
}

/// Answers from the file.
class ReplayOracle : public Oracle {
 public:
  ReplayOracle(const ReplayInput& input, const ParameterLayout& layout, Vector params)
      : input_(&input), layout_(&layout), params_(std::move(params)) {
    progress_.step_hint = input.total_steps;
    batch_.examples = example_;
  }

  void begin_step(std::int64_t step) {
    progress_.step = step;
    progress_.elapsed = static_cast<double>(step - 1) / static_cast<double>(progress_.step_hint);
    example_[0] = step - 1;
    batch_.id = static_cast<std::uint64_t>(step);
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return *layout_; }
  [[nodiscard]] ConstVector model_state() const override { return {}; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override {
    return {0, Purpose::algorithm, static_cast<std::uint64_t>(progress_.step)};
  }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return {}; }
  [[nodiscard]] Capabilities capabilities() const override {
    return input_->problem ? Capabilities{Capability::hessian_vector_products} : Capabilities{};
  }
  [[nodiscard]] Index examples() const override { return input_->total_steps; }
  [[nodiscard]] Index batch_size() const override { return 1; }
  [[nodiscard]] Index loss_terms() const override { return 1; }
  const Batch& batch() override { return batch_; }
  Batch draw(Index) override { return batch_; }
  Batch choose(std::span<const Index>) override { return batch_; }

  double loss(const Query& query) override {
    if (!input_->problem) return recorded_loss();
    const std::vector<Scalar> x = point(query);
    return quadratic_loss(x, product(input_->problem->hessian, x));
  }

  double gradient(Vector out, const Query& query) override {
    if (!input_->problem) {
      recorded_gradient(out);
      return recorded_loss();
    }
    const std::vector<Scalar> x = point(query);
    std::vector<double> g = product(input_->problem->hessian, x);
    const double value = quadratic_loss(x, g);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] += noise(i) - input_->problem->linear[i];
    to_device(g, out);
    return value;
  }

  double example_gradients(Vector, const Query&) override {
    throw std::logic_error("recorded gradients offer no per_example_gradients");
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    if (!input_->problem) throw std::logic_error("recorded gradients offer no hessian_vector_products");
    to_device(product(input_->problem->hessian, to_host(direction)), out);
  }

 private:
  [[nodiscard]] std::size_t row() const { return static_cast<std::size_t>(progress_.step - 1); }
  [[nodiscard]] std::vector<Scalar> point(const Query& query) const {
    return to_host(query.at.extent(0) > 0 ? query.at : ConstVector(params_));
  }

  [[nodiscard]] double recorded_loss() const {
    return input_->losses.empty() ? std::numeric_limits<double>::quiet_NaN() : input_->losses[row()];
  }
  void recorded_gradient(const Vector& out) const {
    std::vector<float> flat;
    flat.reserve(static_cast<std::size_t>(layout_->size()));
    for (std::size_t b = 0; b < input_->gradients.size(); ++b) {
      const auto size = input_->blocks[b].size();
      const auto first = input_->gradients[b].begin() + (progress_.step - 1) * size;
      flat.insert(flat.end(), first, first + size);
    }
    to_device(flat, out);
  }

  [[nodiscard]] double noise(std::size_t i) const {
    const std::vector<double>& all = input_->problem->noise;
    return all.empty() ? 0.0 : all[row() * static_cast<std::size_t>(layout_->size()) + i];
  }
  [[nodiscard]] double quadratic_loss(const std::vector<Scalar>& x, const std::vector<double>& hx) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i)
      sum += static_cast<double>(x[i]) * (0.5 * hx[i] - input_->problem->linear[i]);
    return sum;
  }

  const ReplayInput* input_;
  const ParameterLayout* layout_;
  Vector params_;
  Progress progress_;
  std::array<Index, 1> example_ = {0};
  Batch batch_;
};

/// Collects observed scalars in rows of equal length.
class Rows : public Observer {
 public:
  Rows(ReplayOutput& output, std::int64_t steps) : output_(&output), steps_(static_cast<std::size_t>(steps)) {}
  void begin_step(std::int64_t step) { row_ = static_cast<std::size_t>(step - 1); }
  void scalar(std::string_view name, double value) override {
    auto& values = output_->observed[std::string(name)];
    values.resize(steps_, std::numeric_limits<double>::quiet_NaN());
    values[row_] = value;
  }

 private:
  ReplayOutput* output_;
  std::size_t steps_;
  std::size_t row_ = 0;
};

/// Appends one point of the flat vector, block by block.
void append(std::vector<std::vector<float>>& blocks, const ReplayInput& input, const std::vector<Scalar>& flat) {
  blocks.resize(input.blocks.size());
  auto next = flat.begin();
  for (std::size_t b = 0; b < blocks.size(); ++b)
    for (std::int64_t i = 0; i < input.blocks[b].size(); ++i) blocks[b].push_back(static_cast<float>(*next++));
}

void check_needs(const Component& algorithm, const Registry& registry, const Oracle& oracle) {
  const std::vector<Capability> missing = registry.needs(algorithm).missing_from(oracle.capabilities());
  if (missing.empty()) return;
  std::vector<std::string> words;
  for (const Capability capability : missing) words.emplace_back(name(capability));
  throw Error(cat("algorithm '", algorithm.name, "' needs ", join_words(words),
                  ", which this input does not answer; a file with /problem answers hessian_vector_products"));
}

}  // namespace

ReplayOutput replay(const Component& algorithm, const Registry& registry, const ReplayInput& input) {
  const ParameterLayout layout = layout_of(input);
  Vector params("params", static_cast<std::size_t>(layout.size()));
  std::vector<float> initial;
  for (const ReplayBlock& block : input.blocks) initial.insert(initial.end(), block.values.begin(), block.values.end());
  to_device(initial, params);

  ReplayOracle oracle(input, layout, params);
  check_needs(algorithm, registry, oracle);
  const std::unique_ptr<TrainingAlgorithm> rider = registry.make(algorithm);
  StateArena state(layout, {.examples = oracle.examples()});
  rider->declare(state);
  state.allocate();
  rider->init(oracle, params);

  ReplayOutput output;
  output.state_bytes = state.bytes();
  Rows rows(output, input.steps);
  const auto record = [&] {
    rider->prepare_for_eval(oracle, params);
    append(output.params, input, to_host(params));
    append(output.evaluation_params, input, to_host(rider->evaluation_params(params)));
  };
  record();
  for (std::int64_t step = 1; step <= input.steps; ++step) {
    oracle.begin_step(step);
    rider->step(oracle, params);
    rows.begin_step(step);
    rider->observe(rows);
    record();
  }
  return output;
}

}  // namespace velo
