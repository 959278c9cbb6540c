// analysis/report/paper.hpp
//
// Figures for a paper: one SVG file each, as wide as a column, with its own style sheet (the report's light colours), text
// of 7 and 8 pt at that width, and no raster image in it.
#pragma once

#include <string>
#include <vector>

#include "analysis/report/data.hpp"

namespace velo::analysis {

struct PaperOptions {
  double width_mm = 84;                     ///< a column of a two-column page
  std::vector<std::string> workloads = {};  ///< empty: all
  std::string hyperparameter = {};  ///< of the sensitivity; empty: the learning rate, else the first searched one
};

struct PaperFigure {
  std::string name, summary;
};
[[nodiscard]] const std::vector<PaperFigure>& paper_figures();

/// Throws Error on an unknown figure, workload or hyperparameter, with the nearest name, and where there is nothing to draw.
[[nodiscard]] std::string paper_figure(const ReportData& data, const std::string& name, const PaperOptions& options);

}  // namespace velo::analysis
