// harness/device/reduce.hpp
//
// Sums and maxima whose bits depend on the values alone: not on the number of threads, not on the back-end, not on
// the instruction set. An ordinary parallel_reduce differs by 4e-4 between thread counts on a million floats.
//
// The tree is fixed. A range is cut into chunks of 4096 elements; element k of a chunk belongs to lane k mod 16; a lane
// adds its elements in order, in double; lanes, then chunks, are added in pairs at distance 1, 2, 4, ... Error of
// a sum: below (4096 / 16 + 4 + log2(n / 4096)) 2^-53 sum|x|, so 3e-14 relative for a million terms of one sign.
//
// A Reduction owns the partial results; keep one and nothing is allocated after its largest use. Calls return when
// the result is on the host.
#pragma once

#include <cstring>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/layout.hpp"

namespace velo {

namespace reduce {

inline constexpr Index chunk = 4096;
inline constexpr Index lanes = 16;
/// Up to this many elements the calling thread works alone.
inline constexpr Index serial_limit = 16384;

/// Elements [begin, end) of one chunk.
struct Stretch {
  Index begin;
  Index end;
};

/// Chunks of [0, n).
struct FlatChunks {
  Index n;
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Stretch operator()(Index c) const {
    const Index begin = c * chunk;
    return {begin, begin + chunk < n ? begin + chunk : n};
  }
};

/// Chunks of several blocks, each cut on its own, from a table.
struct BlockChunks {
  Kokkos::View<const Stretch*, MemorySpace> table;
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Stretch operator()(Index c) const { return table(c); }
};

/// How two partial results join. Accumulator is what a lane holds.
struct Add {
  using Accumulator = double;
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION double zero() { return 0.0; }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION double lift(double x) { return x; }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION double join(double a, double b) { return a + b; }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION double value(double a) { return a; }
};

/// Largest of non-negative numbers, compared as bit patterns: those of non-negative doubles are ordered like the
/// numbers, with infinity and then NaN on top, so a NaN anywhere is the result, and integers vectorise.
struct Largest {
  using Accumulator = std::int64_t;
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION std::int64_t zero() { return 0; }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION std::int64_t lift(double x) {
    std::int64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffffffffff;
  }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION std::int64_t join(std::int64_t a, std::int64_t b) {
    return a > b ? a : b;
  }
  [[nodiscard]] static KOKKOS_INLINE_FUNCTION double value(std::int64_t a) {
    double x;
    std::memcpy(&x, &a, sizeof x);
    return x;
  }
};

/// Joins lanes in pairs at distance 1, 2, 4, 8; the result stands in the first.
template <typename Join>
KOKKOS_INLINE_FUNCTION double join_lanes(typename Join::Accumulator* lane) {
  for (Index distance = 1; distance < lanes; distance *= 2)
    for (Index l = 0; l < lanes; l += 2 * distance) lane[l] = Join::join(lane[l], lane[l + distance]);
  return Join::value(lane[0]);
}

/// Host: one chunk per task; the inner loop over lanes vectorises.
template <typename Join, typename Chunks, typename Function>
struct HostChunk {
  Chunks chunks;
  Function function;
  double* partial;

  void operator()(const Index c) const {
    typename Join::Accumulator lane[lanes];
    for (Index l = 0; l < lanes; ++l) lane[l] = Join::zero();
    const Stretch s = chunks(c);
    Index i = s.begin;
    for (; i + lanes <= s.end; i += lanes)
      for (Index l = 0; l < lanes; ++l) lane[l] = Join::join(lane[l], Join::lift(function(i + l)));
    for (Index l = 0; i + l < s.end; ++l) lane[l] = Join::join(lane[l], Join::lift(function(i + l)));
    partial[c] = join_lanes<Join>(lane);
  }
};

/// Device, first pass: one lane of one chunk per thread; neighbouring threads read neighbouring elements.
template <typename Join, typename Chunks, typename Function>
struct DeviceLane {
  Chunks chunks;
  Function function;
  typename Join::Accumulator* lane;

  KOKKOS_INLINE_FUNCTION void operator()(const Index task) const {
    const Stretch s = chunks(task / lanes);
    typename Join::Accumulator sum = Join::zero();
    for (Index i = s.begin + task % lanes; i < s.end; i += lanes) sum = Join::join(sum, Join::lift(function(i)));
    lane[task] = sum;
  }
};

/// Device, second pass: one chunk per thread.
template <typename Join>
struct DeviceJoin {
  typename Join::Accumulator* lane;
  double* partial;

  KOKKOS_INLINE_FUNCTION void operator()(const Index c) const { partial[c] = join_lanes<Join>(lane + c * lanes); }
};

/// Joins partial[0 ... count) in pairs at distance 1, 2, 4, ... in place; 0 for none.
template <typename Join>
double join_chunks(double* partial, Index count) {
  if (count == 0) return Join::value(Join::zero());
  for (Index distance = 1; distance < count; distance *= 2)
    for (Index c = 0; c + distance < count; c += 2 * distance)
      partial[c] = Join::value(Join::join(Join::lift(partial[c]), Join::lift(partial[c + distance])));
  return partial[0];
}

/// Memory for partial results that only grows.
class Workspace {
 public:
  /// One result per chunk, on the host. `elements`: in all chunks together, which decides about threads.
  template <typename Join, typename Chunks, typename Function>
  double* run(const char* label, Index count, Index elements, const Chunks& chunks, const Function& function) {
    using Policy = Kokkos::RangePolicy<ExecutionSpace, Kokkos::Schedule<Kokkos::Static>, Kokkos::IndexType<Index>>;
    grow(count);
    if constexpr (device_is_host) {
      const HostChunk<Join, Chunks, Function> task{chunks, function, host_.data()};
      if (elements <= serial_limit)
        for (Index c = 0; c < count; ++c) task(c);
      else
        Kokkos::parallel_for(label, Policy(0, count), task);
    } else {
      auto* lane = reinterpret_cast<typename Join::Accumulator*>(lane_.data());
      Kokkos::parallel_for(label, Policy(0, count * lanes), DeviceLane<Join, Chunks, Function>{chunks, function, lane});
      Kokkos::parallel_for(label, Policy(0, count), DeviceJoin<Join>{lane, partial_.data()});
      Kokkos::deep_copy(Kokkos::View<double*, Kokkos::HostSpace>(host_.data(), static_cast<std::size_t>(count)),
                        Kokkos::subview(partial_, std::pair<Index, Index>(0, count)));
    }
    return host_.data();
  }

 private:
  void grow(Index count);

  Kokkos::View<double*, MemorySpace> lane_;
  Kokkos::View<double*, MemorySpace> partial_;
  std::vector<double> host_;
};

}  // namespace reduce

/// Reductions over [0, n).
class Reduction {
 public:
  /// function(0) + ... + function(n - 1); `function` is a device lambda that returns double.
  template <typename Function>
  [[nodiscard]] double sum(const char* label, Index n, const Function& function) {
    return over<reduce::Add>(label, n, function);
  }
  /// Largest |function(i)|; 0 for n = 0; NaN when one is NaN.
  template <typename Function>
  [[nodiscard]] double max_abs(const char* label, Index n, const Function& function) {
    return over<reduce::Largest>(label, n, function);
  }

  [[nodiscard]] double sum(const ConstVector& x);
  [[nodiscard]] double dot(const ConstVector& x, const ConstVector& y);
  [[nodiscard]] double squared_norm(const ConstVector& x);
  [[nodiscard]] double max_abs(const ConstVector& x);

 private:
  template <typename Join, typename Function>
  double over(const char* label, Index n, const Function& function) {
    const Index count = (n + reduce::chunk - 1) / reduce::chunk;
    return reduce::join_chunks<Join>(workspace_.run<Join>(label, count, n, reduce::FlatChunks{n}, function), count);
  }

  reduce::Workspace workspace_;
};

/// Reductions over every block of a layout at once: element b of a result belongs to block b, and has the bits of a
/// Reduction over that block alone. Results stay valid until the next call.
class BlockReduction {
 public:
  explicit BlockReduction(const ParameterLayout& layout);

  /// `function` is called with positions in the flat vector.
  template <typename Function>
  const std::vector<double>& sum(const char* label, const Function& function) {
    return over<reduce::Add>(label, function);
  }
  template <typename Function>
  const std::vector<double>& max_abs(const char* label, const Function& function) {
    return over<reduce::Largest>(label, function);
  }

  const std::vector<double>& sum(const ConstVector& x);
  const std::vector<double>& dot(const ConstVector& x, const ConstVector& y);
  const std::vector<double>& squared_norm(const ConstVector& x);
  const std::vector<double>& max_abs(const ConstVector& x);

 private:
  template <typename Join, typename Function>
  const std::vector<double>& over(const char* label, const Function& function) {
    double* partial = workspace_.run<Join>(label, first_chunk_.back(), size_, reduce::BlockChunks{table_}, function);
    for (std::size_t b = 0; b < result_.size(); ++b)
      result_[b] = reduce::join_chunks<Join>(partial + first_chunk_[b], first_chunk_[b + 1] - first_chunk_[b]);
    return result_;
  }

  Index size_;
  std::vector<Index> first_chunk_;  ///< [blocks + 1]
  Kokkos::View<reduce::Stretch*, MemorySpace> table_;
  std::vector<double> result_;
  reduce::Workspace workspace_;
};

}  // namespace velo
