// harness/device/timer.hpp
//
// The clock: std::chrono::steady_clock, read after a device fence, so that work still queued is charged to the phase
// that queued it.
//
//   PhaseClock clock({"data", "step", "evaluate"});
//   clock.switch_to(1);   ...   clock.switch_to(2);   ...   clock.stop();
//
// At any moment one phase runs or none, so the phases' seconds add up to the running time exactly.
#pragma once

#include <Kokkos_Core.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace velo {

/// Seconds since an arbitrary start, after everything queued on the device is done.
[[nodiscard]] inline double fenced_seconds() {
  Kokkos::fence();
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds from construction or the last restart().
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return fenced_seconds() - start_; }
  void restart() { start_ = fenced_seconds(); }

 private:
  double start_ = fenced_seconds();
};

/// Accumulates seconds per named phase.
class PhaseClock {
 public:
  explicit PhaseClock(std::vector<std::string> names) : names_(std::move(names)), seconds_(names_.size(), 0.0) {}

  /// Ends the running phase, if any, and starts number `phase`. Returns the phase that ran before, -1 for none.
  int switch_to(int phase) {
    if (phase < none || phase >= static_cast<int>(names_.size())) throw std::logic_error("no such phase");
    const double now = fenced_seconds();
    if (running_ != none) seconds_[static_cast<std::size_t>(running_)] += now - since_;
    since_ = now;
    return std::exchange(running_, phase);
  }
  void stop() { switch_to(none); }

  /// Seconds of a phase, those of its current stay included.
  [[nodiscard]] double seconds(int phase) const {
    const double done = seconds_.at(static_cast<std::size_t>(phase));
    return phase == running_ ? done + fenced_seconds() - since_ : done;
  }
  /// Sum over all phases.
  [[nodiscard]] double total() const {
    double sum = running_ == none ? 0.0 : fenced_seconds() - since_;
    for (const double s : seconds_) sum += s;
    return sum;
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

  /// Runs a phase for the lifetime of a block and returns to the one before.
  class Scope {
   public:
    Scope(PhaseClock& clock, int phase) : clock_(&clock), before_(clock.switch_to(phase)) {}
    ~Scope() { clock_->switch_to(before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseClock* clock_;
    int before_;
  };

 private:
  static constexpr int none = -1;

  std::vector<std::string> names_;
  std::vector<double> seconds_;
  int running_ = none;
  double since_ = 0.0;
};

}  // namespace velo
