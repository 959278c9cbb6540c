// The YAML files of the repository against the modules of this program.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "harness/registry.hpp"
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

/// A workload that offers what `algorithm` needs: the quadratic where it does.
std::string workload_for(const CatalogueAlgorithm& algorithm, const Catalogue& catalogue) {
  const auto serves = [&](const CatalogueWorkload& workload) {
    return std::all_of(algorithm.needs.begin(), algorithm.needs.end(), [&](const std::string& need) {
      return std::count(workload.offers.begin(), workload.offers.end(), need) > 0;
    });
  };
  if (serves(catalogue.workload("quadratic"))) return "quadratic";
  const auto found = std::find_if(catalogue.workloads.begin(), catalogue.workloads.end(), serves);
  REQUIRE(found != catalogue.workloads.end());
  return found->name;
}

}  // namespace

TEST_CASE("every algorithm's search space fits its parameters") {
  const Catalogue catalogue = catalogue_of(builtin_registry());
  for (const CatalogueAlgorithm& algorithm : catalogue.algorithms) {
    INFO(algorithm.name);
    const bool wraps = algorithm.inner() != nullptr;
    const Sweep sweep =
        load(workload_for(algorithm, catalogue), wraps ? "{" + algorithm.name + ": {inner: sgd}}" : algorithm.name);
    CHECK(sweep.cells.size() == 15);
    CHECK(std::filesystem::exists(configs / "algorithms" / (algorithm.name + ".yaml")));
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

TEST_CASE("every sweep of the repository loads") {
  for (const char* folder : {"sweeps", "ci", "claims"}) {
    if (!std::filesystem::is_directory(configs / folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(configs / folder)) {
      if (entry.path().extension() != ".yaml") continue;
      INFO(entry.path().string());
      CHECK_FALSE(
          load_sweep({entry.path().string(), {}, "Serial", ""}, catalogue_of(builtin_registry())).cells.empty());
    }
  }
}
