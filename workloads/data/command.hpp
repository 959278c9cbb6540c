// workloads/data/command.hpp
//
// Runs other programs while a data set is installed.
#pragma once

#include <string>
#include <vector>

namespace velo::data {

/// Runs a program in `folder`; what it says goes to `folder`/log. Throws Error when it fails, with its last line, or
/// when it is not on this machine: "<program> is not on this machine; <need>".
void run_command(const std::vector<std::string>& words, const std::string& folder, const std::string& need);

}  // namespace velo::data
