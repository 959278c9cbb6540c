// tests/analysis/trials.hpp
//
// Trials for the tests of analysis/: one-liners, and the real ones of AlgoPerf's 2024 competition.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "analysis/outcomes.hpp"

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

inline std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> cells;
  std::istringstream in(line + separator);
  for (std::string cell; std::getline(in, cell, separator);) cells.push_back(cell);
  return cells;
}

/// Rows of a CSV file below its comment lines and its heading.
inline std::vector<std::vector<std::string>> csv_rows(const std::string& name) {
  std::ifstream in(std::filesystem::path(VELO_SOURCE_DIR) / "tests/analysis/data" / name);
  std::vector<std::vector<std::string>> rows;
  bool heading = true;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    if (!heading) rows.push_back(split(line, ','));
    heading = false;
  }
  return rows;
}

/// The external-tuning trials of AlgoPerf v0.5 that decide its scores; see the head of the file.
inline std::vector<TrialOutcome> algoperf_v05_trials() {
  std::vector<TrialOutcome> trials;
  for (const auto& row : csv_rows("algoperf_v05_external.csv")) {
    const bool reached = !row[6].empty();
    TrialOutcome out = trial(row[0], row[1], std::stoll(row[3]), reached ? std::stod(row[6]) : not_reached);
    out.held_out_of = row[2];
    out.trial = std::stoll(row[4]);
    out.hit_evaluation = reached ? std::stoll(row[5]) : -1;
    trials.push_back(out);
  }
  return trials;
}

}  // namespace velo::analysis::testing
