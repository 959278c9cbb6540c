// results/store.hpp
//
// The store: folders and files, which are the truth. Every file has one writer at a time: a trial's worker writes only
// below its own run folder, under a claim on the cell; a coordinator writes sweeps/ and the index.
//
//   STORE/trials/<2 hex>/<cell>/claim                      who works on the cell, while someone does
//   STORE/trials/<2 hex>/<cell>/<run>/config.yaml          resolved configuration, byte-stable
//                                     status.json          TrialSummary
//                                     journal.bin          results/journal.hpp
//                                     checkpoint.bin       the training loop's
//                                     trajectory.h5        results/trajectory.hpp, when the run has ended
//                                     log.txt              the worker's talk
//   STORE/sweeps/<name>.json                               the cells a sweep asked for
//   STORE/index.sqlite                                     results/index.hpp; may be deleted
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.hpp"

namespace velo {

/// The files of one run.
struct RunFolder {
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path config() const { return path / "config.yaml"; }
  [[nodiscard]] std::filesystem::path status() const { return path / "status.json"; }
  [[nodiscard]] std::filesystem::path journal() const { return path / "journal.bin"; }
  [[nodiscard]] std::filesystem::path checkpoint() const { return path / "checkpoint.bin"; }
  [[nodiscard]] std::filesystem::path trajectory() const { return path / "trajectory.h5"; }
  [[nodiscard]] std::filesystem::path log() const { return path / "log.txt"; }
};

/// One cell of a sweep, under the label the sweep gives it.
struct SweepEntry {
  std::string cell;
  std::string label;

  friend auto operator<=>(const SweepEntry&, const SweepEntry&) = default;
};

/// What one sweep asked for.
struct SweepManifest {
  std::string name;
  std::string source;  ///< the YAML file, as the user gave it
  std::vector<SweepEntry> cells;
};

/// Who holds a claim.
struct ClaimOwner {
  std::int64_t pid = 0;
  std::string host;
  std::string boot;            ///< the kernel's boot id
  std::string pid_namespace;   ///< process numbers compare only within one
  std::int64_t pid_start = 0;  ///< start time of the process in clock ticks since boot: numbers are reused, this is not
  std::string claimed_at;      ///< UTC
};

/// The right to work on a cell, until it is released or this object dies. Move-only.
class Claim {
 public:
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&& other) noexcept;
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim();

  /// Says that the owner lives (touches the file). Call it at least every lease / 3. False: someone else has taken the
  /// cell over, and this process must stop writing.
  bool heartbeat();
  void release();

 private:
  friend class Store;
  Claim(std::filesystem::path file, std::string content);

  std::filesystem::path file_;  ///< empty: released
  std::string content_;
  std::int64_t pid_ = 0;  ///< a forked child must not release its parent's claim
};

/// A claim as it lies in the store.
struct ClaimState {
  ClaimOwner owner;
  bool alive = false;
};

/// A claim whose owner cannot be seen from here (another host) is dead when its heartbeat is older than this.
inline constexpr std::chrono::seconds default_lease{300};

class Store {
 public:
  /// Opens an existing store. Throws Error when `root` is not a folder that looks like one (trials/ or sweeps/).
  static Store open(const std::filesystem::path& root);
  /// Opens a store, making its folders where needed.
  static Store create(const std::filesystem::path& root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path index_file() const { return root_ / "index.sqlite"; }
  [[nodiscard]] std::filesystem::path cell_folder(const std::string& cell) const;
  [[nodiscard]] RunFolder folder(const RunRef& run) const;

  /// Every cell that has a folder, sorted.
  [[nodiscard]] std::vector<std::string> cells() const;
  /// The runs of one cell, oldest first; empty for an unknown cell.
  [[nodiscard]] std::vector<RunRef> runs(const std::string& cell) const;
  /// Every run, sorted by cell and number.
  [[nodiscard]] std::vector<RunRef> scan() const;

  /// Makes the folder of the next run of a cell: one more than the highest number. Call it under a claim.
  [[nodiscard]] RunRef new_run(const std::string& cell) const;

  /// Atomically replaces status.json. `summary.id` names the run.
  void write_status(const TrialSummary& summary) const;
  /// Throws Error naming the file. `sweeps` stays empty. A run folder without status.json is planned, and says no more. A run whose owner is gone still reads "running" here; see
  /// observed_status().
  [[nodiscard]] TrialSummary read_status(const RunRef& run) const;
  /// The status, with "running" under a dead or missing claim reported as "stale".
  [[nodiscard]] Status observed_status(const TrialSummary& summary, std::chrono::seconds lease = default_lease) const;

  /// The run that speaks for a cell: the last done one, else the last one; none for an unknown cell.
  [[nodiscard]] std::optional<RunRef> current_run(const std::string& cell) const;

  /// Finds a run by the beginning of its cell id, at least 4 digits, optionally with "/<run>"; without it the current
  /// run. Throws Error when nothing matches, or listing the matches when several cells do.
  [[nodiscard]] RunRef find(std::string_view prefix) const;

  /// Takes the cell if nobody has it or its owner is dead. Exactly one of several contenders wins; the others get
  /// nothing. Check the cell's status after winning: someone may just have finished it.
  [[nodiscard]] std::optional<Claim> claim(const std::string& cell, std::chrono::seconds lease = default_lease) const;
  /// Who has the cell; nothing when nobody has.
  [[nodiscard]] std::optional<ClaimState> claim_state(const std::string& cell,
                                                      std::chrono::seconds lease = default_lease) const;

  void write_sweep(const SweepManifest& manifest) const;
  /// Throws Error naming the sweeps that exist.
  [[nodiscard]] SweepManifest read_sweep(const std::string& name) const;
  /// Names of all sweeps, sorted.
  [[nodiscard]] std::vector<std::string> sweeps() const;

  /// Copies the runs and sweeps of another store into this one. A run that is here already (same cell, configuration
  /// and status) is skipped; a different one of the same number gets the next free number. Sweeps of the same name are
  /// united. Returns how many runs were copied.
  std::size_t merge_from(const Store& other) const;

 private:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path root_;
};

}  // namespace velo
