// harness/run/cores.hpp
//
// Which cores a process may use, and keeping it on some of them.
#pragma once

#include <sched.h>

#include <span>
#include <vector>

namespace velo {

/// The cores of this process' affinity mask, in order.
[[nodiscard]] inline std::vector<int> own_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &mask)) cores.push_back(core);
  return cores;
}

/// Keeps this process and its children there. Where the system refuses, they run anywhere: only times suffer.
inline void stay_on(std::span<const int> cores) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const int core : cores) CPU_SET(core, &mask);
  (void)sched_setaffinity(0, sizeof mask, &mask);
}

}  // namespace velo
