// harness/sweep/points.hpp
//
// Where a search looks, and the seeds of its trials. Every number is a pure function of (root seed, study, trial,
// dimension): nothing is drawn in sequence, so any trial can be made alone, and more studies or trials leave the ones
// that exist as they are.
//
// Both sequences are scrambled by nested random permutations of digits (Owen, "Randomly permuted (t,m,s)-nets", 1995):
// digit k of a coordinate is permuted at random, independently for each value of the digits before it. This keeps the
// even spread of the points and makes each coordinate uniform. Every study has its own scrambling, so studies are
// disjoint with probability one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace velo {

enum class Sampler {
  halton,  ///< Halton (Numer. Math. 2, 1960): radical inverses in the first primes; any number of dimensions
  sobol,  ///< Sobol (1967) with Joe and Kuo's direction numbers (SIAM J. Sci. Comput. 30, 2008); see most_sobol_dimensions
  random,  ///< independent uniforms
  grid,    ///< every combination, the first dimension fastest
  list,    ///< points as written, trial t takes point t
};

inline constexpr std::size_t most_sobol_dimensions = 21;

/// A point of [0, 1)^dimensions for halton, sobol and random. Throws std::logic_error for the others, and for sobol
/// beyond its dimensions.
[[nodiscard]] std::vector<double> unit_point(Sampler sampler, std::uint64_t root_seed, std::int64_t study,
                                             std::int64_t trial, std::size_t dimensions);

/// The seed of a trial: data order, initialisation and the algorithm's own stream follow from it.
[[nodiscard]] std::uint64_t trial_seed(std::uint64_t root_seed, std::int64_t study, std::int64_t trial);

}  // namespace velo
