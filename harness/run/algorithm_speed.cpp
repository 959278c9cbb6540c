#include "harness/run/algorithm_speed.hpp"

#include <algorithm>
#include <vector>

#include "harness/registry.hpp"
#include "harness/run/foreign_load.hpp"
#include "harness/run/triad.hpp"

namespace velo {

namespace {

constexpr Index bench_side = 256;
constexpr std::size_t least_steps = 10;
constexpr int warm_steps = 2;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

ParameterLayout bench_layout(Index parameters) {
  ParameterLayout layout;
  Index rest = parameters;
  for (Index i = 0; rest >= bench_side * bench_side; ++i, rest -= bench_side * bench_side)
    layout.add({.name = "weight" + std::to_string(i),
                .kind = ParameterKind::weight,
                .shape = {bench_side, bench_side},
                .fan_in = bench_side,
                .fan_out = bench_side});
  if (rest > 0) layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {rest}});
  return layout;
}

/// Fills a buffer that it has not seen before; every later gradient into it is what it holds.
class Noise final : public Oracle {
 public:
  explicit Noise(const ParameterLayout& layout) : layout_(&layout) {
    fill_normal(RandomStream(1, Purpose::synthetic), 0.0, 1.0, rows_);
  }
  void next_step() { ++progress_.step; }

  [[nodiscard]] const ParameterLayout& layout() const override { return *layout_; }
  [[nodiscard]] ConstVector model_state() const override { return {}; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override {
    return {1, Purpose::algorithm, static_cast<std::uint64_t>(progress_.step)};
  }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return {}; }
  [[nodiscard]] Capabilities capabilities() const override {
    return {Capability::layer_statistics, Capability::micro_batches};
  }
  [[nodiscard]] Index examples() const override { return std::int64_t{1} << 20; }
  [[nodiscard]] Index batch_size() const override { return default_batch; }
  [[nodiscard]] Index loss_terms() const override { return 1; }
  const Batch& batch() override { return batch_; }
  Batch draw(Index size) override { return {.id = ++drawn_, .split = Split::train, .examples = indices(size)}; }
  Batch choose(std::span<const Index> examples) override { return draw(static_cast<Index>(examples.size())); }
  double loss(const Query&) override { return 1.0; }
  double gradient(Vector out, const Query& query) override {
    if (query.layers != nullptr) show_layers(*query.layers);
    if (std::find(seen_.begin(), seen_.end(), out.data()) == seen_.end()) {
      fill_normal(RandomStream(1, Purpose::synthetic).fork(seen_.size()), 0.0, 1.0, out);
      seen_.push_back(out.data());
    }
    return 1.0;
  }
  double example_gradients(Vector out, const Query& query) override { return gradient(out, query); }
  void hessian_vector_product(ConstVector, Vector out, const Query& query) override { (void)gradient(out, query); }

 private:
  static constexpr Index default_batch = 128;

  void show_layers(LayerVisitor& visitor) const {
    for (std::size_t b = 0; b < layout_->blocks().size(); ++b) {
      if (layout_->blocks()[b].kind != ParameterKind::weight) continue;
      const Tensor rows{rows_.data(), {default_batch, bench_side}};
      visitor.visit({static_cast<Index>(b), std::nullopt, rows, rows, default_batch});
    }
  }

  std::span<const Index> indices(Index size) {
    const Index count = size > 0 ? size : default_batch;
    indices_.resize(static_cast<std::size_t>(std::max(count, default_batch)));
    return std::span(indices_).first(static_cast<std::size_t>(count));
  }

  const ParameterLayout* layout_;
  Vector rows_ = zeros("rows", default_batch* bench_side);  ///< inputs and output gradients of every layer
  Progress progress_{.step = 1, .step_hint = 1000, .elapsed = 0.0};
  std::uint64_t drawn_ = 1;
  std::vector<Index> indices_;
  std::vector<const Scalar*> seen_;
  Batch batch_{.id = 1, .split = Split::train, .examples = indices(default_batch)};
};

/// An algorithm with what the harness would give it.
class LoneAlgorithm {
 public:
  LoneAlgorithm(const Component& algorithm, const Registry& registry, const ParameterLayout& layout)
      : oracle_(layout),
        state_(layout, {.examples = oracle_.examples()}),
        algorithm_(registry.make(algorithm)),
        params_(zeros("params", layout.size())) {
    algorithm_->declare(state_);
    state_.allocate();
    algorithm_->init(oracle_, params_);
  }
  /// Makes a step and returns its seconds.
  double timed_step() {
    const Stopwatch watch;
    algorithm_->step(oracle_, params_);
    const double seconds = watch.seconds();
    oracle_.next_step();
    return seconds;
  }
  [[nodiscard]] double state_bytes() const { return static_cast<double>(state_.bytes()); }

 private:
  Noise oracle_;
  StateArena state_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
  Vector params_;
};

/// Steps from one refresh to the next, by the algorithm's own parameters and those of what it wraps; 0: none.
std::int64_t refresh_interval(const Component& algorithm) {
  std::int64_t longest = 0;
  for (const auto& [name, value] : algorithm.parameters.values()) {
    if (const auto* inner = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *inner) longest = std::max(longest, refresh_interval(part));
    const auto* steps = std::get_if<std::int64_t>(&value);
    const bool named = name.ends_with("_interval") || name.ends_with("_frequency");
    if (steps != nullptr && named && *steps > 1) longest = std::max(longest, *steps);
  }
  return longest;
}

/// Counts what is allocated for Views while it lives.
class CountAllocations {
 public:
  CountAllocations() {
    count = 0;
    Kokkos::Tools::Experimental::set_allocate_data_callback(
        [](const Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t) { ++count; });
  }
  ~CountAllocations() { Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr); }
  CountAllocations(const CountAllocations&) = delete;
  CountAllocations& operator=(const CountAllocations&) = delete;

  static inline std::int64_t count = 0;
};

/// Seconds of the slowest step of an interval beyond `usual`; of steps that lie an interval apart the fastest counts.
double refresh_seconds(const std::vector<double>& steps, std::size_t interval, double usual) {
  double slowest = 0.0;
  for (std::size_t phase = 0; phase < interval; ++phase) {
    double fastest = steps[phase];
    for (std::size_t step = phase; step < steps.size(); step += interval) fastest = std::min(fastest, steps[step]);
    slowest = std::max(slowest, fastest);
  }
  return std::max(0.0, slowest - usual);
}

}  // namespace

AlgorithmSpeed measure_algorithm(const Component& algorithm, const Registry& registry, std::int64_t parameters,
                                 double seconds) {
  const ParameterLayout layout = bench_layout(parameters);
  LoneAlgorithm rider(algorithm, registry, layout);
  const Triad triad(parameters);
  for (int warm = 0; warm < warm_steps; ++warm) {
    (void)rider.timed_step();
    (void)triad.timed_pass();
  }
  const ForeignLoad foreign;
  const std::int64_t interval = refresh_interval(algorithm);
  const std::size_t half = std::max(least_steps / 2, static_cast<std::size_t>(interval));
  std::vector<double> steps, passes;
  AlgorithmSpeed out;
  for (double spent = 0.0; spent < seconds || steps.size() < 2 * half;) {
    passes.push_back(triad.timed_pass());
    const CountAllocations counting;
    steps.push_back(rider.timed_step());
    if (steps.size() > half) out.allocations += CountAllocations::count;
    spent += passes.back() + steps.back();
  }
  out.foreign_share = foreign.share();
  const double n = static_cast<double>(parameters);
  out.state_bytes_per_parameter = rider.state_bytes() / n;
  out.seconds_per_step = median(steps);
  out.slowest_step = *std::max_element(steps.begin(), steps.end());
  out.refresh_interval = interval;
  if (interval > 0)
    out.seconds_per_refresh = refresh_seconds(steps, static_cast<std::size_t>(interval), out.seconds_per_step);
  out.bytes_per_step = 3 * sizeof(Scalar) * n + 2 * rider.state_bytes();
  out.bytes_per_second = out.bytes_per_step / out.seconds_per_step;
  out.triad_bytes_per_second = triad.bytes() / median(passes);
  out.bytes = static_cast<std::int64_t>(2 * sizeof(Scalar) * n + rider.state_bytes());
  return out;
}

struct PacedAlgorithm::Parts {
  ParameterLayout layout;
  LoneAlgorithm rider;

  Parts(const Component& algorithm, const Registry& registry, Index parameters)
      : layout(bench_layout(parameters)), rider(algorithm, registry, layout) {}
};

PacedAlgorithm::PacedAlgorithm(const Component& algorithm, const Registry& registry, std::int64_t parameters)
    : parts_(std::make_unique<Parts>(algorithm, registry, parameters)) {}
PacedAlgorithm::~PacedAlgorithm() = default;

double PacedAlgorithm::turn(std::int64_t steps) {
  double seconds = 0.0;
  for (std::int64_t i = 0; i < steps; ++i) seconds += parts_->rider.timed_step();
  return seconds;
}

}  // namespace velo
