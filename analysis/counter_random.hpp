// analysis/counter_random.hpp
//
// Random numbers for resampling: the n-th draw of stream (seed, stream) is a pure function of the three numbers, so a
// bootstrap gives the same bits on any number of threads and in any order of evaluation.
//
// Generator: Philox4x32-10, Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// Its answers are checked against the published ones. (The device layer has its own; this room sees no
// Kokkos.)
#pragma once

#include <array>
#include <cstdint>

namespace velo::analysis {

/// Ten rounds of Philox4x32 on one 128-bit counter with a 64-bit key.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                                std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key = {key[0] + 0x9E3779B9U, key[1] + 0xBB67AE85U};
  }
  return counter;
}

/// One stream of draws. Cheap to make; keep none between resamples.
class CounterStream {
 public:
  CounterStream(std::uint64_t seed, std::uint64_t stream)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, stream_(stream) {}

  /// The next 64 random bits.
  [[nodiscard]] std::uint64_t bits() {
    const auto block = philox4x32({static_cast<std::uint32_t>(next_), static_cast<std::uint32_t>(next_ >> 32),
                                   static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                                  key_);
    ++next_;
    return std::uint64_t{block[1]} << 32 | block[0];
  }

  /// Uniform in [0, 1) with 53 bits.
  [[nodiscard]] double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in {0, ..., n-1}, n >= 1. Its bias, n / 2^32 of the probability of a value, is far below what any number
  /// of resamples could show.
  [[nodiscard]] std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((bits() & 0xFFFFFFFFU) * std::uint64_t{n}) >> 32);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t stream_;
  std::uint64_t next_ = 0;
};

}  // namespace velo::analysis
