// harness/cli/show_results.hpp
//
// What a race ends with: the time-to-result table, the score and, in a file, the report.
#pragma once

#include <filesystem>
#include <string>

#include "analysis/bootstrap.hpp"
#include "analysis/load.hpp"
#include "harness/cli/verb.hpp"
#include "results/store.hpp"

namespace velo {

/// Prints the tables of one sweep and their provenance (as JSON: one object with `times`, `scores` and `provenance`), notes
/// on stderr, and writes the report when `report` is true. A sweep without anything to score, because no workload has a target or no trial came to its
/// end, is said so and nothing else.
void show_results(const Store& store, const std::string& sweep, Format format, bool report, const Console& console);

/// Where the report of a sweep lies unless asked otherwise: STORE/reports/SWEEP/report.html; "all" for a whole store.
[[nodiscard]] std::filesystem::path report_file(const std::filesystem::path& store, const std::string& sweep);

/// Writes the report of a race, `command` being the line that makes it again; says on stderr what could not be read.
void make_report(analysis::Race race, const analysis::ScoreOptions& options,
                 const analysis::BootstrapOptions& bootstrap, const std::string& command,
                 const std::filesystem::path& file, const Console& console);

}  // namespace velo
