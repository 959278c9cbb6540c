// harness/executors/campaign.hpp
//
// Takes the cells of a sweep to their end on this machine: decides which need work, makes their run folders, starts one
// worker process per trial through the local pool, and ingests every finished run into the index. The coordinator
// writes sweeps/ and the index; workers write only their own run folder. Finished cells are never run again; killed
// ones are resumed; several coordinators may share a store.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/cell.hpp"
#include "harness/executors/local_pool.hpp"
#include "results/record.hpp"
#include "results/store.hpp"

namespace velo {

/// A cell with its identity: one trial to be done.
struct Task {
  Cell cell;
  std::string id;
};

/// Why a cell needs work, or does not.
enum class Need {
  fresh,      ///< never begun
  resume,     ///< begun, and its worker is gone
  retry,      ///< failed before, and retrying was asked for
  redo,       ///< done, and redoing was asked for
  done,       ///< has a result
  failed,     ///< failed before; left alone
  elsewhere,  ///< another process works on it now
};
[[nodiscard]] std::string_view name(Need need);
[[nodiscard]] bool needs_work(Need need);

struct CampaignSettings {
  LocalPool pool;
  std::string program;  ///< the velo executable that workers run
  std::string data_directory;
  bool retry_failed = false;
  bool redo = false;       ///< run cells again that are done
  bool fail_fast = false;  ///< start nothing new after the first failed trial
  double checkpoint_seconds = 30.0;
};

/// Looks at the store: what one cell needs.
[[nodiscard]] Need assess(const Store& store, const std::string& cell, const CampaignSettings& settings);

/// What a display may show. `task` is the position in the list given to run_campaign.
struct CampaignEvents {
  std::function<void(std::size_t task)> started;
  std::function<void(std::size_t task, std::int64_t step, double fraction, double seconds, double validation)> progress;
  std::function<void(std::size_t task, const TrialSummary& summary)> finished;
  std::function<void()> tick;
};

struct CampaignReport {
  std::size_t ran = 0;
  std::size_t failed = 0;
  std::size_t interrupted = 0;
  std::size_t skipped = 0;           ///< done before, failed before, or elsewhere
  std::size_t stopped_lossless = 0;  ///< ended early without a change of the score
};

/// Runs what needs work. Under `stop: lossless` a trial is told the example-gradients in which a finished trial of its
/// study reached the target: a study counts its fastest trial, so from there on the trial cannot change any score.
/// That holds for every pool and every number of studies; best-of-k questions see it as censored.
/// When `stop` becomes true the running trials are asked to checkpoint and end.
CampaignReport run_campaign(const std::vector<Task>& tasks, const Store& store, const CampaignSettings& settings,
                            const CampaignEvents& events, std::atomic<bool>& stop);

/// Exit status by which a worker says that another process has its cell.
inline constexpr int worker_exit_elsewhere = 75;

/// The line a worker prints after every evaluation, and how the coordinator reads it.
[[nodiscard]] std::string progress_line(std::int64_t step, double fraction, double seconds, double validation);

}  // namespace velo
