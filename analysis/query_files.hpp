// analysis/query_files.hpp
//
// The texts of analysis/queries/*.sql, made part of the program by CMake.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace velo::analysis {

/// Name and text of each, sorted by name.
[[nodiscard]] const std::vector<std::pair<std::string_view, std::string_view>>& query_files();

}  // namespace velo::analysis
