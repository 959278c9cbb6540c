// results/journal.hpp
//
// The journal of a run in progress: an append-only file of records, each framed by its length and a CRC-32, so that a
// kill at any byte leaves a readable prefix. When the run ends the trajectory is made from it.
//
//   file    := "VELOJRNL" version:u32 record*
//   record  := length:u32 crc32(payload):u32 payload[length]        little-endian
//   payload := type:u8 ...                                          see results/layout.md
//
// Resume: the checkpoint stores position(); the new writer cuts the file there, so that what the dead process wrote
// after its last checkpoint is forgotten. Its cost is not: read it before cutting (JournalContent::last_seconds).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "results/trajectory.hpp"

namespace velo {

/// One value of a row, by the name its series is declared under.
struct NamedValue {
  std::string name;
  double value = 0;
};

/// One evaluation: where the run was, and "validation/*", "test/*", "observed/*".
struct EvaluationRow {
  Work work;
  double seconds = 0;  ///< on the clock
  double wall_seconds = 0;
  std::vector<NamedValue> values;
};

/// One logged step: the training loss of its batch and "observed/*".
struct StepRow {
  std::int64_t step = 0;
  double seconds = 0;  ///< on the clock, as of the last reading
  double training_loss = 0;
  std::vector<NamedValue> values;
};

struct JournalContent {
  std::vector<SeriesInfo> series;  ///< declared, in order
  std::vector<EvaluationRow> evaluations;
  std::vector<StepRow> steps;
  std::vector<JournalEvent> events;
  std::uint64_t good_bytes = 0;   ///< length of the readable prefix
  std::uint64_t total_bytes = 0;  ///< length of the file; more than good_bytes: the last record is torn

  [[nodiscard]] bool torn() const { return good_bytes != total_bytes; }
  /// The latest clock readings and step in any record: what had been spent when the writer died.
  [[nodiscard]] double last_seconds() const;
  [[nodiscard]] double last_wall_seconds() const;
  [[nodiscard]] std::int64_t last_step() const;
};

/// Reads up to the first torn record. Throws Error for a missing file, a foreign one and a newer version.
[[nodiscard]] JournalContent read_journal(const std::filesystem::path& file);

/// Appends records. One writer at a time (the claim sees to that). Throws Error when the disk is full.
class JournalWriter {
 public:
  /// Begins a new journal, replacing an old one.
  static JournalWriter create(const std::filesystem::path& file);
  /// Continues an existing one at `position` (a value position() returned), forgetting what follows.
  /// Throws Error when the readable prefix is shorter than that.
  static JournalWriter resume(const std::filesystem::path& file, std::uint64_t position);

  JournalWriter(JournalWriter&& other) noexcept;
  JournalWriter& operator=(JournalWriter&& other) noexcept;
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  ~JournalWriter();

  /// Gives a series its unit and direction. Repeating a declaration is free; undeclared names get none of both.
  void declare(const SeriesInfo& info);
  void append(const EvaluationRow& row);
  void append(const StepRow& row);
  void append(const JournalEvent& event);

  /// Length of the file after the last record.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// Flushes to disk (fsync). Every record survives the death of the process without it; the machine's only with it.
  void sync();

 private:
  JournalWriter(std::filesystem::path file, int descriptor, std::uint64_t position);
  std::uint32_t series_id(const std::string& series_name);
  void put_values(std::string& payload, const std::vector<NamedValue>& values);
  bool cut(std::uint64_t position);
  void write_record(const std::string& payload);

  std::filesystem::path file_;
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
  std::map<std::string, std::uint32_t> ids_;
  std::vector<SeriesInfo> series_;
  std::string frame_;  ///< scratch
};

/// The trajectory a journal adds up to. Series follow their declaration order within validation, test, observed.
[[nodiscard]] Trajectory make_trajectory(const JournalContent& journal, const TrialSummary& summary,
                                         const std::string& config);

}  // namespace velo
