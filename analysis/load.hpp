// analysis/load.hpp
//
// From the record to outcomes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/outcomes.hpp"
#include "results/algoperf_logs.hpp"
#include "results/index.hpp"
#include "results/record.hpp"
#include "results/store.hpp"

namespace velo::analysis {

/// What is known of one race (a sweep, or a whole store).
struct Race {
  std::string sweep;                 ///< empty: every run of the store
  std::string store;                 ///< its path
  std::string source;                ///< the YAML file, where the sweep is known
  std::vector<TrialOutcome> trials;  ///< one per cell, ordered by workload, label, study, trial
  std::size_t asked = 0;             ///< cells that the sweep asks for
  std::size_t not_run = 0;           ///< of these, without any run yet
  std::size_t superseded = 0;        ///< runs that another one of their cell speaks for
  std::size_t unreadable = 0;        ///< runs whose files could not be read when they were indexed
  std::vector<std::string> notes;    ///< what was left out when it was read, and what is not there yet
};

/// The outcome of one run. The workload's name carries its variant: "fashion_mnist_mlp{width=64}". Hyperparameters,
/// phases and provenance are as complete as the summary.
[[nodiscard]] TrialOutcome outcome_of(const TrialSummary& summary);

/// Reads one sweep, or with an empty name all runs of the store. A cell that was run more than once is spoken for by its
/// last finished run, else by its last one. Labels are those of the sweep. Throws Error when the index is missing, for
/// an unknown sweep (with the names there are), and with exit code 5 when there is no run. Scores and comparisons need
/// the results only, which takes a fifth of the time. `where` (results/filter.hpp) leaves out the trials that do not meet
/// it, and counts them in a note.
[[nodiscard]] Race load_race(const Store& store, const std::string& sweep = "",
                             TrialDetail detail = TrialDetail::everything, const std::string& where = "");

/// The trials of AlgoPerf's logs, without a store between. Notes: how many files were read and left out and why, and
/// the base workloads of the table that nobody ran.
[[nodiscard]] Race race_of(const AlgoPerfLogs& logs);

/// Fields of a JSON object, nested ones joined by dots: {"lr": 0.1, "inner": {"beta": 0.9}} -> lr, inner.beta.
[[nodiscard]] std::map<std::string, Setting> flatten_settings(const std::string& json);

}  // namespace velo::analysis
