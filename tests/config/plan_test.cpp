#include "harness/sweep/plan.hpp"

#include <catch2/catch_test_macros.hpp>

#include "harness/component_text.hpp"
#include "harness/registry.hpp"
#include "tests/config/small_race.hpp"

using namespace velo;
using small_race::Folder;

namespace {

const char* const race =
    "sweep: s\nstudies: 1\ntrials: 2\nsearch_space: none\nworkloads: [quadratic]\nalgorithms: [sgd, adamw]\n"
    "executor: {workers: 2}\n";

/// What a finished run of a cell leaves behind.
void record(const Store& store, const Cell& cell, Status status, StopReason why, double seconds) {
  const Catalogue catalogue = catalogue_of(builtin_registry());
  TrialSummary summary;
  summary.id = store.new_run(cell_id(cell, catalogue));
  summary.workload = cell.workload.name;
  summary.workload_version = cell.workload_version;
  summary.workload_changes = workload_changes_json(cell.workload, builtin_registry());
  summary.data_version = cell.data_version;
  summary.algorithm = short_form(cell.algorithm);
  summary.algorithm_version = cell.algorithm_version;
  summary.algorithm_changes = algorithm_changes_json(cell.algorithm, builtin_registry());
  summary.study = cell.study;
  summary.trial = cell.trial;
  summary.seed = cell.seed;
  summary.status = status;
  summary.stop_reason = why;
  summary.seconds.wall = seconds;
  store.write_status(summary);
}

}  // namespace

TEST_CASE("without a store everything is new and of unknown length") {
  const Folder folder;
  folder.write("sweep.yaml", race);
  const Sweep sweep = load_sweep({folder / "sweep.yaml", {}, "Serial", ""}, catalogue_of(builtin_registry()));
  const Plan plan = make_plan(sweep, nullptr, {}, builtin_registry());
  CHECK(plan.trials.size() == 4);
  CHECK(plan.to_run == 4);
  CHECK(plan.unknown == 4);
  CHECK_FALSE(plan.seconds);
  CHECK(plan.trials[0].reason == "never run");
}

TEST_CASE("a plan says for every trial whether it runs, and why") {
  const Folder folder;
  folder.write("sweep.yaml", race);
  const Sweep sweep = load_sweep({folder / "sweep.yaml", {}, "Serial", ""}, catalogue_of(builtin_registry()));
  const Store store = Store::create(folder / "store");
  // Cells: sgd and adamw of trial 0, then of trial 1.
  record(store, sweep.cells[0], Status::done, StopReason::target, 10.0);
  record(store, sweep.cells[1], Status::failed, StopReason::oom, 1.0);
  Cell older = sweep.cells[2];
  older.algorithm_version = "sgd@0";
  record(store, older, Status::done, StopReason::budget, 30.0);

  const Plan plan = make_plan(sweep, &store, {}, builtin_registry());
  REQUIRE(plan.trials.size() == 4);
  CHECK(plan.trials[0].need == Need::done);
  CHECK(plan.trials[0].reason == "done: target");
  CHECK(plan.trials[1].need == Need::failed);
  CHECK(plan.trials[1].reason == "failed before: oom");
  CHECK(plan.trials[2].need == Need::fresh);
  CHECK(plan.trials[2].reason == "done with sgd@0, now " + sweep.cells[2].algorithm_version);
  CHECK(plan.trials[3].reason == "never run");
  CHECK(plan.to_run == 2);
  CHECK(plan.unknown == 0);

  CampaignSettings again;
  again.retry_failed = true;
  CHECK(make_plan(sweep, &store, again, builtin_registry()).trials[1].need == Need::retry);
}

TEST_CASE("the time of a plan is the median of past runs, shared among the workers") {
  const Folder folder;
  folder.write("sweep.yaml", race);
  const Catalogue catalogue = catalogue_of(builtin_registry());
  const auto load = [&](const std::vector<std::string>& overrides) {
    return load_sweep({folder / "sweep.yaml", overrides, "Serial", ""}, catalogue);
  };
  const Store store = Store::create(folder / "store");
  const Sweep before = load({"trials=3", "algorithms=[sgd]"});
  const double seconds[] = {100.0, 8.0, 6.0};
  for (std::size_t i = 0; i < 3; ++i) record(store, before.cells[i], Status::done, StopReason::target, seconds[i]);
  // Two trials of sgd are done; two of adamw have no past of their own and take the workload's median, 8 s each.
  const Plan plan = make_plan(load({}), &store, {}, builtin_registry());
  CHECK(plan.to_run == 2);
  REQUIRE(plan.seconds);
  CHECK(*plan.seconds == 8.0);
}
