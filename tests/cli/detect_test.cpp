// `velo plan --detect`: from a store to a number of studies.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/analysis/stores.hpp"
#include "tests/support/command.hpp"

using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("velo plan --detect says how many studies a difference takes, from the stored spread") {
  const velo::analysis::testing::SmallStore small("plan_detect");
  const std::string store = small.root.string();
  const Outcome plan = run_velo({"plan", "--detect", "20%", "--out", store}, small.root);
  CHECK(plan.exit == 0);
  CHECK_THAT(plan.out, ContainsSubstring("slope") && ContainsSubstring("censored studies") &&
                           ContainsSubstring("to see a difference of 20 % in example-gradients with power 80 %") &&
                           ContainsSubstring("by the sign test"));
  CHECK_THAT(plan.err, ContainsSubstring("note: spread: standard deviation") && ContainsSubstring("missed the target"));
  const Outcome csv = run_velo({"plan", "race", "--detect", "0.2", "--format", "csv", "--out", store}, small.root);
  CHECK_THAT(csv.out, ContainsSubstring("workload,studies,missed,spread,") && ContainsSubstring("slope{width=64},3,"));
  CHECK_THAT(csv.err, ContainsSubstring("to see a difference of 20 %"));
}

TEST_CASE("velo plan names what is missing or wrong") {
  const velo::analysis::testing::SmallStore small("plan_wrong");
  const std::string store = small.root.string();
  const Outcome nothing = run_velo({"plan", "--out", store}, small.root);
  CHECK(nothing.exit == 2);
  CHECK_THAT(nothing.err, ContainsSubstring("SWEEP is required"));
  const Outcome wrong = run_velo({"plan", "--detect", "much", "--out", store}, small.root);
  CHECK(wrong.exit == 2);
  CHECK_THAT(wrong.err, ContainsSubstring("--detect is a positive fraction such as 5% or 0.05, not 'much'"));
}
