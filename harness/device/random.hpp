// harness/device/random.hpp
//
// Counter-based random streams: every number is a pure function of (seed, purpose, step, index), so it does not
// matter who draws it, in which order, on how many threads or on which back-end.
//
//   Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) through
//   Random123. Key = the 64-bit seed; counter = (index low, index high, step low, purpose << 16 | step high).
//
// Integers and uniforms are exact. Normals come from our own transform, in IEEE +, *, /, sqrt alone: no libm call and
// no contraction, so they are bit-identical everywhere too.
#pragma once

#include <cstdint>

#include "harness/device/tensor.hpp"

namespace velo {

/// What a stream is for; streams of different purpose never overlap. The values are part of the file format.
enum class Purpose : std::uint16_t {
  data_order = 1,
  initialisation = 2,
  dropout = 3,
  augmentation = 4,
  algorithm = 5,
  workload = 6,
  search = 7,
  synthetic = 8,
};

/// Four 32-bit words of the Philox4x32-10 bijection. Usable on host and device.
struct PhiloxBlock {
  std::uint32_t word[4];
};
[[nodiscard]] KOKKOS_FUNCTION PhiloxBlock philox(std::uint64_t key, const std::uint32_t (&counter)[4]);

class RandomStream {
 public:
  RandomStream() = default;
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t step = 0)
      : seed_(seed), step_(step), purpose_(static_cast<std::uint16_t>(purpose)) {}

  /// The same seed and purpose at another step.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION RandomStream at_step(std::uint64_t step) const;
  /// An independent stream: the seed is hashed with `salt` (layer number, wrapper depth, player, ...).
  [[nodiscard]] RandomStream fork(std::uint64_t salt) const;

  [[nodiscard]] std::uint64_t seed() const { return seed_; }

  /// 64 random bits number `index`.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint64_t bits(std::uint64_t index) const;
  /// Uniform in [0, 1), a multiple of 2^-24, exact in float and double alike.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION float uniform(std::uint64_t index) const;
  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double uniform53(std::uint64_t index) const;
  /// Uniform integer in [0, bound) by multiply-high; bias below bound / 2^64.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint64_t below(std::uint64_t index, std::uint64_t bound) const;
  /// Standard normal.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double normal(std::uint64_t index) const;

 private:
  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
  std::uint16_t purpose_ = 0;
};

/// A pseudo-random permutation of [0, n) that is evaluated one element at a time: a Feistel network on the smallest
/// even number of bits that holds n, with Philox rounds, walked until the value falls inside (expected < 4 walks).
/// Data order needs no stored shuffle, so resuming at any position is free.
class Permutation {
 public:
  Permutation(RandomStream stream, std::uint64_t n);
  [[nodiscard]] std::uint64_t operator()(std::uint64_t i) const;

 private:
  RandomStream stream_;
  std::uint64_t n_;
  int half_bits_;
};

/// out[i] = low + (high - low) * uniform(first + i)
void fill_uniform(const RandomStream& stream, double low, double high, Vector out, std::uint64_t first = 0);
/// out[i] = mean + deviation * normal(first + i)
void fill_normal(const RandomStream& stream, double mean, double deviation, Vector out, std::uint64_t first = 0);

}  // namespace velo
