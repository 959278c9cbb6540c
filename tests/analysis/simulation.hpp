// tests/analysis/simulation.hpp
//
// What tests by simulation share: normal draws, and how far a share may be off.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "analysis/counter_random.hpp"

namespace velo::analysis::testing {

/// Standard normal (Box and Muller, 1958; one of the two).
inline double normal(CounterStream& random) {
  const double radius = std::sqrt(-2 * std::log1p(-random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

/// Six standard errors of a share p estimated from n draws: a false alarm once in 5e8.
inline double six_sigma(double p, double n) { return 6 * std::sqrt(p * (1 - p) / n); }

/// Share of `experiments` in which `happens(random)` is true; experiment e draws from stream e of the seed.
template <typename Happens>
double share(int experiments, std::uint64_t seed, const Happens& happens) {
  int count = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(seed, static_cast<std::uint64_t>(e));
    count += happens(random) ? 1 : 0;
  }
  return count / static_cast<double>(experiments);
}

}  // namespace velo::analysis::testing
