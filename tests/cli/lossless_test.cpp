// `stop: lossless` must save work and change no score.
#include <catch2/catch_test_macros.hpp>

#include "results/store.hpp"
#include "tests/support/command.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::string race(const std::string& stop) {
  return R"(sweep: race
studies: 3
trials: 4
seeds: 5
workloads:
  - quadratic: {}
    target: {validation: 0.05}
algorithms: [sgd, adamw, lion]
stop: )" +
         stop + "\nexecutor: {kind: local, workers: 2, threads: 1}\n";
}

std::int64_t work_of(const std::filesystem::path& store, std::size_t& stopped) {
  std::int64_t sum = 0;
  const Store opened = Store::open(store);
  for (const RunRef& run : opened.scan()) {
    const TrialSummary summary = opened.read_status(run);
    sum += summary.work.example_gradients;
    stopped += summary.stop_reason == StopReason::stopped_lossless ? 1 : 0;
  }
  return sum;
}

}  // namespace

TEST_CASE("lossless stopping gives the same scores with less work") {
  const ScratchFolder scratch;
  for (const std::string stop : {"target", "lossless"}) {
    const std::string file = scratch.file(stop + ".yaml", race(stop));
    const Outcome outcome = run_velo({"run", file, "--out", stop, "--no-report", "--quiet"}, scratch.path());
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
  }
  const Outcome all = run_velo({"score", "race", "--out", "target", "--format", "csv"}, scratch.path());
  const Outcome less = run_velo({"score", "race", "--out", "lossless", "--format", "csv"}, scratch.path());
  REQUIRE(all.exit == 0);
  const auto scores = [](const std::string& text) { return text.substr(text.find("rank,")); };
  CHECK(scores(all.out) == scores(less.out));

  std::size_t never = 0;
  std::size_t stopped = 0;
  const std::int64_t full = work_of(scratch.path() / "target", never);
  const std::int64_t saved = work_of(scratch.path() / "lossless", stopped);
  CHECK(never == 0);
  CHECK(stopped > 0);
  CHECK(saved < full);
}
