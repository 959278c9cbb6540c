// harness/run/trial.hpp
//
// One trial from cell to record: the training loop.
//
//   model init (off the clock) -> evaluation at step 0 -> init -> { step; when due: prepare, evaluation, checkpoint }*
//   -> last evaluation -> trajectory file and status
//
// On the clock: the algorithm's init, data, step and prepare_for_eval, plus work that a killed attempt had done and
// lost. Off it: model initialisation, evaluation, logging, checkpoints. Budgets are checked after every step. A hit is
// an evaluation whose metric meets the target (<= for lower-is-better, >= for higher-is-better, as AlgoPerf scores it);
// with `confirm: k` the first of k consecutive hits counts. Test metrics are taken at the hit and at the end.
//
// Resume: state comes from the checkpoint, evaluations from the journal, random streams from (seed, step). Under step
// cadence and a step budget the trajectory is bit-equal to an uninterrupted one, times aside.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "harness/cell.hpp"
#include "harness/registry.hpp"
#include "results/record.hpp"
#include "results/store.hpp"

namespace velo {

/// What a display may want to know while a trial runs.
struct TrialProgress {
  std::int64_t step = 0;
  double fraction = 0.0;    ///< of the budget
  double seconds = 0.0;     ///< on the clock
  double validation = 0.0;  ///< latest value of the target metric
};

struct TrialHooks {
  /// Called after every evaluation.
  std::function<void(const TrialProgress&)> progress;
  /// Asked after every step; true ends the trial as interrupted, with a checkpoint.
  std::function<bool()> interrupted;
  /// Asked at least every few seconds; false means another process has taken the cell over.
  std::function<bool()> heartbeat;
};

struct TrialRequest {
  Cell cell;
  RunRef run;  ///< its folder exists and holds config.yaml
  DataSource data;
  Fingerprint fingerprint;
  Isolation isolation = Isolation::shared;
  /// Work (Work::charged) from which on the trial can no longer change the score; set under `stop: lossless` alone.
  std::optional<double> enough = {};
  double checkpoint_seconds = 30.0;  ///< wall seconds between checkpoints where the cell names no interval
};

/// Runs or resumes the trial in the run's folder and returns its summary, which is also in status.json. User-visible
/// failures of the trial itself (NaN, divergence, out of memory, an exception, a workload or an algorithm that cannot be
/// made from its parameters) end in the summary, not in a throw;
/// throws Error only when the store cannot be written.
TrialSummary run_trial(const TrialRequest& request, const Registry& registry, const Store& store,
                       const TrialHooks& hooks);

/// The summary of a trial that has not begun: identity, rules and provenance.
[[nodiscard]] TrialSummary planned_summary(const TrialRequest& request, const Registry& registry);

}  // namespace velo
