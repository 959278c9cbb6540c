// results/trajectory.hpp
//
// The trajectory of one run: what was asked, what happened, where. One HDF5 file per run, described dataset by dataset
// in results/layout.md; h5py, h5dump and pandas open it without this code.
//
// The file is written whole to a temporary name in the same folder, flushed to disk and renamed, so a reader sees
// either nothing or all of it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results/files.hpp"
#include "results/record.hpp"

namespace velo {

/// Version of the file layout; a reader refuses a newer one.
inline constexpr std::int64_t trajectory_layout_version = 1;

/// What a series is called and how it is read.
struct SeriesInfo {
  std::string name;  ///< "step", "seconds", "validation/accuracy", "test/accuracy", "observed/lr"
  std::string unit;  ///< "examples", "s", "fraction"; empty for pure numbers
  Direction direction = Direction::none;

  friend bool operator==(const SeriesInfo&, const SeriesInfo&) = default;
};

/// One column of values. NaN where it was not measured in that row.
struct Series {
  SeriesInfo info;
  std::vector<double> values;
};

/// Series of equal length, one row per event.
struct SeriesGroup {
  std::vector<Series> series;

  [[nodiscard]] std::size_t rows() const { return series.empty() ? 0 : series.front().values.size(); }
  /// Null when there is none of that name.
  [[nodiscard]] const Series* find(std::string_view name) const;
  /// Throws Error naming the series that exist.
  [[nodiscard]] std::span<const double> at(std::string_view name) const;
};

/// Names of the series every row of `evaluations` has, in this order: "step", "examples", "example_gradients",
/// "forward_examples", "hvps" (whole numbers), "work" (what these three are charged), "seconds" (on the clock),
/// "wall_seconds". Rows of `steps` have "step", "seconds" and "training_loss".
[[nodiscard]] const std::vector<SeriesInfo>& evaluation_counters();
[[nodiscard]] const std::vector<SeriesInfo>& step_counters();

/// Something that happened to the run rather than in it.
struct JournalEvent {
  std::string kind;  ///< "started", "resumed", "lost_work", "checkpoint", "stopped"
  std::string text;
  std::int64_t step = 0;
  double seconds = 0;  ///< on the clock
  double wall_seconds = 0;
  std::string at;  ///< UTC
};

struct Trajectory {
  std::string config;  ///< the resolved configuration, byte for byte
  TrialSummary summary;
  SeriesGroup evaluations;  ///< one row per evaluation: the counters, then "validation/*", "test/*", "observed/*"
  SeriesGroup steps;        ///< one row per logged step: the counters, then "observed/*"
  std::vector<JournalEvent> events;
};

/// Throws Error (disk full, no permission) naming the file; no partial file is left.
void write_trajectory(const std::filesystem::path& file, const Trajectory& trajectory,
                      Durability durability = Durability::disk);

/// Throws Error naming the file and what to do when it is missing, truncated, foreign or of a newer layout.
[[nodiscard]] Trajectory read_trajectory(const std::filesystem::path& file);

/// Only the evaluations, for the index.
[[nodiscard]] SeriesGroup read_evaluations(const std::filesystem::path& file);

}  // namespace velo
