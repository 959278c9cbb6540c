// harness/sweep/sweep.hpp
//
// A sweep file becomes cells. configs/README.md is the manual of the file; this header is what the program makes of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/catalogue.hpp"
#include "harness/cell.hpp"

namespace velo {

/// What to load, and what cells must know that no file says.
struct SweepRequest {
  std::string path;
  std::vector<std::string> overrides;  ///< "adamw.lr=0.1", in the order of the command line
  std::string backend = "Serial";
  /// Where converted data sets lie. Empty: data is not looked for, data_version stays empty, ids are not final.
  std::string data_directory;
  /// Called once for every data set that the sweep reads, before its version is asked for: the place to install it.
  std::function<void(const std::string& data_set)> provide_data = {};
};

struct ExecutorSettings {
  std::string kind = "local";
  int workers = 1;             ///< trials at a time
  int threads = 1;             ///< per trial; part of a cell's identity
  bool pin = true;             ///< give each worker its own cores where there are enough
  double timeout_seconds = 0;  ///< kill a trial after so long; 0: never
};

/// A pair that does not race: it does not fit (`unfit: leave_out`), or is excluded by an item that says why.
struct LeftOut {
  std::string workload;
  std::string label;
  std::string sentence;
};

struct Sweep {
  std::string name;
  std::string path;
  std::string ruleset = "external";  ///< or "self"
  std::int64_t studies = 3;
  std::int64_t trials = 5;  ///< in each study
  std::uint64_t root_seed = 0;
  StopRule stop = StopRule::target;
  ExecutorSettings executor;
  std::vector<std::string> workloads;  ///< names, in the order of the file, each once
  std::vector<std::string> labels;     ///< of the algorithm entries, grid variants apart: "adamw", "adamw[lr=0.1]"
  /// Ordered by study, trial, workload, algorithm: what must be compared runs close together in time.
  std::vector<Cell> cells;
  std::vector<LeftOut> left_out;   ///< workload by workload
  std::vector<std::string> notes;  ///< what is allowed and may not be meant, a sentence each
};

/// Reads, checks and expands a sweep file. Throws Error "file:line:column: sentence" for everything that is wrong with
/// it, algorithms that need what a workload does not offer included (unless they are to be left out), and for missing data where data is looked for.
[[nodiscard]] Sweep load_sweep(const SweepRequest& request, const Catalogue& catalogue);

/// The folders in which configs/workloads/NAME.yaml and the like are looked for, nearest first: the nearest `configs`
/// above `sweep_path` that has `workloads` or `algorithms` in it, the installed ones, those of the source tree.
[[nodiscard]] std::vector<std::string> config_directories(const std::string& sweep_path);

}  // namespace velo
