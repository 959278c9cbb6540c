// harness/sweep/document.hpp
//
// One sweep file with what it includes and what --set changes, before anything is looked up.
#pragma once

#include <string>
#include <vector>

#include "harness/sweep/assignment.hpp"

namespace velo {

/// The keys a sweep file may hold.
[[nodiscard]] const std::vector<std::string>& sweep_keys();

struct SweepDocument {
  Tree root;                          ///< included files below, --set on keys of the sweep above
  std::vector<Assignment> overrides;  ///< --set on parameters of algorithms and workloads
};

/// Throws Error for unreadable files, unknown keys, nested includes, and keys that two included files both give.
[[nodiscard]] SweepDocument read_document(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace velo
