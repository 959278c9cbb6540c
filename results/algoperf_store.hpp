// results/algoperf_store.hpp
//
// AlgoPerf's logs (results/algoperf_logs.hpp) into a store and a store's trials out as such logs.
//
// What becomes of a log in the store: one cell per trial, its id made of everything that was asked (submission and point,
// workload with metric and targets, budget, ruleset, study, trial), one run with the files every run has. Of the columns
// of eval_measurements.csv
//
//   global_step, score, total_duration       are the series step, seconds and wall_seconds
//   validation/<metric>, test/<metric>       are series of the same name
//   all others, known or not                 are the series observed/<column>; words among numbers are events of the
//                                            kind "word", text "<column>=<word>"
//
// The framework is the back-end of its fingerprint, and the competition its hardware class: seconds compare within a
// release, whose hardware is fixed, and with nothing else. Examples and gradients were not logged and stay 0.
//
// A run's log.txt says where it came from, with a digest: importing the same logs again changes nothing, and a log that
// has changed becomes the next run of its cell, which then speaks for it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "results/algoperf_logs.hpp"
#include "results/store.hpp"

namespace velo {

struct AlgoPerfImport {
  std::string sweep;          ///< under which the trials are found
  std::size_t added = 0;      ///< cells that were not there
  std::size_t changed = 0;    ///< cells that got another run
  std::size_t unchanged = 0;  ///< cells that were there already
};

/// Logs read with LogDetail::everything go into the store, their index and a sweep of that name, whose cells are then
/// exactly these. An empty name: that of the logs' folder. Throws Error when the sweep is one that was trained here, and
/// when a cell is being worked on.
[[nodiscard]] AlgoPerfImport import_algoperf(const AlgoPerfLogs& logs, const Store& store, std::string sweep = "");

struct AlgoPerfExport {
  std::size_t trials = 0;
  std::size_t without_evaluations = 0;  ///< of these: only their hparams.json is written, as AlgoPerf leaves a crash
  std::vector<std::string> problems;    ///< a sentence for every trial left out
};

/// Writes the runs that speak for the cells of a sweep (of the store, with an empty name) as
///
///   DIR/logs/SUBMISSION/study_<k>/<workload>_<framework>/trial_<i>/   eval_measurements.csv, hparams.json
///   DIR/workloads.csv                                                 the table that import_algoperf needs
///   DIR/workload_targets.json                                         the same for AlgoPerf's scorer (--workload_targets)
///
/// SUBMISSION is the label and <workload> the name with its variant, both in letters, digits, '.', '_' and '-'. Trials
/// that were not imported get `framework`, "jax" or "pytorch": the layout knows no other. Of our trials the columns
/// accumulated_eval_time and accumulated_logging_time are not known row by row and are left out.
/// Throws Error when DIR/logs is there and not empty, when two labels or workloads would share a name, and, with exit
/// code 5, when there is nothing to write.
[[nodiscard]] AlgoPerfExport export_algoperf(const Store& store, const std::string& sweep,
                                             const std::filesystem::path& target,
                                             const std::string& framework = "pytorch");

}  // namespace velo
