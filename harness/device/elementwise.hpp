// harness/device/elementwise.hpp
//
// One pass over flat vectors. An optimizer update is one for_each that reads and writes every buffer once, so it runs
// at memory bandwidth; short vectors run in the calling thread, because waking the others costs a microsecond.
//
//   for_each("adamw::update", params.extent(0), KOKKOS_LAMBDA(const Index i) { params(i) -= rate * gradient(i); });
//
// Contract: call number i writes nothing that another call reads or writes (the loop is vectorised on that promise).
// Bits do not depend on the number of threads: every element is computed alone.
//
// On CUDA the pass is queued, not waited for; results are there for later passes, and on the host after a fence.
#pragma once

#include "harness/device/tensor.hpp"

namespace velo {

/// True where the device's memory is the host's, so host loops may touch Views directly.
inline constexpr bool device_is_host =
    Kokkos::SpaceAccessibility<Kokkos::DefaultHostExecutionSpace, MemorySpace>::accessible &&
    Kokkos::SpaceAccessibility<ExecutionSpace, Kokkos::HostSpace>::accessible &&
    std::is_same_v<MemorySpace, Kokkos::HostSpace>;

namespace elementwise {

/// Elements that one task handles on the host.
inline constexpr Index chunk = 4096;
/// Up to this many elements the calling thread works alone. A pass over 16384 floats in cache takes about 3 us.
inline constexpr Index serial_limit = 16384;

/// A stretch of a loop whose iterations are independent. Tasks with loops of their own use it too: without the promise a
/// compiler that cannot rule out aliasing falls back to one element at a time.
template <typename Function>
KOKKOS_FORCEINLINE_FUNCTION void run(const Function& function, Index begin, Index end) {
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#pragma GCC ivdep
#endif
  for (Index i = begin; i < end; ++i) function(i);
}

/// One task per chunk.
template <typename Function>
struct Chunks {
  Function function;
  Index n;

  void operator()(const Index c) const {
    const Index begin = c * chunk;
    run(function, begin, begin + chunk < n ? begin + chunk : n);
  }
};

/// Tasks 0 ... count - 1 on the device. A label becomes a string, which allocates, only when a tool listens.
template <typename Task>
void launch(const char* label, Index count, const Task& task) {
  using Policy = Kokkos::RangePolicy<ExecutionSpace, Kokkos::Schedule<Kokkos::Static>, Kokkos::IndexType<Index>>;
  if (Kokkos::Tools::profileLibraryLoaded())
    Kokkos::parallel_for(label, Policy(0, count), task);
  else
    Kokkos::parallel_for(Policy(0, count), task);
}

}  // namespace elementwise

/// Calls function(i) for i = 0 ... n - 1.
template <typename Function>
void for_each(const char* label, Index n, const Function& function) {
  if (n <= 0) return;
  if constexpr (device_is_host) {
    if (n <= elementwise::serial_limit)
      elementwise::run(function, 0, n);
    else
      elementwise::launch(label, (n + elementwise::chunk - 1) / elementwise::chunk,
                          elementwise::Chunks<Function>{function, n});
  } else {
    elementwise::launch(label, n, function);
  }
}

/// y = x
void copy(const ConstVector& x, const Vector& y);
/// x = value
void fill(const Vector& x, double value);
void clear(Scalar* x, Index size);  ///< x = 0
/// x = a x
void scale(const Vector& x, double a);
/// y = y + a x
void axpy(double a, const ConstVector& x, const Vector& y);

}  // namespace velo
