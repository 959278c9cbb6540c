// results/parallel.hpp
//
// A loop over independent iterations on a few threads. Each iteration writes its own slot, so the result does not
// depend on how many there are.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

namespace velo {

/// body(i) for i in 0, ..., n-1, in any order. `body` must not throw.
template <typename Body>
void for_each_index(std::int64_t n, int threads, const Body& body) {
  const auto strip = [&](std::int64_t first, std::int64_t stride) {
    for (std::int64_t i = first; i < n; i += stride) body(i);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(strip, t, threads);
  strip(0, threads < 1 ? 1 : threads);
}

}  // namespace velo
