// `velo calibrate`: measures the target of a workload and writes it, with its provenance, into the workload's file.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/race.hpp"
#include "harness/cli/verb.hpp"
#include "harness/executors/calibration.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  CalibrationPlan plan;
  RaceOptions race;
  std::int64_t root_seed = 1;
  bool dry_run = false;
};

std::filesystem::path workload_file(const std::string& workload) {
  for (const std::string& directory : config_directories(".")) {
    auto file = std::filesystem::path(directory) / "workloads" / (workload + ".yaml");
    if (std::filesystem::exists(file)) return file;
  }
  throw Error(cat("workload '", workload, "' has no configs/workloads/", workload, ".yaml"));
}

/// A generated sweep file, kept in the store beside its results.
std::string keep(const std::string& yaml, const std::string& stage, const Choices& choices) {
  const auto folder = std::filesystem::path(choices.race.store) / "calibrations";
  make_folder(folder);
  const auto file = folder / cat(choices.plan.workload, "_", stage, ".yaml");
  replace_file(file, yaml);
  return file.string();
}

/// Step hint and cadence of the workload, as any sweep would resolve them.
void read_defaults(Choices& choices, const Console& console) {
  choices.race.sweep =
      keep(cat("sweep: probe\nstudies: 1\ntrials: 1\nworkloads: [", choices.plan.workload, "]\nalgorithms: [adamw]\n"),
           "probe", choices);
  const Cell cell = load_race_sweep(choices.race, MissingData::install, console).cells.at(0);
  const bool given = choices.plan.steps > 0;
  if (!given) choices.plan.steps = cell.step_hint;
  const std::int64_t tenth = std::max<std::int64_t>(1, choices.plan.steps / 10);
  choices.plan.evaluate_every = given ? tenth : cell.evaluate.steps.value_or(tenth);
}

/// Runs one stage and returns the summaries of its trials.
std::vector<TrialSummary> run_stage(const std::string& yaml, const std::string& stage, Choices& choices,
                                    const Console& console) {
  choices.race.sweep = keep(yaml, stage, choices);
  const RaceResult result = run_race(choices.race, console);
  if (result.stopped) throw Error("calibration stopped; the same command goes on from there", ExitCode::some_failed);
  const Store store = Store::open(choices.race.store);
  std::vector<TrialSummary> summaries;
  for (const Task& task : result.tasks)
    if (const auto run = store.current_run(task.id)) summaries.push_back(store.read_status(*run));
  return summaries;
}

ExitCode calibrate(Choices& choices, const Console& console) {
  CalibrationPlan& plan = choices.plan;
  (void)catalogue_of(*console.registry).workload(plan.workload);
  if (plan.points < 1 || plan.seeds < 1) throw Error("calibrate needs at least one point and one seed");
  if (plan.steps < 0) throw Error("--steps must be at least 1");
  for (const std::string& setting : plan.settings) choices.race.overrides.push_back(cat(plan.workload, ".", setting));
  if (plan.quantile <= 0.0 || plan.quantile > 1.0) throw Error("--quantile must lie in (0, 1]");
  plan.root_seed = static_cast<std::uint64_t>(choices.root_seed);
  plan.workers = static_cast<int>(choices.race.workers > 0 ? choices.race.workers : available_cores());

  const auto file = workload_file(plan.workload);
  read_defaults(choices, console);

  const TrialSummary best = best_trial(run_stage(tuning_sweep(plan), "tune", choices, console));
  console.err << cat("best of ", plan.points, " points per algorithm: ", best.label, " ", best.algorithm_changes,
                     " with ", best.metric, " ", *best.best_validation, "\n");
  const Calibration result = set_target(run_stage(repeat_sweep(plan, best), "seeds", choices, console), plan.quantile);
  const std::string block = target_block(plan, best, result, utc_now().substr(0, 10));
  console.out << block;
  if (choices.dry_run || !plan.settings.empty()) return ExitCode::ok;
  replace_file(file, with_target(read_file(file), block));
  console.err << cat("target written to ", file.string(), "\n");
  return ExitCode::ok;
}

}  // namespace

Verb calibrate_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "calibrate",
          .group = "Race",
          .summary = "Measure a workload's target: tune, repeat with fresh seeds, take a quantile",
          .examples = {"velo calibrate fashion_mnist_mlp",
                       "velo calibrate fashion_mnist_cnn --points 200 --seeds 20 --quantile 0.5",
                       "velo calibrate prose_lm --set size=small --steps 1200"},
          .declare =
              [=](Options& o) {
                CalibrationPlan& plan = choices->plan;
                o.required("WORKLOAD", plan.workload, "the workload");
                o.list("--set", plan.settings, "a parameter of the workload: the target of a variant, printed only",
                       "KEY=VALUE");
                o.value("--steps", plan.steps, "steps of every run (default: the workload's step hint)");
                o.value("--points", plan.points, "random points per target-setting algorithm (AlgoPerf: 200)");
                o.value("--seeds", plan.seeds, "fresh seeds of the best point (AlgoPerf: 20)");
                o.value("--quantile", plan.quantile, "share of the seeds that must reach the target (AlgoPerf: 0.5)",
                        "Q");
                o.value("--root-seed", choices->root_seed, "seed of points and trials");
                o.store(choices->race.store);
                o.value("-j,--workers", choices->race.workers, "trials at a time (default: all cores)");
                o.flag("--dry-run", choices->dry_run, "print the target without writing it");
                o.flag("-q,--quiet", choices->race.quiet, "no progress");
              },
          .action = [=](const Console& console) { return calibrate(*choices, console); }};
}

}  // namespace velo
