// harness/cli/show_results.hpp
//
// What a race ends with: the time-to-result table, the score and, in a file, the report.
#pragma once

#include <string>

#include "harness/cli/verb.hpp"
#include "results/store.hpp"

namespace velo {

/// Prints the tables of one sweep and writes STORE/reports/SWEEP.html when `report` is true.
void show_results(const Store& store, const std::string& sweep, Format format, bool report, const Console& console);

}  // namespace velo
