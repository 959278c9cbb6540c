// analysis/report/figures.hpp
//
// The figures that the program draws itself, each as SVG text (analysis/report/svg.hpp): for papers and for the static
// report. Widths in pixels of 1/96 inch.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "analysis/report/data.hpp"
#include "analysis/trial_survival.hpp"

namespace velo::analysis {

/// The least interval that holds some values.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return !(low <= high); }
  [[nodiscard]] Range padded(double share) const { return {low - share * (high - low), high + share * (high - low)}; }
};

/// Axis range of a workload's metric: all of it towards the good side, the bulk of it towards the bad one, where training
/// starts. Empty without trajectories.
[[nodiscard]] Range metric_range(const ReportData& data, const std::string& workload);

/// Score and interval of one algorithm on a track from 0 to 1: for a table row.
[[nodiscard]] std::string score_track(const ReportData& data, std::size_t algorithm);

/// All performance profiles in one panel.
[[nodiscard]] std::string profile_figure(const ReportData& data, double width = 1100);
/// Scores with their intervals, the best on top.
[[nodiscard]] std::string score_figure(const ReportData& data, double width);
/// One algorithm's profile with its band, the others faint behind it.
[[nodiscard]] std::string profile_panel(const ReportData& data, std::size_t algorithm);

/// Validation metric against work on a workload: the median of each algorithm, every trial faint, the target and the
/// hits on it. Empty without trajectories.
[[nodiscard]] std::string curve_figure(const ReportData& data, const std::string& workload, Clock clock,
                                       double width = 524);

/// Share of the trials that have reached the target by when, with pointwise bands (analysis/trial_survival.hpp). Empty where
/// nobody reached it.
[[nodiscard]] std::string survival_figure(const ReportData& data, const RaceSurvival& race, const std::string& workload,
                                          double width = 524);

/// Time to the result of every trial on a workload, one row per algorithm, with median and interval.
[[nodiscard]] std::string time_figure(const ReportData& data, std::size_t workload, double width = 1100);

/// What a searched hyperparameter does: time to the result of each trial (or its best metric, where fewer than three
/// reached the target) against the value, on a logarithmic axis where the values span a factor of 5.
[[nodiscard]] std::string sensitivity_figure(const ReportData& data, const std::string& workload,
                                             const std::string& algorithm, const std::string& hyperparameter,
                                             double width = 332);

/// Parallel coordinates of an algorithm's trials on a workload: an axis per searched hyperparameter (logarithmic where its
/// values span a factor of 5), the last one the time to the target on the race's clock; the strongest lines are the
/// fastest third, the faint ones missed it. Empty where nothing was searched or nobody reached the target.
[[nodiscard]] std::string parallel_figure(const ReportData& data, const std::string& workload,
                                          const std::string& algorithm, double width = 524);

/// Mean seconds of a trial by phase, one bar per algorithm; the phases on the clock first.
[[nodiscard]] std::string phase_figure(const ReportData& data, const std::string& workload, double width = 524);

/// Phases in the order of phase_figure(), on the clock first.
[[nodiscard]] const std::vector<std::string>& phases();

/// "adamw, study 0, trial 1: 38.4k example-gradients": for tool tips.
[[nodiscard]] std::string describe(const TrialOutcome& trial, Clock clock);

}  // namespace velo::analysis
