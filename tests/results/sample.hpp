// tests/results/sample.hpp
//
// A scratch folder, and runs with every field filled.
#pragma once

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/journal.hpp"
#include "results/store.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo::test {

/// Removed with everything in it at the end of the test.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "velo-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }

  std::filesystem::path operator/(const std::string& entry) const { return path_ / entry; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The sentence of the Error that `act` throws, or "no error".
inline std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline std::string cell_name(int i) {
  const std::string digits = sha256(std::to_string(i));
  return digits.substr(0, 20);
}

inline TrialSummary sample_summary(const RunRef& id = {cell_name(1), "0001"}) {
  TrialSummary s;
  s.id = id;
  s.label = "adamw tuned";
  s.workload = "quadratic";
  s.workload_parameters = R"({"dimension":10})";
  s.workload_changes = R"({"dimension":10})";
  s.workload_role = WorkloadRole::held_out;
  s.base_workload = "cubic";
  s.data_version = "none";
  s.algorithm = "adamw";
  s.algorithm_parameters = R"({"lr":0.1,"beta1":0.9})";
  s.algorithm_changes = R"({"lr":0.1})";
  s.algorithm_version = "adamw@1";
  s.study = 2;
  s.trial = 3;
  s.root_seed = 7;
  s.seed = 0xfedcba9876543210u;
  s.metric = "loss";
  s.direction = Direction::lower;
  s.validation_target = 0.1;
  s.budget_steps = 1000;
  s.budget_work = 32000;
  s.evaluate_every_steps = 100;
  s.status = Status::done;
  s.stop_reason = StopReason::target;
  s.work = {300, 9600, 9600, 32, 4};
  s.result = {true, StopReason::target, 300, 9600, 9600, 1.5, 3, s.work.charged()};
  s.best_validation = 0.0625;
  s.best_validation_step = 300;
  s.final_validation = 0.0625;
  s.final_training_loss = 1.0 / 3.0;
  s.seconds = {0.1, 0.2, 1.0, 0.2, 0.5, 0.01, 0.02, 2.1};
  s.lost_seconds = 0.25;
  s.isolation = Isolation::pinned;
  s.timeable = true;
  s.parameters = 10;
  s.state_bytes = 80;
  s.peak_memory_bytes = 1 << 20;
  s.fingerprint.hardware_class = "abacus x2 scalar";
  s.fingerprint.host = "bench";
  s.fingerprint.cores = 2;
  s.fingerprint.backend = "Serial";
  s.fingerprint.libraries = {{"kokkos", "3.4.1"}, {"onednn", "2.6.3"}};
  s.started_at = "2026-02-03T04:05:06Z";
  s.finished_at = "2026-02-03T04:05:08Z";
  return s;
}

/// Three evaluations (test only at the last), four logged steps, two events.
inline void write_sample_journal(JournalWriter& writer) {
  writer.declare({"validation/loss", "nats", Direction::lower});
  writer.declare({"test/loss", "nats", Direction::lower});
  writer.declare({"observed/lr", "", Direction::none});
  writer.append(JournalEvent{"started", "attempt 1", 0, 0.0, 0.0, "2026-02-03T04:05:06Z"});
  for (int i = 1; i <= 3; ++i) {
    writer.append(StepRow{100 * i - 50, 0.5 * i - 0.25, 1.0 / i, {{"observed/lr", 0.1}}});
    EvaluationRow row{{100 * i, 3200 * i, 3200 * i, 32, 4}, 0.5 * i, 0.7 * i, {{"validation/loss", 0.25 / i}}};
    if (i == 3) row.values.push_back({"test/loss", 0.3});
    row.values.push_back({"observed/lr", 0.1 / i});
    writer.append(row);
  }
  writer.append(StepRow{301, 1.6, 0.01, {{"observed/inner/lr", 0.5}}});
  writer.append(JournalEvent{"stopped", "target", 300, 1.5, 2.1, "2026-02-03T04:05:08Z"});
}

inline Trajectory sample_trajectory(const RunRef& id = {cell_name(1), "0001"}) {
  const Scratch scratch;
  auto writer = JournalWriter::create(scratch / "journal.bin");
  write_sample_journal(writer);
  return make_trajectory(read_journal(scratch / "journal.bin"), sample_summary(id), "workload: quadratic\nseed: 7\n");
}

/// A finished run with all its files.
inline RunRef put_sample_run(const Store& store, int cell, const std::function<void(Trajectory&)>& change = {}) {
  const RunRef run = store.new_run(cell_name(cell));
  Trajectory trajectory = sample_trajectory(run);
  if (change) change(trajectory);
  replace_file(store.folder(run).config(), trajectory.config, Durability::process);
  write_trajectory(store.folder(run).trajectory(), trajectory);
  store.write_status(trajectory.summary);
  return run;
}

}  // namespace velo::test
