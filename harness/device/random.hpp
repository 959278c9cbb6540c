// harness/device/random.hpp
//
// Counter-based random streams: every number is a pure function of (seed, purpose, step, index), so it does not
// matter who draws it, in which order, on how many threads or on which back-end.
//
//   Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) through
//   Random123. Key = the 64-bit seed; counter = (block low, block high, step low, purpose << 16 | step high).
//   Steps have 48 bits. A block holds four 32-bit words:
//
//     uniform(i)                     word i mod 4 of block i / 4
//     bits(i), uniform53(i), below(i)  words 2 (i mod 2), 2 (i mod 2) + 1 of block i / 2
//     normal(i)                      both halves of block i / 2 make normals 2 (i / 2) and 2 (i / 2) + 1
//
//   So one stream serves one kind of draw: uniform(0) and normal(0) are not independent. fork() gives another stream.
//
// Integers and uniforms are exact. Normals come from the transform of Box and Muller (Annals of Mathematical
// Statistics 29, 1958) with our own logarithm, sine and cosine, in IEEE +, *, /, sqrt alone: no libm call and no
// contraction, so they are bit-identical everywhere too. Relative error below 1e-15, |value| below 8.6, and the tail
// is right down to probabilities of 1e-15.
#pragma once

#include <Random123/philox.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "harness/device/tensor.hpp"

namespace velo {

/// What a stream is for; streams of different purpose never overlap. The values are part of the file format.
/// 0 is reserved: fork() hashes seeds with it.
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

  /// 64 bits from words 2 half and 2 half + 1, half = 0 or 1.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint64_t half(int half) const {
    return word[2 * half] | static_cast<std::uint64_t>(word[2 * half + 1]) << 32;
  }
};
[[nodiscard]] KOKKOS_INLINE_FUNCTION PhiloxBlock philox(std::uint64_t key, const std::uint32_t (&counter)[4]);

/// The two standard normals that one block makes.
struct NormalPair {
  double value[2];
};
[[nodiscard]] KOKKOS_INLINE_FUNCTION NormalPair normal_pair(const PhiloxBlock& block);

class RandomStream {
 public:
  RandomStream() = default;
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t step = 0)
      : seed_(seed), step_(step), purpose_(static_cast<std::uint16_t>(purpose)) {}

  /// The same seed and purpose at another step.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION RandomStream at_step(std::uint64_t step) const {
    RandomStream other = *this;
    other.step_ = step;
    return other;
  }
  /// An independent stream: the seed is hashed with `salt` (layer number, wrapper depth, player, ...).
  [[nodiscard]] KOKKOS_INLINE_FUNCTION RandomStream fork(std::uint64_t salt) const {
    RandomStream other = *this;
    other.seed_ =
        philox(seed_, {static_cast<std::uint32_t>(salt), static_cast<std::uint32_t>(salt >> 32), 0, 0}).half(0);
    return other;
  }

  [[nodiscard]] std::uint64_t seed() const { return seed_; }

  /// Block number `index`: kernels that want all four words for one evaluation of Philox.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION PhiloxBlock block(std::uint64_t index) const {
    return philox(
        seed_,
        {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), static_cast<std::uint32_t>(step_),
         static_cast<std::uint32_t>(purpose_) << 16 | static_cast<std::uint32_t>(step_ >> 32 & 0xffff)});
  }
  /// 64 random bits number `index`.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint64_t bits(std::uint64_t index) const {
    return block(index / 2).half(static_cast<int>(index % 2));
  }
  /// Uniform in [0, 1), a multiple of 2^-24, exact in float and double alike.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION float uniform(std::uint64_t index) const {
    return unit24(block(index / 4).word[index % 4]);
  }
  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double uniform53(std::uint64_t index) const {
    return static_cast<double>(bits(index) >> 11) * 0x1p-53;
  }
  /// Uniform integer in [0, bound) by multiply-high; bias below bound / 2^64.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::uint64_t below(std::uint64_t index, std::uint64_t bound) const;
  /// Standard normal.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double normal(std::uint64_t index) const {
    return normal_pair(block(index / 2)).value[index % 2];
  }
  /// What uniform() makes of a word.
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION float unit24(std::uint32_t word) {
    return static_cast<float>(word >> 8) * 0x1p-24f;
  }

 private:
  std::uint64_t seed_ = 0;
  std::uint64_t step_ = 0;
  std::uint16_t purpose_ = 0;
};

/// A pseudo-random permutation of [0, n) that is evaluated one element at a time: a Feistel network on the smallest
/// even number of bits that holds n, walked until the value falls inside (fewer than 4 walks on average; cycle walking,
/// Black and Rogaway, CT-RSA 2002). Round keys come from the stream, rounds mix with the finaliser of SplitMix64
/// (Steele, Lea, Flood, OOPSLA 2014). Data order needs no stored shuffle, so resuming at any position is free.
class Permutation {
 public:
  /// Draws the round keys from `stream`. n >= 1.
  Permutation(const RandomStream& stream, std::uint64_t n);
  /// The element at position i < n.
  [[nodiscard]] std::uint64_t operator()(std::uint64_t i) const;
  [[nodiscard]] std::uint64_t size() const { return n_; }

 private:
  static constexpr int rounds = 8;

  std::uint64_t n_;
  int half_bits_;
  std::uint64_t key_[rounds];
};

/// out[i] = low + (high - low) * uniform(first + i)
void fill_uniform(const RandomStream& stream, double low, double high, Vector out, std::uint64_t first = 0);
/// out[i] = mean + deviation * normal(first + i)
void fill_normal(const RandomStream& stream, double mean, double deviation, Vector out, std::uint64_t first = 0);

KOKKOS_INLINE_FUNCTION PhiloxBlock philox(std::uint64_t key, const std::uint32_t (&counter)[4]) {
  const philox4x32_ctr_t in = {{counter[0], counter[1], counter[2], counter[3]}};
  const philox4x32_key_t k = {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}};
  const philox4x32_ctr_t out = philox4x32_R(10, in, k);
  return {{out.v[0], out.v[1], out.v[2], out.v[3]}};
}

KOKKOS_INLINE_FUNCTION std::uint64_t RandomStream::below(std::uint64_t index, std::uint64_t bound) const {
  // High 64 bits of the 128-bit product, in 32-bit limbs: __int128 is not portable to every device compiler.
  const std::uint64_t x = bits(index);
  const std::uint64_t x_low = x & 0xffffffffu, x_high = x >> 32, b_low = bound & 0xffffffffu, b_high = bound >> 32;
  const std::uint64_t middle = x_high * b_low + (x_low * b_low >> 32);
  const std::uint64_t other = x_low * b_high + (middle & 0xffffffffu);
  return x_high * b_high + (middle >> 32) + (other >> 32);
}

namespace device_math {

/// Natural logarithm of k * 2^-53, k in [1, 2^53]. Relative error below 4 units in the last place.
///
/// k = m 2^e with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.17158:
/// s + s^3/3 + s^5/5 + ...; the first term left out, s^23/23, is below s * 6e-19.
KOKKOS_INLINE_FUNCTION double log_fraction(std::uint64_t k) {
  const double value = static_cast<double>(k);
  std::uint64_t image;
  std::memcpy(&image, &value, sizeof image);
  int exponent = static_cast<int>(image >> 52) - 1023 - 53;
  image = (image & 0x000fffffffffffffu) | 0x3ff0000000000000u;
  double m;
  std::memcpy(&m, &image, sizeof m);
  const bool upper = m >= 1.4142135623730951;
  m = upper ? 0.5 * m : m;
  exponent += upper ? 1 : 0;

  const double s = (m - 1.0) / (m + 1.0);
  const double q = s * s;
  double sum = 1.0 / 21;
  sum = sum * q + 1.0 / 19;
  sum = sum * q + 1.0 / 17;
  sum = sum * q + 1.0 / 15;
  sum = sum * q + 1.0 / 13;
  sum = sum * q + 1.0 / 11;
  sum = sum * q + 1.0 / 9;
  sum = sum * q + 1.0 / 7;
  sum = sum * q + 1.0 / 5;
  sum = sum * q + 1.0 / 3;
  return exponent * 0.69314718055994531 + 2.0 * (s + s * (q * sum));
}

/// Sine and cosine for |x| <= pi/4 by their Taylor series: what is left out is below 1e-19 (x^19/19!) and 3e-18
/// (x^18/18!).
KOKKOS_INLINE_FUNCTION void sine_cosine(double x, double& sine, double& cosine) {
  const double q = x * x;
  double s = 1.0 / 355687428096000.0;
  s = s * q - 1.0 / 1307674368000.0;
  s = s * q + 1.0 / 6227020800.0;
  s = s * q - 1.0 / 39916800.0;
  s = s * q + 1.0 / 362880.0;
  s = s * q - 1.0 / 5040.0;
  s = s * q + 1.0 / 120.0;
  s = s * q - 1.0 / 6.0;
  sine = x + x * (q * s);
  double c = 1.0 / 20922789888000.0;
  c = c * q - 1.0 / 87178291200.0;
  c = c * q + 1.0 / 479001600.0;
  c = c * q - 1.0 / 3628800.0;
  c = c * q + 1.0 / 40320.0;
  c = c * q - 1.0 / 720.0;
  c = c * q + 1.0 / 24.0;
  c = c * q - 0.5;
  cosine = 1.0 + q * c;
}

}  // namespace device_math

KOKKOS_INLINE_FUNCTION NormalPair normal_pair(const PhiloxBlock& block) {
  // Radius from a uniform in (0, 1], angle = quadrant * pi/2 + x with x uniform in [-pi/4, pi/4).
  const double radius = std::sqrt(-2.0 * device_math::log_fraction((block.half(0) >> 11) + 1));
  const std::uint64_t angle = block.half(1);
  const std::uint64_t quadrant = angle >> 62;
  const double x = (static_cast<double>(angle >> 9 & 0x1fffffffffffffu) * 0x1p-53 - 0.5) * 1.5707963267948966;
  double sine, cosine;
  device_math::sine_cosine(x, sine, cosine);
  const double first = (quadrant & 1) != 0 ? -sine : cosine;
  const double second = (quadrant & 1) != 0 ? cosine : sine;
  const double sign = (quadrant & 2) != 0 ? -radius : radius;
  return {{sign * first, sign * second}};
}

}  // namespace velo
