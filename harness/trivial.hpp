// harness/trivial.hpp
//
// What a workload's target is to be read against: the best prediction that does not look at its input. A model that
// does no better has learnt nothing from its examples. Plain C++, no Kokkos.
#pragma once

#include <string>

namespace velo {

/// What is predicted is chosen on the training split alone; the numbers are its target metric as evaluations compute it.
struct TrivialBaseline {
  std::string prediction;  ///< "class 7, always"
  double validation = 0.0;
  double test = 0.0;
};

}  // namespace velo
