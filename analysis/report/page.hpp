// analysis/report/page.hpp
//
// report.html: one file with everything in it, readable offline, in light and dark, without colour vision and by keyboard.
// Every number links to the trials it was made of; the footer says how to make it again.
#pragma once

#include <filesystem>
#include <string>

#include "analysis/report/data.hpp"

namespace velo::analysis {

/// The interactive page where the program has the plotting library, else the static one.
[[nodiscard]] std::string report_page(const ReportData& data);
/// Figures of the program's own, no script.
[[nodiscard]] std::string static_page(const ReportData& data);
/// The data once (analysis/report/payload.hpp), the plotting library and view/*.js, which draw what is in view and filter
/// it. Routes: #/trials?a=3&w=0 lists trials by algorithm, workload, study and outcome; #/trial/CELL is one of them.
[[nodiscard]] std::string interactive_page(const ReportData& data);

/// Writes the page whole or not at all, making its folder. Throws Error when that is not possible.
void write_report(const ReportData& data, const std::filesystem::path& file);

}  // namespace velo::analysis
