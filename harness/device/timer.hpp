// harness/device/timer.hpp
//
// std::chrono::steady_clock, read after a device fence, so that work still queued is charged to whoever queued it.
// Trials have a clock with phases of their own: harness/run/phase_clock.hpp.
#pragma once

#include <Kokkos_Core.hpp>
#include <chrono>

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

}  // namespace velo
