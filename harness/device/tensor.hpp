// harness/device/tensor.hpp
//
// The two shapes in which numbers live on the device: flat vectors that own memory (parameters, gradients,
// optimizer state) and shaped tensors that borrow it (activations in an arena, blocks of a flat vector).
//
// Scalar is float; the `_f64` libraries compile the same sources with VELO_SCALAR=double for gradient checks.
// The two are never linked into one program.
#pragma once

#include <Kokkos_Core.hpp>
#include <array>
#include <cstdint>
#include <initializer_list>

#ifndef VELO_SCALAR
#define VELO_SCALAR float
#endif

namespace velo {

using Scalar = VELO_SCALAR;
using Index = std::int64_t;

using ExecutionSpace = Kokkos::DefaultExecutionSpace;
using MemorySpace = ExecutionSpace::memory_space;

/// Flat, contiguous, owning (or a subview of an owner). Label every allocation: "adamw::m".
using Vector = Kokkos::View<Scalar*, MemorySpace>;
using ConstVector = Kokkos::View<const Scalar*, MemorySpace>;
/// The same on the host.
using HostVector = Kokkos::View<Scalar*, Kokkos::HostSpace>;

/// Up to five extents, row-major: the last runs fastest.
struct Shape {
  static constexpr int max_rank = 5;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<Index> values) {
    for (Index v : values) extents[rank++] = v;
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr Index operator[](int axis) const { return extents[axis]; }
  /// Number of elements; 1 for a scalar.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr Index size() const {
    Index n = 1;
    for (int i = 0; i < rank; ++i) n *= extents[i];
    return n;
  }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;

  Index extents[max_rank] = {0, 0, 0, 0, 0};
  int rank = 0;
};

/// A borrowed, shaped, row-major block of device memory. Copying it copies the pointer.
struct Tensor {
  Scalar* data = nullptr;
  Shape shape;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Index size() const { return shape.size(); }
  [[nodiscard]] explicit operator bool() const { return data != nullptr; }
};

}  // namespace velo
