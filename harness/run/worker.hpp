// harness/run/worker.hpp
//
// The process of one trial: takes the cell's claim, starts the device, trains, and leaves the record in the run's
// folder. Host-only interface.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "results/record.hpp"

namespace velo {

class Registry;

struct WorkerSettings {
  std::string store;
  std::string run;  ///< "cell/0001"
  std::string data_directory;
  Isolation isolation = Isolation::shared;
  double enough = 0;  ///< as in TrialRequest; 0: none
  double checkpoint_seconds = 30.0;
};

/// What a worker says after every evaluation.
using SayProgress = std::function<void(std::int64_t step, double fraction, double seconds, double validation)>;

/// Runs the trial. Empty when another process holds the cell or has finished it. `interrupted` is read after every
/// step (a signal handler sets it).
[[nodiscard]] std::optional<TrialSummary> run_worker(const WorkerSettings& settings, const Registry& registry,
                                                     const SayProgress& say, const std::atomic<bool>& interrupted);

/// The facts of this build and process for the fingerprint; needs a running Runtime.
[[nodiscard]] BuildFacts build_facts();

}  // namespace velo
