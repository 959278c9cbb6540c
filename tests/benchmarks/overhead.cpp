// What the harness itself costs: a trial of the algorithm `null` on the workload `null` does nothing else. Bars: under
// 20 microseconds a step, and under 1 % of a step of fashion_mnist_mlp.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "harness/run/foreign_load.hpp"
#include "harness/run/trial.hpp"
#include "results/error.hpp"
#include "results/files.hpp"

namespace velo {

namespace {

Component standard(const std::string& name, const std::vector<ParameterSpec>& specs) {
  return {name, Parameters::defaults(specs)};
}

/// Runs one trial in a store of its own and returns its wall seconds without evaluation, per step.
double seconds_per_step(const std::string& algorithm, const std::string& workload, std::int64_t steps) {
  const Registry& registry = builtin_registry();
  const WorkloadInfo& track = registry.workload(workload);
  Cell cell;
  cell.workload = standard(workload, track.parameters);
  cell.label = algorithm;
  cell.algorithm = standard(algorithm, registry.algorithm(algorithm).parameters);
  cell.algorithm_version = algorithm + "@1";
  cell.budget.steps = steps;
  cell.step_hint = steps;
  cell.stop = StopRule::budget;
  cell.evaluate.steps = 100;
  cell.target.metric = track.metrics[0].name;
  cell.target.higher_is_better = track.metrics[0].higher_is_better;
  cell.synthetic = true;

  const auto folder = std::filesystem::temp_directory_path() / ("velo-overhead-" + std::to_string(getpid()));
  const Store store = Store::create(folder);
  const RunRef run = store.new_run(std::string(20, 'a'));
  replace_file(store.folder(run).config(), "");
  const TrialSummary summary = run_trial(
      {.cell = cell, .run = run, .data = {.directory = "", .synthetic = true}, .fingerprint = {}}, registry, store, {});
  std::filesystem::remove_all(folder);
  if (summary.status != Status::done) throw Error("the trial failed: " + summary.message);
  return (summary.seconds.wall - summary.seconds.eval) / static_cast<double>(steps);
}

void harness_overhead(benchmark::State& state) {
  const ForeignLoad foreign;
  double harness = 0.0, training = 0.0;
  for (auto _ : state) {
    harness = seconds_per_step("null", "null", 20000);
    training = seconds_per_step("adamw", "fashion_mnist_mlp", 300);
    state.SetIterationTime(harness);
  }
  const double share = foreign.share();
  if (share > ForeignLoad::limit) {
    state.SkipWithError(
        ("disturbed: others used " + std::to_string(static_cast<int>(100 * share)) + " % of the machine").c_str());
    return;
  }
  state.counters["us_per_step"] = 1e6 * harness;
  state.counters["mlp_us_per_step"] = 1e6 * training;
  state.counters["share_of_mlp_%"] = 100 * harness / training;
  state.counters["foreign_%"] = 100 * share;
}

BENCHMARK(harness_overhead)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(3);

}  // namespace

}  // namespace velo
