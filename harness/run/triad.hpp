// harness/run/triad.hpp
//
// a = b + c / 2 over long vectors: what memory gives, as everyone measures it (McCalpin's STREAM).
#pragma once

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"
#include "harness/device/timer.hpp"

namespace velo {

inline void triad_pass(Index size, Scalar* a, const Scalar* b, const Scalar* c) {
  for_each(
      "velo::triad", size, KOKKOS_LAMBDA(const Index i) { a[i] = b[i] + Scalar(0.5) * c[i]; });
}

class Triad {
 public:
  explicit Triad(Index size) : a_(zeros("a", size)), b_(zeros("b", size)), c_(zeros("c", size)) {
    fill(b_, 1.0);
    fill(c_, 2.0);
  }
  /// Runs once and returns its seconds.
  [[nodiscard]] double timed_pass() const {
    const Stopwatch watch;
    triad_pass(static_cast<Index>(a_.size()), a_.data(), b_.data(), c_.data());
    return watch.seconds();
  }
  /// Of one pass: two reads, one write, and on a host the read of the line that a write fills.
  [[nodiscard]] double bytes() const {
    return (device_is_host ? 4.0 : 3.0) * sizeof(Scalar) * static_cast<double>(a_.size());
  }

 private:
  Vector a_, b_, c_;
};

}  // namespace velo
