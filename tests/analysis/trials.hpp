// tests/analysis/trials.hpp
//
// Trials for the tests of analysis/: one-liners, and the real ones of AlgoPerf's 2024 competition.
#pragma once

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analysis/load.hpp"
#include "analysis/outcomes.hpp"
#include "results/csv.hpp"
#include "results/files.hpp"

namespace velo::analysis::testing {

/// A finished trial that reached its target after `time` on every clock; with not_reached, one watched for `watched`.
inline TrialOutcome trial(const std::string& algorithm, const std::string& workload, std::int64_t study, double time,
                          double watched = 1000) {
  TrialOutcome out;
  out.algorithm = algorithm;
  out.workload = workload;
  out.study = study;
  out.reached = time < not_reached;
  out.stop_reason = out.reached ? "target" : "budget";
  out.steps = out.example_gradients = out.seconds = out.reached ? time : watched;
  out.hit_evaluation = out.reached ? static_cast<std::int64_t>(time) : -1;
  out.target = 0.5;
  out.hardware_class = "box";
  return out;
}

/// The external-tuning trials of AlgoPerf v0.5, from its logs (results/algoperf_v05).
inline const Race& algoperf_v05_race() {
  static const Race race = [] {
    const std::filesystem::path folder = std::filesystem::path(VELO_SOURCE_DIR) / "results/algoperf_v05";
    return race_of(
        read_algoperf_logs(folder / "external_tuning.tar.gz", AlgoPerfWorkload::read(folder / "workloads.csv")));
  }();
  return race;
}
inline const std::vector<TrialOutcome>& algoperf_v05_trials() { return algoperf_v05_race().trials; }

/// One column of their published and recomputed scores: submission -> value; without those that have none.
inline std::map<std::string, double> algoperf_v05_column(const std::string& column) {
  const auto file = std::filesystem::path(VELO_SOURCE_DIR) / "results/algoperf_v05/expected_scores.csv";
  const std::string text = read_file(file);
  CsvText csv;
  csv.parse(text, file.string());
  std::map<std::string, double> out;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const double value = csv_number(csv.field(row, csv.column(column).value())).value();
    if (!std::isnan(value)) out[std::string(csv.field(row, csv.column("submission").value()))] = value;
  }
  return out;
}

}  // namespace velo::analysis::testing
