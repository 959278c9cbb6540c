#include "harness/run/trial.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "harness/run/trial_oracle.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/trajectory.hpp"
#include "tests/support/toy_workload.hpp"

using namespace velo;
using namespace velo::test;

namespace {

struct Scratch {
  Scratch() {
    path = std::filesystem::temp_directory_path() / ("velo-trial-" + std::to_string(::getpid()));
    std::filesystem::remove_all(path);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Component adamw(const Registry& registry, double lr) {
  Component c{"adamw", Parameters::defaults(registry.algorithm("adamw").parameters)};
  c.parameters.set("lr", Schedule(lr));
  return c;
}

Cell toy_cell(const Registry& registry) {
  Cell cell;
  cell.workload = {"toy", Parameters::defaults(registry.workload("toy").parameters)};
  cell.data_version = "toy-1";
  cell.label = "adamw";
  cell.algorithm = adamw(registry, 0.05);
  cell.algorithm_version = "adamw@1";
  cell.seed = 42;
  cell.budget.steps = 60;
  cell.step_hint = 60;
  cell.stop = StopRule::budget;
  cell.evaluate.steps = 10;
  cell.target = {.metric = "mse", .higher_is_better = false, .validation = {}, .test = {}, .confirm = 1};
  cell.backend = "OpenMP";
  return cell;
}

/// Runs `cell` in a store of its own; ends it as interrupted after each number of steps in `stops`, resuming each time.
TrialSummary run_in(const std::filesystem::path& where, const Registry& registry, const Cell& cell,
                    std::vector<int> stops = {}) {
  const Store store = Store::create(where);
  const std::string id(20, 'a');
  const RunRef run = store.new_run(id);
  replace_file(store.folder(run).config(), "workload: toy\n");
  stops.push_back(1 << 30);
  TrialSummary summary;
  for (const int stop : stops) {
    int steps = 0;
    TrialHooks hooks;
    hooks.interrupted = [&] { return ++steps >= stop; };
    summary = run_trial({.cell = cell, .run = run, .data = {}, .fingerprint = {}, .isolation = Isolation::pinned},
                        registry, store, hooks);
  }
  return summary;
}

Trajectory trajectory_in(const std::filesystem::path& where) {
  const Store store = Store::open(where);
  return read_trajectory(store.folder(store.scan().at(0)).trajectory());
}

/// All values but times, bit for bit.
void check_same(const SeriesGroup& a, const SeriesGroup& b) {
  REQUIRE(a.series.size() == b.series.size());
  for (std::size_t s = 0; s < a.series.size(); ++s) {
    if (a.series[s].info.unit == "s") continue;
    INFO(a.series[s].info.name);
    REQUIRE(a.series[s].values.size() == b.series[s].values.size());
    for (std::size_t i = 0; i < a.series[s].values.size(); ++i) {
      const double x = a.series[s].values[i];
      const double y = b.series[s].values[i];
      CHECK((x == y || (std::isnan(x) && std::isnan(y))));
    }
  }
}

}  // namespace

TEST_CASE("a trial trains, evaluates on time and records its work") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const TrialSummary summary = run_in(scratch.path, registry, toy_cell(registry));
  CHECK(summary.status == Status::done);
  CHECK(summary.stop_reason == StopReason::budget);
  CHECK(summary.work.steps == 60);
  CHECK(summary.work.examples == 60 * 8);
  CHECK(summary.work.example_gradients == 60 * 8);
  CHECK(summary.state_bytes == 2 * 7 * 4 + 2 * 8);  // two moments, two running products of betas
  CHECK(summary.final_test.has_value());

  const Trajectory t = trajectory_in(scratch.path);
  const auto steps = t.evaluations.at("step");
  CHECK(std::vector<double>(steps.begin(), steps.end()) == std::vector<double>{0, 10, 20, 30, 40, 50, 60});
  const auto mse = t.evaluations.at("validation/mse");
  CHECK(mse.back() < 0.5 * mse.front());
}

TEST_CASE("the phases of a trial sum to its wall time") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const auto start = std::chrono::steady_clock::now();
  const TrialSummary s = run_in(scratch.path, registry, toy_cell(registry));
  const double outside = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const PhaseSeconds& p = s.seconds;
  const double sum = p.init + p.data + p.step + p.prepare + p.eval + p.log + p.checkpoint;
  CHECK(sum > 0);
  CHECK(std::abs(sum - p.wall) <= 0.02 * p.wall);
  CHECK(p.wall <= outside);
}

TEST_CASE("a trial that is stopped and resumed equals one that ran through, bit for bit") {
  const Registry registry = toy_registry();
  const Cell cell = toy_cell(registry);
  const Scratch scratch;
  (void)run_in(scratch.path / "through", registry, cell);
  const Trajectory through = trajectory_in(scratch.path / "through");
  for (const std::vector<int>& stops : {std::vector<int>{1}, {7}, {10}, {31}, {59}, {5, 5, 5, 20}}) {
    const auto where = scratch.path / ("stopped" + std::to_string(stops.front()) + "x" + std::to_string(stops.size()));
    const TrialSummary summary = run_in(where, registry, cell, stops);
    CHECK(summary.status == Status::done);
    CHECK(summary.resumed == static_cast<std::int64_t>(stops.size()));
    CHECK(summary.attempt == static_cast<std::int64_t>(stops.size()) + 1);
    const Trajectory resumed = trajectory_in(where);
    check_same(through.evaluations, resumed.evaluations);
    check_same(through.steps, resumed.steps);
  }
}

TEST_CASE("a killed attempt without a checkpoint starts again and its seconds stay charged") {
  const Registry registry = toy_registry();
  const Cell cell = toy_cell(registry);
  const Scratch scratch;
  (void)run_in(scratch.path / "through", registry, cell);
  const Store store = Store::create(scratch.path / "killed");
  const RunRef run = store.new_run(std::string(20, 'a'));
  replace_file(store.folder(run).config(), "workload: toy\n");
  int steps = 0;
  TrialHooks hooks;
  hooks.interrupted = [&] { return ++steps >= 25; };
  const TrialRequest request{.cell = cell, .run = run, .data = {}, .fingerprint = {}, .isolation = Isolation::pinned};
  const TrialSummary first = run_trial(request, registry, store, hooks);
  REQUIRE(first.stop_reason == StopReason::interrupted);
  std::filesystem::remove(store.folder(run).checkpoint());

  const TrialSummary second = run_trial(request, registry, store, {});
  CHECK(second.status == Status::done);
  CHECK(second.resumed == 0);
  CHECK(second.attempt == 2);
  CHECK(second.lost_steps == 25);
  CHECK(second.lost_seconds > 0);
  CHECK(second.result.seconds >= second.seconds.on_clock() + second.lost_seconds - 1e-9);
  check_same(trajectory_in(scratch.path / "through").evaluations, trajectory_in(scratch.path / "killed").evaluations);
}

TEST_CASE("a target ends the trial at the first evaluation that meets it") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  (void)run_in(scratch.path / "open", registry, cell);
  const Trajectory open = trajectory_in(scratch.path / "open");
  cell.target.validation = open.evaluations.at("validation/mse")[4];
  cell.stop = StopRule::target;
  const TrialSummary summary = run_in(scratch.path / "target", registry, cell);
  CHECK(summary.stop_reason == StopReason::target);
  CHECK(summary.result.reached);
  CHECK(summary.result.steps == 40);
  CHECK(summary.result.example_gradients == 40 * 8);
  CHECK(summary.result.work == 40 * 8);
  CHECK(summary.result.evaluations == 5);  // at steps 0, 10, 20, 30, 40
  CHECK(summary.result_test.has_value());
}

TEST_CASE("with confirm the first of the consecutive hits is reported") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  (void)run_in(scratch.path / "open", registry, cell);
  cell.target.validation = trajectory_in(scratch.path / "open").evaluations.at("validation/mse")[2];
  cell.target.confirm = 3;
  cell.stop = StopRule::target;
  const TrialSummary summary = run_in(scratch.path / "confirmed", registry, cell);
  REQUIRE(summary.result.reached);
  CHECK(summary.result.steps == 20);
  CHECK(summary.result.evaluations == 3);  // the first hit's, not the one that confirmed it
  CHECK(summary.result.work == 20 * 8);
  CHECK(summary.work.steps == 40);
}

TEST_CASE("an unreached target is censored at the end of the budget, with the reason") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  cell.target.validation = 0.0;
  cell.stop = StopRule::target;
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK_FALSE(summary.result.reached);
  CHECK(summary.result.reason == StopReason::budget);
  CHECK(summary.result.steps == 60);
  CHECK(summary.result.evaluations == 7);
  CHECK(summary.result.work == 60 * 8);
}

TEST_CASE("a target that holds before training is refused in one sentence") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  cell.target.validation = 1e9;
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK(summary.status == Status::failed);
  CHECK(summary.message == "workload 'toy' meets its target of 1e+09 before any training; set a harder target");
}

TEST_CASE("a batch that is larger than the training split is refused in one sentence") {
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  cell.workload.parameters.set("batch_size", std::int64_t{61});
  const Scratch scratch;
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK(summary.status == Status::failed);
  CHECK(summary.message ==
        "workload 'toy' has 60 training examples, fewer than its batch_size of 61; set a smaller batch_size");
}

TEST_CASE("an absurd learning rate ends as diverged or NaN, not as a failure") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  cell.algorithm = {"sgd", Parameters::defaults(registry.algorithm("sgd").parameters)};
  cell.algorithm.parameters.set("lr", Schedule(1e6));
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK(summary.status == Status::done);
  CHECK((summary.stop_reason == StopReason::diverged || summary.stop_reason == StopReason::nan));
}

TEST_CASE("a budget in seconds ends the run after the step that exceeds it") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  Cell cell = toy_cell(registry);
  cell.budget = {.steps = {}, .seconds = 1e-9, .work = {}};
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK(summary.stop_reason == StopReason::budget);
  CHECK(summary.work.steps == 1);
}

TEST_CASE("a damaged checkpoint is named, not used") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const Cell cell = toy_cell(registry);
  const Store store = Store::create(scratch.path);
  const RunRef run = store.new_run(std::string(20, 'b'));
  const TrialRequest request{.cell = cell, .run = run, .data = {}, .fingerprint = {}, .isolation = Isolation::pinned};
  int steps = 0;
  TrialHooks hooks;
  hooks.interrupted = [&] { return ++steps >= 12; };
  (void)run_trial(request, registry, store, hooks);
  const auto file = store.folder(run).checkpoint();
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(40).put('\x7f');
  CHECK_THROWS_AS(run_trial(request, registry, store, {}), Error);
}

namespace {

/// Asks as much as it may while an evaluation is prepared: batches, gradients, a model state of its own.
class Inquisitive : public Wrapper {
 public:
  using Wrapper::Wrapper;
  void declare(StateArena& state) override {
    state.buffer("model_state", 1, own_);
    state.vector("scratch", scratch_);
    Wrapper::declare(state);
  }
  void prepare_for_eval(Oracle& oracle, ConstVector params) override {
    Kokkos::deep_copy(own_, oracle.model_state());
    for (int i = 0; i < 3; ++i) {
      const Batch batch = oracle.draw(5);
      (void)oracle.gradient(scratch_, {.at = params, .batch = &batch});
      (void)oracle.loss({.batch = &batch, .own_model_state = own_});
    }
  }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector) const override { return own_; }

 private:
  Vector own_, scratch_;
};

Registry registry_with_inquisitive() {
  Registry registry = toy_registry();
  AlgorithmInfo info;
  info.name = "inquisitive";
  info.summary = "asks while evaluations are prepared";
  info.parameters = {inner_algorithm("inner", "what trains")};
  info.make = [](const Parameters& parameters, const Registry& known) {
    return std::make_unique<Inquisitive>(known.make(parameters.algorithm("inner")));
  };
  registry.add(info);
  return registry;
}

}  // namespace

TEST_CASE("what an algorithm asks while preparing an evaluation never changes the training") {
  const Scratch scratch;
  const Registry registry = registry_with_inquisitive();
  const Cell plain = toy_cell(registry);
  Cell asking = plain;
  asking.algorithm = {"inquisitive", Parameters::defaults(registry.algorithm("inquisitive").parameters)};
  asking.algorithm.parameters.set("inner", std::vector<Component>{plain.algorithm});
  const TrialSummary a = run_in(scratch.path / "plain", registry, plain);
  const TrialSummary b = run_in(scratch.path / "asking", registry, asking);
  const Trajectory quiet = trajectory_in(scratch.path / "plain"), loud = trajectory_in(scratch.path / "asking");
  const auto same = [](std::span<const double> x, std::span<const double> y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end());
  };
  CHECK(same(quiet.evaluations.at("validation/mse"), loud.evaluations.at("validation/mse")));
  CHECK(same(quiet.steps.at("training_loss"), loud.steps.at("training_loss")));
  // Its own model state is what is evaluated, and asking is charged: three batches of five, six times.
  CHECK_FALSE(same(quiet.evaluations.at("validation/state"), loud.evaluations.at("validation/state")));
  CHECK(b.work.examples == a.work.examples + 6 * 15);
  CHECK(b.work.example_gradients == a.work.example_gradients + 6 * 15);
  CHECK(b.work.forward_examples == a.work.forward_examples + 6 * 15);
}

TEST_CASE("what an evaluation was prepared with is the same after a resume") {
  const Scratch scratch;
  const Registry registry = registry_with_inquisitive();
  Cell asking = toy_cell(registry);
  asking.algorithm = {"inquisitive", Parameters::defaults(registry.algorithm("inquisitive").parameters)};
  asking.algorithm.parameters.set("inner", std::vector<Component>{adamw(registry, 0.05)});
  (void)run_in(scratch.path / "through", registry, asking);
  (void)run_in(scratch.path / "stopped", registry, asking, {10, 7, 23});
  check_same(trajectory_in(scratch.path / "through").evaluations, trajectory_in(scratch.path / "stopped").evaluations);
}

TEST_CASE("questions about layers are refused where the workload does not offer them") {
  ToyWorkload workload(10);
  PhaseClock clock(Phase::init);
  TrialOracle oracle(workload, {}, 1, clock);
  oracle.begin_step({});
  struct Nobody : LayerVisitor {
    void visit(const LayerRecord& /*layer*/) override {}
  } nobody;
  const Vector gradient("gradient", static_cast<std::size_t>(workload.layout().size()));
  CHECK_NOTHROW(oracle.gradient(gradient, {}));
  CHECK_THROWS_AS(oracle.gradient(gradient, {.layers = &nobody}), Error);
  CHECK_THROWS_AS(oracle.gradient(gradient, {.sampled_labels = true}), Error);
}

namespace {

/// zo_sgd on the toy, towards a target that it does not reach.
Cell forward_passes_alone(const Registry& registry, StopRule stop) {
  Cell cell = toy_cell(registry);
  cell.algorithm = {"zo_sgd", Parameters::defaults(registry.algorithm("zo_sgd").parameters)};
  cell.stop = stop;
  cell.target.validation = 0.0;
  return cell;
}

}  // namespace

TEST_CASE("a rule of forward passes alone has a time in work: a third of a gradient for each example") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const Cell cell = forward_passes_alone(registry, StopRule::target);
  const TrialSummary summary = run_in(scratch.path, registry, cell);
  CHECK(summary.work.example_gradients == 0);
  CHECK(summary.work.forward_examples == 60 * 8 * 2);  // at x + u and x - u
  CHECK(summary.result.work == summary.work.charged());
  CHECK(summary.result.work == 320.0);
  const Trajectory t = trajectory_in(scratch.path);
  CHECK(t.evaluations.at("work").back() == 320.0);
  CHECK(t.evaluations.at("forward_examples").back() == 960.0);
}

TEST_CASE("a budget in work ends the run after the step that exceeds it, whatever the rule asks for") {
  const Scratch gradients, passes;
  const Registry registry = toy_registry();
  Cell plain = toy_cell(registry), forward = forward_passes_alone(registry, StopRule::budget);
  plain.budget = forward.budget = {.steps = {}, .seconds = {}, .work = 100};
  const TrialSummary by_gradients = run_in(gradients.path, registry, plain);
  CHECK(by_gradients.stop_reason == StopReason::budget);
  CHECK(by_gradients.budget_work == 100);
  CHECK(by_gradients.work.charged() == 104.0);  // thirteen steps of eight gradients
  const TrialSummary by_passes = run_in(passes.path, registry, forward);
  CHECK(by_passes.stop_reason == StopReason::budget);
  CHECK(by_passes.work.steps == 19);  // of sixteen passes, 16 / 3 gradients, each
}

TEST_CASE("lossless stopping counts work, not gradients") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const Cell cell = forward_passes_alone(registry, StopRule::lossless);
  const Store store = Store::create(scratch.path);
  const RunRef run = store.new_run(std::string(20, 'a'));
  replace_file(store.folder(run).config(), "workload: toy\n");
  const TrialSummary summary = run_trial(
      {.cell = cell, .run = run, .data = {}, .fingerprint = {}, .isolation = Isolation::pinned, .enough = 100.0},
      registry, store, {});
  CHECK(summary.stop_reason == StopReason::stopped_lossless);
  CHECK(summary.work.steps == 19);  // 16/3 a step
}

namespace {

/// `name` on the loss of several terms, 30 steps.
Cell conflicting_cell(const Registry& registry, const std::string& algorithm) {
  Cell cell = toy_cell(registry);
  cell.workload = {"theory_conflicting_losses",
                   Parameters::defaults(registry.workload("theory_conflicting_losses").parameters)};
  cell.algorithm = {algorithm, Parameters::defaults(registry.algorithm(algorithm).parameters)};
  if (algorithm == "conflict_free")
    cell.algorithm.parameters.set("inner", std::vector<Component>{adamw(registry, 0.01)});
  cell.target.metric = registry.workload("theory_conflicting_losses").metrics.at(0).name;
  cell.budget.steps = cell.step_hint = 30;
  return cell;
}

}  // namespace

TEST_CASE("the training loss of a rule that asks term by term is the whole loss") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const auto first_losses = [&](const std::string& algorithm) {
    (void)run_in(scratch.path / algorithm, registry, conflicting_cell(registry, algorithm));
    const Trajectory t = trajectory_in(scratch.path / algorithm);
    const auto losses = t.steps.at("training_loss");
    return std::vector<double>(losses.begin(), losses.end());
  };
  const double whole = first_losses("adamw").at(0);
  const std::vector<double> combined = first_losses("conflict_free");
  CHECK(combined.at(0) == whole);
  // One term a step: unknown until the third step, up to which the parameters rest.
  const std::vector<double> one_a_step = first_losses("conflict_free_momentum");
  CHECK(std::isnan(one_a_step.at(0)));
  CHECK(std::isnan(one_a_step.at(1)));
  CHECK(one_a_step.at(2) == whole);
}

TEST_CASE("what is known of the terms of a loss survives a resume") {
  const Scratch scratch;
  const Registry registry = toy_registry();
  const Cell cell = conflicting_cell(registry, "conflict_free_momentum");
  (void)run_in(scratch.path / "through", registry, cell);
  (void)run_in(scratch.path / "stopped", registry, cell, {1, 4, 5});
  check_same(trajectory_in(scratch.path / "through").steps, trajectory_in(scratch.path / "stopped").steps);
}
