// harness/device/lanes.hpp
//
// As many floats at once as the widest register of the target holds (GCC and Clang vector extension): for kernels whose
// innermost loop runs over a block of channels and mixes scalars, masks and bytes, which compilers do not vectorise by
// themselves. Host code only; arguments go by reference, because how such vectors are passed depends on the
// instruction set.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "harness/device/tensor.hpp"

namespace velo::lanes {

#ifdef __AVX512F__
inline constexpr Index count = 16;
#else
inline constexpr Index count = 8;
#endif

#ifndef __CUDACC__

using Scalars = Scalar __attribute__((vector_size(count * sizeof(Scalar))));
/// What comparing Scalars gives: 0 or all ones.
using Masks = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t> __attribute__((
    vector_size(count * sizeof(Scalar))));
using Bytes = std::uint8_t __attribute__((vector_size(count)));

template <typename Lanes>
inline void load(const void* from, Lanes& to) {
  std::memcpy(&to, from, sizeof to);
}
template <typename Lanes>
inline void store(const Lanes& value, void* to) {
  std::memcpy(to, &value, sizeof value);
}

/// Small integers as masks, for comparison with masks, and back to bytes.
inline void widen(const std::uint8_t* from, Masks& to) {
  Bytes bytes;
  load(from, bytes);
  to = __builtin_convertvector(bytes, Masks);
}
inline void narrow(const Masks& value, std::uint8_t* to) { store(__builtin_convertvector(value, Bytes), to); }

#endif

}  // namespace velo::lanes
