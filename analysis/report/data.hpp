// analysis/report/data.hpp
//
// Everything the report shows, gathered before any of it is drawn.
#pragma once

#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "analysis/load.hpp"

namespace velo::analysis {

/// Validation metric of one trial over its work. Empty where the trial left no trajectory.
struct Curve {
  std::vector<double> example_gradients, steps, seconds, metric;

  [[nodiscard]] const std::vector<double>& work(Clock clock) const;
};

struct ReportData {
  Race race;
  Leaderboard board;
  std::vector<Curve> curves;          ///< one per trial of the race
  std::vector<std::string> problems;  ///< what was left out of the race, and trajectories that could not be read
  std::string command;                ///< the command line that made the report
  std::string program;                ///< `velo --version` of the program that made it
  std::string made_at;                ///< UTC

  /// Position of a label among the algorithms: its colour, dash and marker.
  [[nodiscard]] std::size_t series_of(const std::string& algorithm) const;
  /// Trials of one workload and algorithm, as positions in race.trials.
  [[nodiscard]] std::vector<std::size_t> trials_of(const std::string& workload, const std::string& algorithm) const;
  /// Hyperparameters that differ among an algorithm's trials, by name.
  [[nodiscard]] std::vector<std::string> searched(const std::string& algorithm) const;
};

/// Scores the race and reads its trajectories. Throws Error as leaderboard() does; a trajectory that is missing or
/// damaged becomes a problem, not an error.
[[nodiscard]] ReportData gather(Race race, const ScoreOptions& options, const BootstrapOptions& bootstrap);

/// Median over trials at each place where one of them was evaluated, at most `limit` places. A trial counts from its
/// first evaluation; after its end it counts with its last value, so that those which reached the target early do not
/// drop out of the median.
struct MedianCurve {
  std::vector<double> work, metric;
};
[[nodiscard]] MedianCurve median_curve(const std::vector<const Curve*>& curves, Clock clock, std::size_t limit = 200);

}  // namespace velo::analysis
