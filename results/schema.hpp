// results/schema.hpp
//
// The schema of the index: numbered SQL scripts (results/schema/NNNN_*.sql), forward only. Script i brings a database
// of schema i to schema i + 1; the number is SQLite's user_version.
#pragma once

#include <string_view>
#include <vector>

namespace velo {

[[nodiscard]] const std::vector<std::string_view>& schema_scripts();

}  // namespace velo
