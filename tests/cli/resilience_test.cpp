// Kills at random instants, and what is left behind.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>

#include "results/store.hpp"
#include "results/trajectory.hpp"
#include "tests/support/command.hpp"

using namespace velo;
using namespace velo::test;

namespace {

/// One trial of a second or so, with a checkpoint at every chance.
std::string slow_sweep(const ScratchFolder& scratch) {
  return scratch.file("slow.yaml", R"(sweep: slow
ruleset: external
studies: 1
trials: 1
seeds: 3
workloads:
  - quadratic: {dimension: 10000}
algorithms:
  - lookahead: {inner: {adamw: {lr: {value: 0.01, schedule: cosine}}}}
budget: {steps: 20000}
evaluate_every: 100
stop: budget
executor: {kind: local, workers: 1, threads: 1}
)");
}

std::vector<std::string> run_command(const std::string& sweep, const std::filesystem::path& store) {
  return {"run", sweep, "--out", store.string(), "--no-report", "--quiet", "--checkpoint-seconds", "0.02"};
}

}  // namespace

TEST_CASE("a trial killed at random instants and resumed equals one that ran through, bit for bit") {
  const ScratchFolder scratch;
  const std::string sweep = slow_sweep(scratch);
  REQUIRE(run_velo(run_command(sweep, scratch.path() / "through")).exit == 0);

  const auto store = scratch.path() / "killed";
  int kills = 0;
  Outcome last;
  for (int attempt = 0; attempt < 40; ++attempt) {
    // Instants spread over start-up, training and the end of a run.
    const std::chrono::milliseconds instant(attempt < 12 ? 40 + 37 * attempt : 0);
    last = run_velo(run_command(sweep, store), {}, {}, instant);
    if (last.exit < 128) break;
    ++kills;
    if (!std::filesystem::exists(store)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store))
      if (entry.path().extension() == ".h5") CHECK_NOTHROW(read_trajectory(entry.path()));
  }
  INFO(last.err);
  CHECK(kills >= 5);
  CHECK(last.exit == 0);
  const Outcome diff = run_velo({"diff", (scratch.path() / "through").string(), store.string()});
  INFO(diff.out << diff.err);
  CHECK(diff.exit == 0);

  const Store killed = Store::open(store);
  const TrialSummary summary = killed.read_status(killed.scan().at(0));
  CHECK(summary.status == Status::done);
  CHECK(summary.attempt > 1);
  CHECK(summary.lost_steps > 0);
  CHECK(summary.lost_seconds > 0);
}

TEST_CASE("finished work is never run again") {
  const ScratchFolder scratch;
  const std::string sweep = slow_sweep(scratch);
  (void)run_velo(run_command(sweep, scratch.path() / "store"));
  const Store store = Store::open(scratch.path() / "store");
  const TrialSummary before = store.read_status(store.scan().at(0));
  (void)run_velo(run_command(sweep, scratch.path() / "store"));
  REQUIRE(store.scan().size() == 1);
  CHECK(store.read_status(store.scan().at(0)).finished_at == before.finished_at);
  CHECK(store.read_status(store.scan().at(0)).attempt == 1);
}
