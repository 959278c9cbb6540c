// harness/cli/progress.hpp
//
// The live display of a campaign. On a terminal a block that redraws itself: trials done, the running ones with their
// metric against the target, time left. Elsewhere one line per finished trial. Quiet: nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "harness/executors/campaign.hpp"

namespace velo {

class ProgressDisplay {
 public:
  enum class Mode { live, lines, quiet };

  /// `total` trials need work; `workers` run at a time.
  ProgressDisplay(std::ostream& err, Mode mode, const std::vector<Task>& tasks, std::size_t total, int workers);

  void started(std::size_t task);
  void progress(std::size_t task, std::int64_t step, double fraction, double seconds, double validation);
  void finished(std::size_t task, const TrialSummary& summary);
  /// Redraws a live block, at most ten times a second.
  void tick();
  /// Leaves the last state on screen.
  void close();

  /// The events of a campaign, bound to this display.
  [[nodiscard]] CampaignEvents events();

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    Clock::time_point since;
    double fraction = 0.0;
    double seconds = 0.0;
    double validation = 0.0;
    bool evaluated = false;
  };

  [[nodiscard]] std::string title(std::size_t task) const;
  [[nodiscard]] std::string time_left() const;
  void draw();

  std::ostream& err_;
  Mode mode_;
  const std::vector<Task>& tasks_;
  std::size_t total_;
  int workers_;
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
  double finished_wall_ = 0.0;  ///< summed wall seconds of finished trials
  std::map<std::size_t, Running> running_;
  Clock::time_point began_;
  Clock::time_point drawn_;
  int lines_ = 0;  ///< lines of the block on screen
};

}  // namespace velo
