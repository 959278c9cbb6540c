// The YAML files of the repository against the modules of this program.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>

#include "harness/data_set.hpp"
#include "harness/gate/gate_file.hpp"
#include "harness/registry.hpp"
#include "results/files.hpp"
#include "tests/config/small_race.hpp"

using namespace velo;

namespace {

const std::filesystem::path configs = std::filesystem::path(VELO_SOURCE_DIR) / "configs";

Sweep load(const std::string& workload, const std::string& algorithm) {
  const small_race::Folder folder;
  std::filesystem::remove_all(folder / "configs");
  folder.write("sweep.yaml", "sweep: s\nworkloads: [" + workload + "]\nalgorithms: [" + algorithm + "]\n");
  return load_sweep({folder / "sweep.yaml", {}, "Serial", ""}, catalogue_of(builtin_registry()));
}

std::vector<Capability> missing(const AlgorithmInfo& algorithm, const WorkloadInfo& workload) {
  return algorithm.needed_by(Parameters::defaults(algorithm.parameters))
      .missing_from(workload.offered_by(Parameters::defaults(workload.parameters)));
}

/// A workload that offers what an algorithm needs: quadratic, if it does.
std::string track_for(const AlgorithmInfo& algorithm) {
  if (missing(algorithm, builtin_registry().workload("quadratic")).empty()) return "quadratic";
  for (const WorkloadInfo& workload : builtin_registry().workloads())
    if (missing(algorithm, workload).empty()) return workload.name;
  FAIL("no workload offers what " << algorithm.name << " needs");
  return {};
}

}  // namespace

TEST_CASE("every algorithm's search space fits its parameters") {
  const Catalogue catalogue = catalogue_of(builtin_registry());
  for (const CatalogueAlgorithm& algorithm : catalogue.algorithms) {
    INFO(algorithm.name);
    const bool wraps = algorithm.inner() != nullptr;
    const Sweep sweep = load(track_for(builtin_registry().algorithm(algorithm.name)),
                             wraps ? "{" + algorithm.name + ": {inner: sgd}}" : algorithm.name);
    CHECK(sweep.cells.size() == 15);
    CHECK(std::filesystem::exists(configs / "algorithms" / (algorithm.name + ".yaml")));
  }
}

TEST_CASE("an algorithm that needs what a workload does not offer is refused in one sentence before anything runs") {
  const Catalogue catalogue = catalogue_of(builtin_registry());
  for (const AlgorithmInfo& algorithm : builtin_registry().algorithms())
    for (const WorkloadInfo& workload : builtin_registry().workloads()) {
      const std::vector<Capability> lacking = missing(algorithm, workload);
      if (lacking.empty()) continue;
      INFO(algorithm.name << " on " << workload.name);
      const bool wraps = catalogue.find_algorithm(algorithm.name)->inner() != nullptr;
      CHECK_THROWS_WITH(
          load(workload.name, wraps ? "{" + algorithm.name + ": {inner: sgd}}" : algorithm.name),
          Catch::Matchers::ContainsSubstring("needs " + std::string(name(lacking.front())) + ", which the workload '" +
                                             workload.name + "' does not offer"));
    }
}

TEST_CASE("every workload's file gives it a budget, a cadence and a step hint") {
  for (const CatalogueWorkload& workload : catalogue_of(builtin_registry()).workloads) {
    INFO(workload.name);
    const Cell cell = load(workload.name, "sgd").cells.at(0);
    CHECK(cell.step_hint >= 1);
    CHECK((cell.budget.steps || cell.budget.seconds));
    CHECK(cell.target.metric == workload.metrics.at(0).name);
  }
}

TEST_CASE("every target asks for more than a prediction that ignores its input scores") {
  for (const CatalogueWorkload& workload : catalogue_of(builtin_registry()).workloads) {
    if (!workload.trivial) continue;
    if (!data_set(builtin_registry(), workload.data_set).installed(default_data_directory())) continue;
    INFO(workload.name);
    const Target target = load(workload.name, "sgd").cells.at(0).target;
    const TrivialBaseline trivial = workload.trivial(Parameters::defaults(workload.parameters), "", false);
    REQUIRE((target.validation && target.test));
    const double sign = target.higher_is_better ? 1 : -1;
    CHECK(sign * (*target.validation - trivial.validation) > 0);
    CHECK(sign * (*target.test - trivial.test) > 0);
  }
}

TEST_CASE("every sweep and gate of the repository loads") {
  for (const char* folder : {"sweeps", "ci", "claims"}) {
    if (!std::filesystem::is_directory(configs / folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(configs / folder)) {
      if (entry.path().extension() != ".yaml") continue;
      const std::string file = entry.path().string();
      INFO(file);
      const Catalogue catalogue = catalogue_of(builtin_registry());
      if (read_file(file).find("\ngate:") != std::string::npos)
        CHECK(std::filesystem::exists(read_gate_file(file, catalogue).sweep));
      else
        CHECK_FALSE(load_sweep({file, {}, "Serial", ""}, catalogue).cells.empty());
    }
  }
}
