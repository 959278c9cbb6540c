// harness/run/phase_clock.hpp
//
// The clock of a trial. Exactly one phase runs at any time, so the phases sum to the wall time by construction.
// Every reading fences the device first: work that was launched in a phase is charged to that phase.
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "harness/device/tensor.hpp"

namespace velo {

enum class Phase { init, data, step, prepare, eval, log, checkpoint };
inline constexpr int phase_count = 7;

[[nodiscard]] constexpr std::string_view name(Phase phase) {
  constexpr std::array<std::string_view, phase_count> names = {"init", "data", "step",      "prepare",
                                                               "eval", "log",  "checkpoint"};
  return names[static_cast<std::size_t>(phase)];
}

class PhaseClock {
 public:
  /// Starts in `phase`, with the seconds that earlier runs of the same trial have spent.
  explicit PhaseClock(Phase phase, const std::array<double, phase_count>& spent = {})
      : spent_(spent), current_(phase), since_(now()) {}

  /// Ends the current phase and starts another.
  void enter(Phase phase) {
    settle();
    current_ = phase;
  }

  /// Seconds on the algorithm's clock: init, data, step and prepare, plus `charge`d ones.
  [[nodiscard]] double charged() {
    settle();
    return at(Phase::init) + at(Phase::data) + at(Phase::step) + at(Phase::prepare) + lost_;
  }

  /// Charges seconds of work that was done and lost in a killed run.
  void charge_lost(double seconds) { lost_ += seconds; }
  [[nodiscard]] double lost() const { return lost_; }

  [[nodiscard]] Phase phase() const { return current_; }
  [[nodiscard]] const std::array<double, phase_count>& seconds() {
    settle();
    return spent_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] static Clock::time_point now() {
    ExecutionSpace().fence();
    return Clock::now();
  }
  [[nodiscard]] double at(Phase phase) const { return spent_[static_cast<std::size_t>(phase)]; }
  void settle() {
    const auto t = now();
    spent_[static_cast<std::size_t>(current_)] += std::chrono::duration<double>(t - since_).count();
    since_ = t;
  }

  std::array<double, phase_count> spent_;
  double lost_ = 0.0;
  Phase current_;
  Clock::time_point since_;
};

}  // namespace velo
