#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/command.hpp"

using namespace velo::test;

TEST_CASE("a variant is calibrated with its own parameters, and its target is printed") {
  const ScratchFolder scene;
  const auto calibrate = [&](const std::string& setting) {
    return run_velo({"calibrate", "quadratic", "--set", setting, "--steps", "20", "--points", "1", "--seeds", "2",
                     "--out", "store", "--quiet"},
                    scene.path());
  };
  const Outcome outcome = calibrate("dimension=20");
  CHECK(outcome.exit == 0);
  CHECK_THAT(outcome.out,
             Catch::Matchers::ContainsSubstring("velo calibrate quadratic --set dimension=20 --points 1 "));
  const Outcome trials =
      run_velo({"query", "SELECT DISTINCT workload_changes, budget_steps, evaluate_every_steps FROM trials", "--out",
                "store", "--format", "csv"},
               scene.path());
  CHECK_THAT(trials.out, Catch::Matchers::ContainsSubstring("\"{\"\"dimension\"\": 20}\",20,2"));
  const Outcome misspelt = calibrate("dimensoin=20");
  CHECK(misspelt.exit == 2);
  CHECK_THAT(misspelt.err, Catch::Matchers::ContainsSubstring("did you mean 'dimension'?"));
}
