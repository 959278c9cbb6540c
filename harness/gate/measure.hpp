// harness/gate/measure.hpp
//
// What a gate measures of the candidate, before anything is compared. Host-only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/gate/quality.hpp"
#include "results/store.hpp"

namespace velo {

/// What `velo replays` says, line by line, fields apart by tabs: "made_with KEY VALUE", "replay NAME LINE",
/// "refused NAME SENTENCE".
struct ReplayRun {
  std::map<std::string, std::string> made_with;  ///< the fingerprint
  std::map<std::string, std::string> lines;      ///< analysis/gate/replay_digest.hpp
  std::map<std::string, std::string> refused;    ///< options that a rule refuses with its other defaults
};

/// Replays every case of the gate's file in a process of its own, with one thread. `other_kernels`: with the oldest
/// kernels of the BLAS libraries, to find what depends on them. Throws Error when the process ends early.
[[nodiscard]] ReplayRun run_replays(const std::string& program, const std::string& gate_file, bool other_kernels);

/// Stars for the lines that other kernels change.
void mark_kernel_dependent(ReplayRun& run, const ReplayRun& with_other_kernels);

struct MeasuredQuality {
  std::vector<analysis::QualityValue> values;  ///< in the order of workloads and labels
  std::vector<std::string> empty;              ///< cases without a single measured study
  std::size_t unmeasured = 0;                  ///< trials that ended without a result
};

/// From the runs of a sweep that speak for its cells.
[[nodiscard]] MeasuredQuality measured_quality(const Store& store, const std::string& sweep);

}  // namespace velo
