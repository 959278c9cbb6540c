// harness/run/machine_peak.hpp
//
// What this machine can do with the threads at hand, measured: the two roofs below which operations stay. Plain C++: a
// command includes it.
#pragma once

namespace velo {

struct MachinePeak {
  double flops_per_second = 0.0;  ///< of a product of two matrices of 1024 x 1024, the fastest of some
  double bytes_per_second = 0.0;  ///< of a triad over 25 million numbers a vector (triad.hpp), the fastest of some
};

[[nodiscard]] MachinePeak measure_machine_peak();

}  // namespace velo
