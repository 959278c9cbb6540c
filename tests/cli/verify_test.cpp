// A stored trial run again.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "results/index.hpp"
#include "results/store.hpp"
#include "results/trajectory.hpp"
#include "tests/support/command.hpp"

using namespace velo;
using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Three studies that differ in their seed alone.
std::filesystem::path small_store(const ScratchFolder& scratch) {
  const std::string sweep = scratch.file("seeds.yaml", R"(sweep: seeds
ruleset: external
studies: 3
trials: 1
seeds: 3
workloads:
  - quadratic: {dimension: 20, noise: 0.1}
algorithms:
  - sgd: {lr: 0.01, momentum: 0.9}
budget: {steps: 400}
evaluate_every: 40
stop: budget
executor: {kind: local, workers: 1, threads: 1}
)");
  const auto store = scratch.path() / "store";
  const Outcome made = run_velo({"run", sweep, "--out", store.string(), "--no-report", "--quiet"});
  INFO(made.err);
  REQUIRE(made.exit == 0);
  return store;
}

/// Adds to every validation value of a run.
void shift(const Store& store, const RunRef& run, double by) {
  Trajectory trajectory = read_trajectory(store.folder(run).trajectory());
  for (Series& series : trajectory.evaluations.series)
    if (series.info.name.starts_with("validation/"))
      for (double& value : series.values) value += by;
  write_trajectory(store.folder(run).trajectory(), trajectory);
}

}  // namespace

TEST_CASE("a trial run again is identical; one whose record was changed is not") {
  const ScratchFolder scratch;
  const auto place = small_store(scratch);
  const Store store = Store::open(place);
  const RunRef run = store.scan().at(0);
  const std::vector<std::string> verify{"verify", run.text(), "--store", place.string(), "--format", "csv"};
  const Outcome same = run_velo(verify);
  INFO(same.err << same.out);
  CHECK(same.exit == 0);
  CHECK_THAT(same.out, ContainsSubstring("identical"));

  shift(store, run, 1e-12);
  const Outcome near = run_velo(verify);
  CHECK(near.exit == 0);
  CHECK_THAT(near.out, ContainsSubstring("consistent"));
  CHECK_THAT(near.out, !ContainsSubstring("inconsistent") && !ContainsSubstring("identical"));

  shift(store, run, 1000);
  const Outcome far = run_velo(verify);
  CHECK(far.exit == 1);
  CHECK_THAT(far.out, ContainsSubstring("inconsistent"));
  CHECK_THAT(far.err, ContainsSubstring("evaluations/validation/"));
}
