// analysis/report/page.hpp
//
// report.html: one file with everything in it (style, script, figures), readable offline, in light and dark, without
// colour vision and by keyboard. Every number links to the trials it was made of; the footer says how to make it again.
#pragma once

#include <filesystem>
#include <string>

#include "analysis/report/data.hpp"

namespace velo::analysis {

[[nodiscard]] std::string report_page(const ReportData& data);

/// Writes the page whole or not at all, making its folder. Throws Error when that is not possible.
void write_report(const ReportData& data, const std::filesystem::path& file);

}  // namespace velo::analysis
