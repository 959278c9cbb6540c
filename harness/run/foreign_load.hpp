// harness/run/foreign_load.hpp
//
// How much of the machine others used while something was measured. A barrier waits for the slowest thread, so foreign
// load of some per cent inflates short steps several times: a disturbed measurement is not quoted.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace velo {

class ForeignLoad {
 public:
  /// Above this share a measurement is refused.
  static constexpr double limit = 0.05;

  /// CPU seconds of everyone else, stolen ones included, per second and core since construction; 0 where the system
  /// does not say.
  [[nodiscard]] double share() const {
    const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
    const double foreign = (system_seconds() - system_) - (own_seconds() - own_);
    return std::max(0.0, foreign) / (elapsed * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)));
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Busy seconds of all cores: user, nice, system, irq, softirq, steal.
  static double system_seconds() {
    std::ifstream stat("/proc/stat");
    std::string cpu;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    stat >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    return (user + nice + system + irq + softirq + steal) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  /// Of this process and the children that it has waited for.
  static double own_seconds() {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    double sum = 0.0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
      rusage usage{};
      getrusage(who, &usage);
      sum += seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    return sum;
  }

  Clock::time_point start_ = Clock::now();
  double system_ = system_seconds();
  double own_ = own_seconds();
};

}  // namespace velo
