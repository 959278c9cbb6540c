// The YAML and the test that come with every algorithm agree with what is registered.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>

#include "harness/catalogue.hpp"
#include "harness/registry.hpp"
#include "harness/sweep/module_files.hpp"
#include "harness/sweep/search_space.hpp"

namespace velo {
namespace {

TEST_CASE("every algorithm's file names its paper and searches parameters inside their ranges") {
  const Catalogue catalogue = catalogue_of(builtin_registry());
  for (const CatalogueAlgorithm& algorithm : catalogue.algorithms) {
    INFO(algorithm.name);
    const std::string path = std::string(VELO_SOURCE_DIR) + "/configs/algorithms/" + algorithm.name + ".yaml";
    const AlgorithmFile file = read_algorithm_file(path, algorithm.name);
    const Tree* paper = file.tree.find("paper");
    CHECK((paper == nullptr ? std::string() : paper->scalar) == algorithm.paper);

    if (file.search_space() == nullptr) {
      CHECK(algorithm.parameters.size() == (algorithm.inner() == nullptr ? 0 : 1));  // nothing but what it drives
      continue;
    }
    Tree word;
    word.kind = Tree::Kind::scalar;
    word.scalar = algorithm.name;
    const Draft draft = read_algorithm(word, catalogue, {});
    const ModuleSpace space = read_module_space(draft, *file.search_space(), Rank::module_file, nullptr);
    CHECK_FALSE(space.dimensions.empty());
  }
}

TEST_CASE("every algorithm's own test says how much state it keeps") {
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) {
    INFO(info.name);
    std::ifstream file(std::string(VELO_SOURCE_DIR) + "/tests/algorithms/" + info.name + "_test.cpp");
    REQUIRE(file);
    std::ostringstream source;
    source << file.rdbuf();
    const std::string text = source.str();
    CHECK((text.find("state_bytes(\"" + info.name + "\"") != std::string::npos ||
           text.find("state().bytes() ==") != std::string::npos));
  }
}

}  // namespace
}  // namespace velo
