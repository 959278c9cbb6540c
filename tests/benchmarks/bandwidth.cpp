// AdamW's update as a fraction of the memory bandwidth that a triad reaches. Bar: 0.9 at 25 million parameters.
//
// The triad a = b + s c moves 16 bytes per element: two reads, one write, and the read of the line that a write fills.
// The update moves 28 bytes per parameter: it reads parameters, gradient and both moments, and writes all but the
// gradient in place. Both run alternately and medians are compared, so a change of the machine's speed hits both.
// Memory that fits the last cache is said to; the bar is meant for memory beyond it.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/timer.hpp"
#include "harness/registry.hpp"
#include "tests/benchmarks/foreign_load.hpp"

namespace velo {

namespace {

constexpr Index bar_size = 25'000'000;

/// Bytes of the last-level cache; 0 where the system does not say.
Index last_cache_bytes() { return std::max<Index>(0, sysconf(_SC_LEVEL3_CACHE_SIZE)); }

ParameterLayout one_block(Index size) {
  ParameterLayout layout;
  ParameterBlock block;
  block.name = "x";
  block.shape = {size};
  layout.add(block);
  return layout;
}

/// Answers every gradient with what the buffer holds, so that a step is the update alone.
class NoGradient final : public Oracle {
 public:
  explicit NoGradient(const ParameterLayout& layout) : layout_(&layout) {}
  void next_step() { ++progress_.step; }

  [[nodiscard]] const ParameterLayout& layout() const override { return *layout_; }
  [[nodiscard]] ConstVector model_state() const override { return {}; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }
  [[nodiscard]] RandomStream random() const override { return {}; }
  [[nodiscard]] std::span<const Evaluation> evaluations() const override { return {}; }
  [[nodiscard]] Capabilities capabilities() const override { return {}; }
  const Batch& batch() override { return batch_; }
  Batch draw(Index) override { return batch_; }
  double loss(const Query&) override { return 0.0; }
  double gradient(Vector out, const Query&) override {
    if (progress_.step == 1) fill_normal(RandomStream(1, Purpose::algorithm), 0.0, 1.0, out);
    return 0.0;
  }
  void hessian_vector_product(ConstVector, Vector, const Query&) override {}

 private:
  const ParameterLayout* layout_;
  Progress progress_{.step = 1, .step_hint = 1000, .elapsed = 0.0};
  Batch batch_;
};

/// An algorithm with state and parameters, stepping without a workload.
class Rider {
 public:
  Rider(const std::string& name, Index size)
      : layout_(one_block(size)),
        oracle_(layout_),
        state_(layout_),
        algorithm_(
            builtin_registry().make({name, Parameters::defaults(builtin_registry().algorithm(name).parameters)})),
        params_(zeros("params", size)) {
    algorithm_->declare(state_);
    state_.allocate();
    algorithm_->init(oracle_, params_);
  }
  double timed_step() {
    const Stopwatch watch;
    algorithm_->step(oracle_, params_);
    const double seconds = watch.seconds();
    oracle_.next_step();
    return seconds;
  }

 private:
  ParameterLayout layout_;
  NoGradient oracle_;
  StateArena state_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
  Vector params_;
};

class Triad {
 public:
  explicit Triad(Index size) : size_(size), a_(zeros("a", size)), b_(zeros("b", size)), c_(zeros("c", size)) {
    fill(b_, 1.0);
    fill(c_, 2.0);
  }
  double timed_pass() const {
    const Vector a = a_, b = b_, c = c_;
    const Stopwatch watch;
    run(a, b, c, size_);
    return watch.seconds();
  }

 private:
  static void run(const Vector& a, const Vector& b, const Vector& c, Index size) {
    for_each("triad", size, [=](const Index i) { a(i) = b(i) + Scalar(0.5) * c(i); });
  }

  Index size_;
  Vector a_, b_, c_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Arguments: parameters. The triad is sized to touch as many bytes in all.
void adamw_over_triad(benchmark::State& state) {
  const Index n = state.range(0);
  Rider adamw("adamw", n);
  const Triad triad(n * 4 / 3);
  for (int warm = 0; warm < 2; ++warm) {
    adamw.timed_step();
    triad.timed_pass();
  }

  const bench::ForeignLoad foreign;
  std::vector<double> update, reference;
  for (auto _ : state) {
    reference.push_back(triad.timed_pass());
    update.push_back(adamw.timed_step());
    state.SetIterationTime(update.back());
  }
  const double share = foreign.share();
  if (share > bench::ForeignLoad::limit) {
    state.SkipWithError(
        ("disturbed: others used " + std::to_string(static_cast<int>(100 * share)) + " % of the machine").c_str());
    return;
  }

  const double scalar = sizeof(Scalar);
  const double update_rate = 7 * scalar * static_cast<double>(n) / median(update) / 1e9;
  const double triad_rate = 4 * scalar * static_cast<double>(n * 4 / 3) / median(reference) / 1e9;
  state.counters["update_GB/s"] = update_rate;
  state.counters["triad_GB/s"] = triad_rate;
  state.counters["fraction"] = update_rate / triad_rate;
  state.counters["foreign_%"] = 100 * share;
  const Index bytes = 4 * static_cast<Index>(sizeof(Scalar)) * n;
  state.SetLabel(std::to_string(bytes / 1'000'000) + " MB in all, " +
                 (bytes > last_cache_bytes() ? "beyond" : "NOT beyond") + " the " +
                 std::to_string(last_cache_bytes() / 1'000'000) + " MB last-level cache");
}

// The size of the bar, and one that no cache holds (16 bytes a parameter, at least twice the cache).
BENCHMARK(adamw_over_triad)
    ->Arg(bar_size)
    ->Arg(std::max(bar_size, last_cache_bytes() * 5 / 32))
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->MinTime(2.0);

}  // namespace

}  // namespace velo
