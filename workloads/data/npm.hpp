// workloads/data/npm.hpp
//
// Gets files out of npm packages: their tarballs are unpacked into a scratch folder, none of their scripts run.
#pragma once

#include <string>
#include <vector>

#include "harness/data_set.hpp"

namespace velo::data {

/// Folder whose node_modules/ holds the packages ("vega-datasets@3.2.1") and what they depend on; made below `scratch`.
/// Throws Error with npm's own reason.
[[nodiscard]] std::string npm_folder(const std::vector<std::string>& packages, const std::string& scratch,
                                     const Say& say);

/// Runs `script`, a JavaScript module, in a folder that npm_folder() gave, with its arguments in process.argv from 1 on.
/// What it throws becomes an Error.
void run_node(const std::string& script, const std::vector<std::string>& arguments, const std::string& folder);

}  // namespace velo::data
