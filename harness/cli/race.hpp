// harness/cli/race.hpp
//
// Running the cells of one sweep with a display: what `velo run` and `velo calibrate` share.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/cli/verb.hpp"
#include "harness/executors/campaign.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/store.hpp"

namespace velo {

struct RaceOptions {
  std::string sweep;                   ///< the file
  std::vector<std::string> overrides;  ///< "PATH=VALUE"
  std::string store = "results/store";
  std::int64_t workers = 0;  ///< 0: the file's
  bool retry_failed = false;
  bool redo = false;
  bool fail_fast = false;
  bool quiet = false;
  double checkpoint_seconds = 30.0;
};

struct RaceResult {
  Sweep sweep;
  std::vector<Task> tasks;
  CampaignReport report;
  bool stopped = false;  ///< by a signal
};

/// What happens to a data set that the sweep reads and this machine lacks.
enum class MissingData {
  refuse,   ///< Error naming `velo data install`
  install,  ///< from its package, downloaded where it must be; with VELO_SETUP=no or never: refuse
};

/// True once SIGINT or SIGTERM has come, from the first call on. A second signal ends the program.
[[nodiscard]] std::atomic<bool>& stop_on_signal();

/// Loads the sweep for this program's back-end and data directory.
[[nodiscard]] Sweep load_race_sweep(const RaceOptions& options, MissingData missing, const Console& console);

/// Loads, installs missing data sets, writes the manifest, trains what is missing, ingests. SIGINT and SIGTERM stop it in order.
[[nodiscard]] RaceResult run_race(const RaceOptions& options, const Console& console);

}  // namespace velo
