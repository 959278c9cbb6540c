// Kills, and what is left behind.
#include <catch2/catch_test_macros.hpp>
#include <csignal>
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
  - quadratic: {dimension: 300}
algorithms:
  - lookahead: {inner: {adamw: {lr: {value: 0.01, schedule: cosine}}}}
budget: {steps: 100000}
evaluate_every: 500
stop: budget
executor: {kind: local, workers: 1, threads: 1}
)");
}

std::vector<std::string> run_command(const std::string& sweep, const std::filesystem::path& store) {
  return {"run", sweep, "--out", store.string(), "--no-report", "--quiet", "--checkpoint-seconds", "0.02"};
}

/// Size of the only journal in a store; 0 when there is none yet.
std::uintmax_t journal_bytes(const std::filesystem::path& store) {
  std::error_code gone;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store, gone))
    if (entry.path().filename() == "journal.bin") return entry.file_size(gone);
  return 0;
}

}  // namespace

TEST_CASE("a trial killed again and again and resumed equals one that ran through, bit for bit") {
  const ScratchFolder scratch;
  const std::string sweep = slow_sweep(scratch);
  REQUIRE(run_velo(run_command(sweep, scratch.path() / "through")).exit == 0);

  // In start-up, then five times after some more training: the journal tells, whatever the speed of the machine.
  const auto store = scratch.path() / "killed";
  CHECK(run_velo(run_command(sweep, store), {}, {}, [&] { return std::filesystem::exists(store / "trials"); }).exit ==
        128 + SIGKILL);
  for (int kill = 0; kill < 5; ++kill) {
    std::uintmax_t before = 0;
    const auto grown = [&] {
      const std::uintmax_t now = journal_bytes(store);
      if (before == 0 || now < before) before = now;  // a resumed run cuts its journal first
      return now > before + 5000;
    };
    CHECK(run_velo(run_command(sweep, store), {}, {}, grown).exit == 128 + SIGKILL);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store))
      if (entry.path().extension() == ".h5") CHECK_NOTHROW(read_trajectory(entry.path()));
  }
  const Outcome last = run_velo(run_command(sweep, store));
  INFO(last.err);
  CHECK(last.exit == 0);
  const Outcome diff = run_velo({"diff", (scratch.path() / "through").string(), store.string()});
  INFO(diff.out << diff.err);
  CHECK(diff.exit == 0);

  const Store killed = Store::open(store);
  const TrialSummary summary = killed.read_status(killed.scan().at(0));
  CHECK(summary.status == Status::done);
  CHECK(summary.attempt >= 5);
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
