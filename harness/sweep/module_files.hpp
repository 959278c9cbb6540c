// harness/sweep/module_files.hpp
//
// The YAML files that come with modules: configs/workloads/NAME.yaml and configs/algorithms/NAME.yaml.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/config/tree.hpp"

namespace velo {

/// The first DIRECTORY/kind/NAME.yaml that exists, or nothing. `kind` is "workloads" or "algorithms".
[[nodiscard]] std::optional<std::string> find_module_file(const std::vector<std::string>& directories,
                                                          const std::string& kind, const std::string& name);

/// An algorithm file: {algorithm: NAME, paper: TEXT, search_space: {...}}.
struct AlgorithmFile {
  Tree tree;
  /// Null when the file gives none.
  [[nodiscard]] const Tree* search_space() const { return tree.find("search_space"); }
};
/// Throws Error for unknown keys or another algorithm's name.
[[nodiscard]] AlgorithmFile read_algorithm_file(const std::string& path, const std::string& name);

}  // namespace velo
