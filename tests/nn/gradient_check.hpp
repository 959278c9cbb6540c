// tests/nn/gradient_check.hpp
//
// Compares gradients with central differences in double.
//
// Tolerance. With step h the difference quotient errs by h^2/6 |f'''| from truncation and by about n eps |f| / h from
// rounding, n the operations whose errors add up. h = eps^(1/3) = 6e-6 balances both at 3.7e-11. The networks here have
// derivatives of order one to ten and a few hundred operations deep at most, so 200 times that sum is allowed:
// 1.5e-8 (1 + |f|).
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "harness/layout.hpp"

namespace velo::test {

inline const double difference_step = std::cbrt(std::numeric_limits<double>::epsilon());

inline double difference_tolerance(double loss) {
  const double h = difference_step;
  return 200 * (h * h + std::numeric_limits<double>::epsilon() / h) * (1 + std::abs(loss));
}

/// Checks `gradient` at every `stride`-th parameter of every block, and at each block's last.
inline void check_gradient(const ParameterLayout& layout, Vector params, const Vector& gradient,
                           const std::function<double()>& loss, Index stride = 1) {
  const double tolerance = difference_tolerance(loss());
  for (const ParameterBlock& block : layout.blocks())
    for (Index i = 0; i < block.size(); i = (i + 1 == block.size()) ? i + 1 : std::min(i + stride, block.size() - 1)) {
      Scalar& p = params(block.offset + i);
      const Scalar kept = p;
      p = kept + difference_step;
      const double above = loss();
      p = kept - difference_step;
      const double below = loss();
      p = kept;
      const double difference = (above - below) / (2 * difference_step);
      INFO(block.name << "[" << i << "]: gradient " << gradient(block.offset + i) << ", difference " << difference);
      REQUIRE(std::abs(gradient(block.offset + i) - difference) <= tolerance);
    }
}

}  // namespace velo::test
