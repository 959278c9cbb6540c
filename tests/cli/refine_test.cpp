// The two runs of a refined schedule: one that records gradient norms, one that follows the schedule made of them.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/command.hpp"

using namespace velo::test;

TEST_CASE("a schedule is refined from a run's gradient norms, of either kind, and trained with") {
  const ScratchFolder scene;
  const auto run = [&](const std::string& algorithm, const std::string& store) {
    scene.file("s.yaml", "sweep: s\nstudies: 1\ntrials: 1\nworkloads: [quadratic]\nalgorithms: [" + algorithm +
                             "]\nbudget: {steps: 50}\nstop: budget\nsearch_space: none\n");
    return run_velo({"run", "s.yaml", "--out", store, "--quiet", "--no-report"}, scene.path());
  };
  REQUIRE(run("{gradient_norms: {inner: {adamw: {lr: 0.01}}}}", "first").exit == 0);
  const Outcome cell =
      run_velo({"query", "SELECT cell FROM trials", "--out", "first", "--format", "csv"}, scene.path());
  REQUIRE(cell.exit == 0);
  const std::string id = cell.out.substr(cell.out.find('\n') + 1, 20);
  for (const char* norm : {"l1", "l2"}) {
    INFO(norm);
    const Outcome refined =
        run_velo({"refine", id, "--store", "first", "--norm", norm, "--points", "11"}, scene.path());
    REQUIRE(refined.exit == 0);
    const auto factors = refined.out.find("factors: [");
    REQUIRE(factors != std::string::npos);
    const std::string table = refined.out.substr(factors, refined.out.find(']', factors) + 1 - factors);
    CHECK_THAT(table, Catch::Matchers::EndsWith(", 0]"));
    CHECK(run("{adamw: {lr: {value: 0.01, schedule: table, " + table + "}}}", std::string("second_") + norm).exit == 0);
  }
  CHECK_THAT(run_velo({"refine", id, "--store", "first", "--norm", "max"}, scene.path()).err,
             Catch::Matchers::ContainsSubstring("--norm"));
}
