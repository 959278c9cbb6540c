// At least twenty bugs that optimizer libraries had: each shows in the replayed trajectories of its algorithm.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "analysis/gate/replay_digest.hpp"
#include "harness/catalogue.hpp"
#include "harness/gate/replay_cases.hpp"
#include "tests/gate/planted.hpp"

namespace velo {
namespace {

/// Names of the replayed cases that a planted bug changes.
std::vector<std::string> changed_cases(const std::string& bug, const std::string& algorithm) {
  const Registry planted = test::planted_registry(bug);
  std::vector<std::string> out;
  for (const ReplayCase& one : replay_cases(catalogue_of(builtin_registry())))
    if (one.algorithm.name == algorithm &&
        replay_line(one.algorithm, planted) != replay_line(one.algorithm, builtin_registry()))
      out.push_back(one.name);
  return out;
}

TEST_CASE("every planted bug changes a replayed trajectory of its algorithm") {
  const std::vector<test::PlantedBug> bugs = test::planted_bugs();
  CHECK(bugs.size() >= 20);
  for (const test::PlantedBug& bug : bugs) {
    INFO(bug.name << ": " << bug.what);
    CHECK_FALSE(changed_cases(bug.name, bug.algorithm).empty());
  }
}

TEST_CASE("the same rule written anew changes no bit") { CHECK(changed_cases("adamw_control", "adamw").empty()); }

TEST_CASE("a bug shows in the algorithms that wrap the broken one") {
  CHECK_FALSE(changed_cases("adamw_beta2", "lookahead").empty());
}

TEST_CASE("every registered algorithm has a case with its defaults, and names are unique") {
  std::set<std::string> names;
  for (const ReplayCase& one : replay_cases(catalogue_of(builtin_registry()))) CHECK(names.insert(one.name).second);
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) CHECK(names.contains(info.name));
}

TEST_CASE("a replay is the same on any run, and no algorithm refuses its derived cases") {
  for (const ReplayCase& one : replay_cases(catalogue_of(builtin_registry()))) {
    INFO(one.name);
    const std::string line = replay_line(one.algorithm, builtin_registry());
    CHECK(line == replay_line(one.algorithm, builtin_registry()));
  }
}

}  // namespace
}  // namespace velo
