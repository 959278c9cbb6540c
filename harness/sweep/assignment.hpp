// harness/sweep/assignment.hpp
//
// "set adamw.lr to 0.1": one path and one value, wherever it comes from (--set, defaults, grid).
#pragma once

#include <string>
#include <vector>

#include "harness/config/layers.hpp"

namespace velo {

struct Assignment {
  std::vector<std::string> path;
  Tree value;
  Rank rank = Rank::override;
  Origin at;     ///< of the key
  int use = -1;  ///< see Layer::use

  /// "adamw.lr"
  [[nodiscard]] std::string name() const;
};

}  // namespace velo
