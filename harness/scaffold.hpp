// harness/scaffold.hpp
//
// Starts a new module: the source, the test and the YAML that CMake demands of each, and the line that lists it.
// The three compile and pass as they are (an algorithm: gradient descent; a workload: finding the mean of random
// points), and are then edited. Their patterns lie in harness/templates. Host-only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace velo {

/// The folder at or above `start` that is a source tree of Velodrome. Throws Error where there is none.
[[nodiscard]] std::filesystem::path source_tree(const std::filesystem::path& start);

/// Writes algorithms/<family>/<name>.cpp, its test and its YAML, and adds velo_add_algorithm(family name).
/// Returns the files written or changed, relative to `root`. Throws Error, and writes nothing, for a name that is no
/// C++ and YAML word (lower-case letters, digits, single underscores) or that exists.
std::vector<std::string> new_algorithm(const std::filesystem::path& root, const std::string& name,
                                       const std::string& family);

/// The same for workloads/<name>.cpp.
std::vector<std::string> new_workload(const std::filesystem::path& root, const std::string& name);

}  // namespace velo
