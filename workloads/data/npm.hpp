// workloads/data/npm.hpp
//
// Gets files out of npm packages: their tarballs are unpacked into a scratch folder, none of their scripts run.
#pragma once

#include <string>
#include <vector>

#include "harness/data_set.hpp"

namespace velo::data {

/// Makes `folder`, and in it node_modules/ with the packages ("vega-datasets@3.2.1") and what they depend on. Throws
/// Error with npm's own reason.
void npm_install(const std::vector<std::string>& packages, const std::string& folder, const Say& say);

/// Runs `script`, a JavaScript module, in a folder that has node_modules/, with its arguments in process.argv from 1 on.
/// What it throws becomes an Error.
void run_node(const std::string& script, const std::vector<std::string>& arguments, const std::string& folder);

}  // namespace velo::data
