// algorithms/transforms/pass.hpp
//
// One fused elementwise pass over part of the flat parameter vector: body(i) for every i in [first, last).
//
// The body reads and writes element i only, so the result has the same bits on any number of threads. On the host a
// task is a chunk of consecutive elements with a plain inner loop over a private copy of the body: what the body
// captured then sits in registers, and the loop vectorises. On a device it is one element per thread.
#pragma once

#include <algorithm>

#include "harness/device/tensor.hpp"

namespace velo {

namespace detail {

template <typename Body>
struct ChunkedPass {
  static constexpr Index chunk = 4096;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const Body own = body;
    const Index low = first + task * chunk;
    const Index high = low + chunk < last ? low + chunk : last;
#if defined(__GNUC__) && !defined(__CUDA_ARCH__) && !defined(__clang__)
#pragma GCC ivdep
#endif
    for (Index i = low; i < high; ++i) own(i);
  }

  Index first;
  Index last;
  Body body;
};

}  // namespace detail

/// Runs body(i) for i in [first, last). `label` names the kernel for profilers: "velo::update::adamw".
template <typename Body>
void elementwise_pass(const char* label, Index first, Index last, const Body& body) {
  constexpr bool on_host = Kokkos::SpaceAccessibility<Kokkos::HostSpace, MemorySpace>::accessible;
  using Policy = Kokkos::RangePolicy<ExecutionSpace, Kokkos::Schedule<Kokkos::Static>, Kokkos::IndexType<Index>>;
  if constexpr (on_host) {
    using Chunked = detail::ChunkedPass<Body>;
    const Index tasks = (last - first + Chunked::chunk - 1) / Chunked::chunk;
    Kokkos::parallel_for(label, Policy(0, tasks), Chunked{first, last, body});
  } else {
    Kokkos::parallel_for(label, Policy(first, last), body);
  }
}

}  // namespace velo
