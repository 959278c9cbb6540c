// workloads/data/command.hpp
//
// Runs other programs while a data set is installed.
#pragma once

#include <string>
#include <vector>

namespace velo::data {

/// Where a program that fails says why.
enum class Reason { first_line, last_line };

/// Runs a program in `folder`; what it says goes to `folder`/log. Throws Error when it fails, with its reason, or when it
/// is not on this machine: "<program> is not on this machine; <need>".
void run_command(const std::vector<std::string>& words, const std::string& folder, const std::string& need,
                 Reason reason = Reason::last_line);

}  // namespace velo::data
