#include "harness/scaffold.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <functional>
#include <sstream>

#include "results/error.hpp"

namespace velo {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream in(path);
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// A source tree with the real patterns and lists of one line.
struct Tree {
  fs::path root = fs::temp_directory_path() / ("velo_scaffold_" + std::to_string(getpid()));

  Tree() {
    fs::remove_all(root);
    fs::create_directories(root / "harness");
    fs::create_directory_symlink(fs::path(VELO_SOURCE_DIR) / "harness/templates", root / "harness/templates");
    fs::create_directories(root / "algorithms/first_order");
    fs::create_directories(root / "workloads");
    std::ofstream(root / "algorithms/CMakeLists.txt") << "velo_add_algorithm(first_order sgd)\n";
    std::ofstream(root / "algorithms/first_order/sgd.cpp") << "\n";
    std::ofstream(root / "workloads/CMakeLists.txt") << "velo_add_workload(quadratic)";
  }
  ~Tree() { fs::remove_all(root); }
};

TEST_CASE("a new algorithm is a source, a test, a YAML and a line in the list") {
  const Tree tree;
  const auto written = new_algorithm(tree.root, "cosine_rule", "second_order");
  CHECK(written == std::vector<std::string>{"algorithms/second_order/cosine_rule.cpp",
                                            "tests/algorithms/cosine_rule_test.cpp",
                                            "configs/algorithms/cosine_rule.yaml", "algorithms/CMakeLists.txt"});
  CHECK(content(tree.root / "algorithms/CMakeLists.txt") ==
        "velo_add_algorithm(first_order sgd)\nvelo_add_algorithm(second_order cosine_rule)\n");
  const std::string source = content(tree.root / written[0]);
  CHECK(source.starts_with("// algorithms/second_order/cosine_rule.cpp\n"));
  CHECK(source.find("class CosineRule : public GradientRule") != std::string::npos);
  CHECK(source.find("AlgorithmInfo cosine_rule_info()") != std::string::npos);
  for (const auto& path : written) CHECK(content(tree.root / path).find('@') == std::string::npos);
}

TEST_CASE("a new workload is a source, a test, a YAML and a line in the list") {
  const Tree tree;
  const auto written = new_workload(tree.root, "mean");
  CHECK(written == std::vector<std::string>{"workloads/mean.cpp", "tests/workloads/mean_test.cpp",
                                            "configs/workloads/mean.yaml", "workloads/CMakeLists.txt"});
  CHECK(content(tree.root / "workloads/CMakeLists.txt") == "velo_add_workload(quadratic)\nvelo_add_workload(mean)\n");
  CHECK(content(tree.root / written[0]).find("WorkloadInfo mean_workload_info()") != std::string::npos);
  for (const auto& path : written) CHECK(content(tree.root / path).find('@') == std::string::npos);
}

TEST_CASE("a name that exists is refused before anything is written") {
  const Tree tree;
  CHECK(message([&] { new_algorithm(tree.root, "sgd", "second_order"); }) ==
        "algorithm 'sgd' exists: algorithms/first_order/sgd.cpp");
  new_workload(tree.root, "mean");
  fs::remove(tree.root / "workloads/mean.cpp");
  CHECK(message([&] { new_workload(tree.root, "mean"); }) == "workload 'mean' exists: tests/workloads/mean_test.cpp");
  CHECK_FALSE(fs::exists(tree.root / "workloads/mean.cpp"));
}

TEST_CASE("a name that cannot be a C++ word is refused") {
  const Tree tree;
  for (const char* name : {"", "2nd", "Adam", "ada-m", "a__b", "a_", "../x"})
    CHECK(message([&] { new_algorithm(tree.root, name, "first_order"); }) ==
          std::string("the name '") + name +
              "' is not made of lower-case letters, digits and single underscores, a letter first");
}

TEST_CASE("outside a source tree nothing is started") {
  CHECK(message([] { (void)source_tree("/"); }) ==
        "/ is not inside a source tree of Velodrome: run this in the folder that was cloned");
}

}  // namespace
}  // namespace velo
