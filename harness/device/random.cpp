#include "harness/device/random.hpp"

#include <stdexcept>

namespace velo {

namespace {

/// SplitMix64's finaliser: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

int half_bits_for(std::uint64_t n) {
  int half = 1;
  while (half < 32 && n > std::uint64_t{1} << 2 * half) ++half;
  return half;
}

}  // namespace

Permutation::Permutation(const RandomStream& stream, std::uint64_t n) : n_(n), half_bits_(half_bits_for(n)), key_{} {
  if (n == 0) throw std::logic_error("a permutation of nothing");
  for (int r = 0; r < rounds; ++r) key_[r] = stream.bits(static_cast<std::uint64_t>(r));
}

std::uint64_t Permutation::operator()(std::uint64_t i) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t value = i;
  do {
    std::uint64_t left = value >> half_bits_, right = value & mask;
    for (const std::uint64_t key : key_) {
      const std::uint64_t next = left ^ (mix(right + key) & mask);
      left = right;
      right = next;
    }
    value = left << half_bits_ | right;
  } while (value >= n_);
  return value;
}

// Both fills run over whole blocks, so that Philox is evaluated once per block; the ends are cut where `first` and
// `first + n` fall inside one.

void fill_uniform(const RandomStream& stream, double low, double high, Vector out, std::uint64_t first) {
  const std::uint64_t last = first + out.extent(0);
  if (last == first) return;
  Kokkos::parallel_for(
      "velo::fill_uniform",
      Kokkos::RangePolicy<ExecutionSpace, Kokkos::IndexType<Index>>(static_cast<Index>(first / 4),
                                                                    static_cast<Index>((last - 1) / 4 + 1)),
      KOKKOS_LAMBDA(const Index b) {
        const PhiloxBlock block = stream.block(static_cast<std::uint64_t>(b));
        for (int k = 0; k < 4; ++k) {
          const std::uint64_t index = 4 * static_cast<std::uint64_t>(b) + static_cast<std::uint64_t>(k);
          if (index >= first && index < last)
            out(index - first) =
                static_cast<Scalar>(low + (high - low) * static_cast<double>(RandomStream::unit24(block.word[k])));
        }
      });
}

void fill_normal(const RandomStream& stream, double mean, double deviation, Vector out, std::uint64_t first) {
  const std::uint64_t last = first + out.extent(0);
  if (last == first) return;
  Kokkos::parallel_for(
      "velo::fill_normal",
      Kokkos::RangePolicy<ExecutionSpace, Kokkos::IndexType<Index>>(static_cast<Index>(first / 2),
                                                                    static_cast<Index>((last - 1) / 2 + 1)),
      KOKKOS_LAMBDA(const Index b) {
        const NormalPair pair = normal_pair(stream.block(static_cast<std::uint64_t>(b)));
        for (int k = 0; k < 2; ++k) {
          const std::uint64_t index = 2 * static_cast<std::uint64_t>(b) + static_cast<std::uint64_t>(k);
          if (index >= first && index < last)
            out(index - first) = static_cast<Scalar>(mean + deviation * pair.value[k]);
        }
      });
}

}  // namespace velo
