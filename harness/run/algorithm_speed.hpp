// harness/run/algorithm_speed.hpp
//
// How fast an algorithm's update is, without a workload: what `velo bench algorithms` prints.
//
// A step must at least read and write the parameters, read the gradient, and read and write its state: with s state
// bytes per parameter that is 3 sizeof(Scalar) + 2 s bytes per parameter. That minimum over the time of a step is
// compared with the memory bandwidth of a triad a = b + c x, which moves four scalars per element (two reads, one write,
// and on a host the read of the line that a write fills). Steps and triads alternate and medians are compared, so a
// change of the machine's speed hits both. A rule that leaves part of its state alone in most steps may exceed 1.
//
// A rule with an integer parameter whose name ends in _interval or _frequency has expensive steps, so many apart. Two
// intervals are timed; of steps that lie one interval apart the fastest counts, so that a hiccup of the machine is not
// taken for a refresh, and what the slowest of those takes beyond the median is the cost of one. Layer records, for
// rules that ask what layers saw, are noise over 128 rows.
// Plain C++: the command includes it.
#pragma once

#include <cstdint>
#include <memory>

#include "harness/hyperparameters.hpp"

namespace velo {

class Registry;

struct AlgorithmSpeed {
  double state_bytes_per_parameter = 0.0;
  double seconds_per_step = 0.0;      ///< median
  double slowest_step = 0.0;          ///< seconds
  std::int64_t refresh_interval = 0;  ///< steps from refresh to refresh; 0: the rule has none
  double seconds_per_refresh = 0.0;   ///< what a step with one takes more than the others
  std::int64_t allocations = 0;       ///< of device memory, in the later half of the timed steps
  double bytes_per_step = 0.0;        ///< the minimum
  double bytes_per_second = 0.0;      ///< those over the median
  double triad_bytes_per_second = 0.0;
  double foreign_share = 0.0;  ///< of the machine, used by others meanwhile (foreign_load.hpp)
  std::int64_t bytes = 0;      ///< that a step touches: parameters, gradient, state
};

/// Steps on `parameters` parameters, in blocks of 256 x 256 weights and, for the rest, a bias; gradients are noise and
/// cost nothing. Alternates steps and triads for about `seconds`, at least ten of each and two intervals, after two that
/// do not count.
[[nodiscard]] AlgorithmSpeed measure_algorithm(const Component& algorithm, const Registry& registry,
                                               std::int64_t parameters, double seconds);

/// One algorithm on such a model that makes steps when told to: what `velo pace` holds. Needs a Runtime.
class PacedAlgorithm {
 public:
  PacedAlgorithm(const Component& algorithm, const Registry& registry, std::int64_t parameters);
  ~PacedAlgorithm();
  PacedAlgorithm(const PacedAlgorithm&) = delete;
  PacedAlgorithm& operator=(const PacedAlgorithm&) = delete;

  /// Makes so many steps; their seconds.
  double turn(std::int64_t steps);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace velo
