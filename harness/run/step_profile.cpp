#include "harness/run/step_profile.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <limits>
#include <numeric>

#include "harness/run/foreign_load.hpp"
#include "harness/run/training_steps.hpp"

namespace velo {

namespace {

constexpr int unmeasured_steps = 2;

/// Memory of this process that no file backs, now, without what the heap keeps for later; 0 where the kernel does not
/// say.
std::int64_t anonymous_bytes() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("RssAnon:", 0) == 0) return std::stoll(line.substr(8)) * 1024;
  return 0;
}

/// Gives every moment of a step to an operation. The first is whoever asks: the algorithm.
class OperationClock final : public OperationListener {
 public:
  OperationClock() { operations_.push_back({.operation = "algorithm", .layer = {}, .cost = {}}); }

  void start_step() {
    step_.assign(operations_.size(), 0.0);
    next_ = 0;
    current_ = 0;
    since_ = now();
  }
  /// Seconds of each operation in the step that ends here.
  const std::vector<double>& end_step() {
    settle();
    return step_;
  }

  void begin(const OperationStart& start) override {
    settle();
    current_ = find(start);
    ProfiledOperation& operation = operations_[current_];
    operation.calls += 1;
    operation.cost = operation.cost + start.cost;
    since_ = now();
  }
  void end() override {
    settle();
    current_ = 0;
    since_ = now();
  }
  void memory(const PassMemory& pass) override {
    memory_ = {std::max(memory_.batch, pass.batch), std::max(memory_.needed, pass.needed),
               std::max(memory_.held, pass.held)};
  }

  [[nodiscard]] const std::vector<ProfiledOperation>& operations() const { return operations_; }
  /// The most of each.
  [[nodiscard]] const PassMemory& memory() const { return memory_; }

 private:
  using Clock = std::chrono::steady_clock;

  static Clock::time_point now() {
    ExecutionSpace().fence();
    return Clock::now();
  }
  void settle() { step_[current_] += std::chrono::duration<double>(now() - since_).count(); }

  [[nodiscard]] bool is(std::size_t number, const OperationStart& start) const {
    const ProfiledOperation& o = operations_[number];
    return o.operation == start.operation && o.layer == start.layer && o.backward == start.backward;
  }
  /// Steps are alike: what came next in an earlier one comes next again.
  std::size_t find(const OperationStart& start) {
    const std::size_t place = next_++;
    if (place < order_.size() && is(order_[place], start)) return order_[place];
    std::size_t number = 0;
    while (number < operations_.size() && !is(number, start)) ++number;
    if (number == operations_.size()) {
      operations_.push_back({std::string(start.operation), std::string(start.layer), start.backward, 0.0, 0.0, {}});
      step_.push_back(0.0);
    }
    order_.resize(std::max(order_.size(), place + 1));
    order_[place] = number;
    return number;
  }

  std::vector<ProfiledOperation> operations_;
  std::vector<double> step_;
  std::vector<std::size_t> order_;  ///< of announcements in a step
  std::size_t next_ = 0, current_ = 0;
  PassMemory memory_;
  Clock::time_point since_;
};

/// Numbers of the faster half, at least one.
std::vector<std::size_t> faster_half(const std::vector<double>& seconds) {
  std::vector<std::size_t> order(seconds.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return seconds[a] < seconds[b]; });
  order.resize(std::max<std::size_t>(1, order.size() / 2));
  return order;
}

/// The workload with its data in memory: generated ones are made when first read.
std::unique_ptr<Workload> loaded(const ProfileRequest& request, const Registry& registry) {
  const WorkloadInfo& info = registry.workload(request.workload.name);
  std::unique_ptr<Workload> out =
      info.make(request.workload.parameters, {.directory = request.data_directory, .synthetic = request.synthetic});
  const std::array<Index, 1> any = {0};
  out->load({.id = std::numeric_limits<std::uint64_t>::max(), .split = Split::train, .examples = any});
  return out;
}

Capabilities offers(const ProfileRequest& request, const Registry& registry) {
  return registry.workload(request.workload.name).offered_by(request.workload.parameters);
}

}  // namespace

StepProfile profile_steps(const ProfileRequest& request, const Registry& registry) {
  // What the first trial of a process makes libraries keep (kernels that oneDNN compiles for forms of products, stacks of
  // threads), the later ones find there.
  const std::int64_t bare = anonymous_bytes();
  const std::int64_t steps = std::max<std::int64_t>(2, request.steps);
  if (request.memory) {
    TrainingSteps rehearsal(loaded(request, registry), offers(request, registry), request.algorithm, registry);
    for (std::int64_t i = 0; i < unmeasured_steps + 2 * steps; ++i) static_cast<void>(rehearsal.step());
  }
  const std::int64_t rehearsed = anonymous_bytes();
  std::unique_ptr<Workload> made = loaded(request, registry);
  const std::int64_t before = anonymous_bytes();
  TrainingSteps training(std::move(made), offers(request, registry), request.algorithm, registry);
  for (int i = 0; i < unmeasured_steps; ++i) static_cast<void>(training.step());

  OperationClock clock;
  const ForeignLoad foreign;
  std::vector<double> plain, profiled, trial;
  std::vector<std::vector<double>> parts;
  for (std::int64_t i = 0; i < steps; ++i) {
    plain.push_back(training.step());
    const ListenToOperations listening(clock);
    clock.start_step();
    trial.push_back(training.step());
    parts.push_back(clock.end_step());
    profiled.push_back(std::accumulate(parts.back().begin(), parts.back().end(), 0.0));
  }

  StepProfile out;
  out.foreign_share = foreign.share();
  const std::int64_t after = anonymous_bytes();
  if (request.memory && before > 0) {
    out.memory_bytes = after - before;
    out.library_bytes = rehearsed - bare;
  }
  const Workload& track = training.workload();
  out.parameter_bytes =
      static_cast<std::int64_t>(sizeof(Scalar)) * (2 * track.layout().size() + track.model_state_size());
  out.state_bytes = training.state_bytes();
  out.batch_bytes = clock.memory().batch;
  out.activation_bytes = clock.memory().needed;
  out.arena_bytes = clock.memory().held;

  const std::vector<std::size_t> quiet = faster_half(plain);
  for (const std::size_t step : quiet) out.step_seconds += plain[step] / static_cast<double>(quiet.size());
  out.operations = clock.operations();
  const std::vector<std::size_t> counted = faster_half(profiled);
  for (const std::size_t step : counted) out.trial_seconds += trial[step] / static_cast<double>(counted.size());
  const auto all = static_cast<double>(profiled.size());
  for (std::size_t number = 0; number < out.operations.size(); ++number) {
    ProfiledOperation& operation = out.operations[number];
    for (const std::size_t step : counted)
      if (number < parts[step].size()) operation.seconds += parts[step][number] / static_cast<double>(counted.size());
    operation.calls /= all;
    operation.cost = (1 / all) * operation.cost;
    out.profiled_seconds += operation.seconds;
  }
  // A rule reads parameters, gradient and state and writes parameters and state.
  const double n = sizeof(Scalar) * static_cast<double>(track.layout().size());
  out.operations[0].calls = 1;
  out.operations[0].cost.bytes = 3 * n + 2 * static_cast<double>(out.state_bytes);
  return out;
}

std::vector<ProfiledOperation> by_kind(const std::vector<ProfiledOperation>& operations) {
  std::vector<ProfiledOperation> out;
  for (const ProfiledOperation& operation : operations) {
    const auto known = std::find_if(out.begin(), out.end(), [&](const ProfiledOperation& o) {
      return o.operation == operation.operation && o.backward == operation.backward;
    });
    if (known == out.end()) {
      out.push_back(operation);
      out.back().layer.clear();
      continue;
    }
    known->calls += operation.calls;
    known->seconds += operation.seconds;
    known->cost = known->cost + operation.cost;
  }
  return out;
}

}  // namespace velo
