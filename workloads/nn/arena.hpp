// workloads/nn/arena.hpp
//
// The memory of a tape: one slab from which tensors are cut and to which they return. The first pass of a kind finds
// out how much is needed (what does not fit yet lies outside the slab); finish() then grows the slab, once, and the
// same pass never allocates again. Freed memory is handed out again at once, hot in cache.
//
// The same sequence of calls gives the same places, whatever the slab's size.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/device/tensor.hpp"

namespace velo::nn {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// `count` scalars, not initialised, on a 64-byte boundary.
  [[nodiscard]] Scalar* allocate(Index count);
  /// Takes back what allocate() gave. Throws std::logic_error for any other pointer.
  void release(const Scalar* data);
  /// Takes everything back, and grows the slab to what the passes so far needed at once.
  void finish();

  /// Scalars in the slab.
  [[nodiscard]] Index capacity() const { return capacity_; }
  /// The most scalars that were out at once, in any pass.
  [[nodiscard]] Index needed() const { return most_live_; }
  /// How often memory came from the system: constant once every kind of pass has run.
  [[nodiscard]] std::int64_t system_allocations() const { return system_allocations_; }

 private:
  struct Block {
    Index begin;
    Index size;
    bool free;
    Scalar* data;
  };

  std::vector<Block> blocks_;  ///< sorted by begin, without gaps; behind the last one everything is free
  Scalar* slab_ = nullptr;
  Index capacity_ = 0;
  Index high_water_ = 0;
  Index live_ = 0;
  Index most_live_ = 0;
  std::int64_t system_allocations_ = 0;
};

}  // namespace velo::nn
