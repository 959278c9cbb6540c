#include "harness/sweep/points.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>

using namespace velo;

namespace {

/// How many of the first `count` points of a study fall into each of `cells` equal intervals of one coordinate.
std::vector<int> histogram(Sampler sampler, std::size_t dimension, std::int64_t first, std::int64_t count, int cells) {
  std::vector<int> out(static_cast<std::size_t>(cells));
  for (std::int64_t trial = first; trial < first + count; ++trial) {
    const double u = unit_point(sampler, 11, 2, trial, dimension + 1)[dimension];
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    ++out[static_cast<std::size_t>(u * cells)];
  }
  return out;
}

bool all_one(const std::vector<int>& counts) {
  return std::all_of(counts.begin(), counts.end(), [](int n) { return n == 1; });
}

}  // namespace

TEST_CASE("scrambling keeps one Halton point in each interval of length b^-k") {
  const int primes[] = {2, 3, 5, 7, 11};
  for (std::size_t d = 0; d < 5; ++d) {
    const int square = primes[d] * primes[d];
    CHECK(all_one(histogram(Sampler::halton, d, 0, square, square)));
    // Any aligned run of b^k points is such a net, not only the first.
    CHECK(all_one(histogram(Sampler::halton, d, square, square, square)));
  }
}

TEST_CASE("scrambling keeps one Sobol point in each interval of length 2^-k, in every dimension") {
  for (std::size_t d = 0; d < most_sobol_dimensions; ++d) CHECK(all_one(histogram(Sampler::sobol, d, 0, 128, 128)));
}

TEST_CASE("the first two Sobol dimensions fill every elementary rectangle of area 1/64 once") {
  for (int wide = 1; wide <= 64; wide *= 2) {
    std::set<std::pair<int, int>> cells;
    for (std::int64_t trial = 0; trial < 64; ++trial) {
      const std::vector<double> p = unit_point(Sampler::sobol, 3, 1, trial, 2);
      cells.emplace(static_cast<int>(p[0] * wide), static_cast<int>(p[1] * (64.0 / wide)));
    }
    CHECK(cells.size() == 64);
  }
}

TEST_CASE("the Sobol recurrence goes on right beyond its starting numbers") {
  // Points 1024 to 2047 use direction numbers 11 that the recurrence made; a wrong one leaves intervals empty.
  for (std::size_t d = 0; d < most_sobol_dimensions; ++d)
    CHECK(all_one(histogram(Sampler::sobol, d, 1024, 1024, 1024)));
}

TEST_CASE("points are uniform: the mean over many studies is one half") {
  // Each coordinate of a scrambled point is uniform, variance 1/12, and studies are independent: the mean of 4000 of them
  // has standard error sqrt(1/12/4000) = 0.0046; five of those are allowed. The numbers are fixed, so this never flickers.
  for (const Sampler sampler : {Sampler::halton, Sampler::sobol, Sampler::random}) {
    for (std::size_t d = 0; d < 3; ++d) {
      double sum = 0;
      for (std::int64_t study = 0; study < 4000; ++study) sum += unit_point(sampler, 5, study, 1, 3)[d];
      CHECK(std::abs(sum / 4000 - 0.5) < 5 * 0.0046);
    }
  }
}

TEST_CASE("studies are disjoint and a trial is the same whoever asks") {
  for (const Sampler sampler : {Sampler::halton, Sampler::sobol, Sampler::random}) {
    std::set<std::vector<double>> seen;
    for (std::int64_t study = 0; study < 5; ++study)
      for (std::int64_t trial = 0; trial < 20; ++trial) seen.insert(unit_point(sampler, 1, study, trial, 2));
    CHECK(seen.size() == 100);
    CHECK(unit_point(sampler, 1, 4, 19, 2) == unit_point(sampler, 1, 4, 19, 2));
    // More dimensions leave the first ones as they are.
    const std::vector<double> wider = unit_point(sampler, 1, 4, 19, 5);
    CHECK(std::vector<double>(wider.begin(), wider.begin() + 2) == unit_point(sampler, 1, 4, 19, 2));
    CHECK(unit_point(sampler, 2, 4, 19, 2) != unit_point(sampler, 1, 4, 19, 2));
  }
}

TEST_CASE("every study and trial has its own seed, fixed by the root seed") {
  std::set<std::uint64_t> seeds;
  for (std::int64_t study = 0; study < 30; ++study)
    for (std::int64_t trial = 0; trial < 30; ++trial) seeds.insert(trial_seed(9, study, trial));
  CHECK(seeds.size() == 900);
  // Pinned: the seeds are part of the identity of stored trials.
  CHECK(trial_seed(0, 0, 0) == 102887872071691785u);
  CHECK(trial_seed(1, 2, 3) == 15745439400094792604u);
}
