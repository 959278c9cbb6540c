// tests/analysis/stores.hpp
//
// Small stores on disk for the tests of analysis/ and its verbs.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "results/index.hpp"
#include "results/store.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo::analysis::testing {

/// One workload, two algorithms ("fast one", "slow"), three studies of two trials, one cell never run. The fast one needs
/// 10 to 14 evaluations, the slow one 20 to 24, and never gets there in study 2. Removed on destruction.
struct SmallStore {
  std::filesystem::path root;
  Store store;

  explicit SmallStore(const std::string& name)
      : root(std::filesystem::temp_directory_path() / cat("velo_analysis_", name, "_", getpid())), store(fresh(root)) {
    SweepManifest sweep{"race", "configs/sweeps/race.yaml", {{"99999999999999999999", "slow"}}};
    for (int study = 0; study < 3; ++study) {
      for (int trial = 0; trial < 2; ++trial) {
        for (const bool fast : {true, false}) {
          const TrialSummary summary = make(fast, study, trial);
          put(summary);
          sweep.cells.push_back({summary.id.cell, summary.label});
        }
      }
    }
    store.write_sweep(sweep);
    index();
  }
  ~SmallStore() { std::filesystem::remove_all(root); }
  SmallStore(const SmallStore&) = delete;
  SmallStore& operator=(const SmallStore&) = delete;

  /// Adds a run to a cell, with another time to the result.
  void run_again(const std::string& cell, Status status, std::int64_t steps) const {
    TrialSummary summary = store.read_status({cell, "0001"});
    summary.id = store.new_run(cell);
    summary.status = status;
    if (status == Status::failed) summary.stop_reason = StopReason::error;
    summary.result.steps = steps;
    store.write_status(summary);
    index();
  }

  /// Changes what the first run of every cell recorded.
  void change(const std::function<void(TrialSummary&)>& edit) const {
    for (const std::string& cell : store.cells()) {
      TrialSummary summary = store.read_status({cell, "0001"});
      edit(summary);
      store.write_status(summary);
    }
    index();
  }

 private:
  void index() const {
    const IndexReport report = TrialIndex::open(store).rebuild();
    if (!report.problems.empty()) throw std::logic_error(report.problems.front());
  }

  static Store fresh(const std::filesystem::path& root) {
    std::filesystem::remove_all(root);
    return Store::create(root);
  }

  static int evaluations_to_hit(bool fast, int study, int trial) { return (fast ? 10 : 20) + 2 * study + trial; }

  static TrialSummary make(bool fast, int study, int trial) {
    TrialSummary s;
    s.id = {sha256(cat(fast ? "fast" : "slow", study, trial)).substr(0, 20), "0001"};
    s.label = fast ? "fast one" : "slow";
    s.workload = "slope";
    s.workload_changes = R"({"width": 64})";
    s.algorithm = fast ? "fast" : "slow";
    s.algorithm_parameters = cat(R"({"lr": )", 0.001 * std::pow(10, trial) * (1 + study),
                                 R"(, "schedule": {"kind": "cosine"}, "momentum": 0.9})");
    s.algorithm_version = cat(s.algorithm, "@1");
    s.study = study;
    s.trial = trial;
    s.metric = "accuracy";
    s.direction = Direction::higher;
    s.validation_target = 0.9;
    s.budget_steps = 300;
    s.status = Status::done;
    const bool reached = fast || study < 2;
    const int evaluations = reached ? evaluations_to_hit(fast, study, trial) : 30;
    s.stop_reason = reached ? StopReason::target : StopReason::budget;
    s.result = {
        reached, *s.stop_reason, 10 * evaluations, 1280 * evaluations, 1280 * evaluations, 0.05 * evaluations, 0, {}};
    s.best_validation = reached ? 0.9 : 0.85;
    s.work.steps = s.result.steps;
    s.work.example_gradients = s.result.example_gradients;
    s.seconds = {0.01, 0.005 * evaluations, 0.04 * evaluations, 0, 0.02 * evaluations, 0.001, 0, 0.1 * evaluations};
    s.isolation = Isolation::pinned;
    s.timeable = true;
    s.parameters = 1000;
    s.state_bytes = 8000;
    s.fingerprint.hardware_class = "test box x2";
    s.fingerprint.git_commit = "0123456789abcdef";
    s.started_at = cat("2026-02-03T04:0", study, ":0", trial, "Z");
    s.finished_at = s.started_at;
    return s;
  }

  void put(TrialSummary summary) const {
    summary.id = store.new_run(summary.id.cell);
    store.write_status(summary);
    Trajectory trajectory;
    trajectory.config = "workload: slope\n";
    trajectory.summary = summary;
    for (const SeriesInfo& info : evaluation_counters()) trajectory.evaluations.series.push_back({info, {}});
    trajectory.evaluations.series.push_back({{"validation/accuracy", "fraction", Direction::higher}, {}});
    const auto last = static_cast<double>(summary.result.steps) / 10;
    for (int e = 1; e <= static_cast<int>(last); ++e) {
      const double value = *summary.best_validation * (1 - std::exp(-4 * e / last)) / (1 - std::exp(-4.0));
      for (Series& series : trajectory.evaluations.series) {
        const std::string& name = series.info.name;
        series.values.push_back(name == "step"                                ? 10 * e
                                : name.ends_with("seconds")                   ? 0.05 * e
                                : name == "validation/accuracy"               ? value
                                : name.find("example") == 0 || name == "work" ? 1280 * e
                                                                              : 0);
      }
    }
    for (const SeriesInfo& info : step_counters()) trajectory.steps.series.push_back({info, {}});
    write_trajectory(store.folder(summary.id).trajectory(), trajectory);
  }
};

}  // namespace velo::analysis::testing
