#include "workloads/nn/arena.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace velo::nn {

namespace {

constexpr Index alignment = 64 / sizeof(Scalar);

/// Memory of the device. On the host, large pieces ask for huge pages: page faults and address translation cost small
/// networks more than their arithmetic.
Scalar* system_allocate(Index count) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(Scalar);
  if constexpr (device_is_host) {
    const std::size_t page = bytes >= huge_page ? huge_page : alignment * sizeof(Scalar);
    void* data = std::aligned_alloc(page, (bytes + page - 1) / page * page);  // what is never touched takes no memory
    if (data == nullptr) throw std::bad_alloc();
    advise_huge_pages(data, bytes);
    return static_cast<Scalar*>(data);
  } else {
    return static_cast<Scalar*>(Kokkos::kokkos_malloc<MemorySpace>("velo::nn::arena", bytes));
  }
}

void system_release(Scalar* data) {
  if constexpr (device_is_host)
    std::free(data);
  else
    Kokkos::kokkos_free<MemorySpace>(data);
}

}  // namespace

Arena::~Arena() {
  for (const Block& block : blocks_)
    if (!block.free && block.begin + block.size > capacity_) system_release(block.data);
  if (slab_ != nullptr) system_release(slab_);
}

Scalar* Arena::allocate(Index count) {
  const Index size = std::max(alignment, (count + alignment - 1) / alignment * alignment);
  auto best = blocks_.end();
  for (auto block = blocks_.begin(); block != blocks_.end(); ++block)
    if (block->free && block->size >= size && (best == blocks_.end() || block->size < best->size)) best = block;
  if (best == blocks_.end()) {
    const Index begin = blocks_.empty() ? 0 : blocks_.back().begin + blocks_.back().size;
    best = blocks_.insert(blocks_.end(), Block{begin, size, true, nullptr});
  } else if (best->size > size) {
    const Block rest{best->begin + size, best->size - size, true, nullptr};
    best->size = size;
    best = blocks_.insert(best + 1, rest) - 1;
  }
  high_water_ = std::max(high_water_, best->begin + size);
  best->free = false;
  live_ += size;
  most_live_ = std::max(most_live_, live_);
  if (best->begin + size <= capacity_) {
    best->data = slab_ + best->begin;
  } else {
    best->data = system_allocate(size);
    ++system_allocations_;
  }
  return best->data;
}

void Arena::release(const Scalar* data) {
  const auto block =
      std::find_if(blocks_.begin(), blocks_.end(), [data](const Block& b) { return !b.free && b.data == data; });
  if (block == blocks_.end()) throw std::logic_error("the arena did not hand out this memory");
  if (block->begin + block->size > capacity_) system_release(block->data);
  block->free = true;
  live_ -= block->size;
  auto at = block;
  if (at + 1 != blocks_.end() && (at + 1)->free) {
    at->size += (at + 1)->size;
    blocks_.erase(at + 1);
  }
  if (at != blocks_.begin() && (at - 1)->free) {
    (at - 1)->size += at->size;
    blocks_.erase(at);
  }
  if (blocks_.back().free) blocks_.pop_back();
}

void Arena::finish() {
  for (const Block& block : blocks_)
    if (!block.free && block.begin + block.size > capacity_) system_release(block.data);
  blocks_.clear();
  live_ = 0;
  if (high_water_ <= capacity_) return;
  Kokkos::fence();  // kernels still queued may use the old slab
  if (slab_ != nullptr) system_release(slab_);
#ifdef __GLIBC__
  malloc_trim(0);  // what lay outside the slab would stay with the process, beside the slab
#endif
  slab_ = system_allocate(high_water_);
  capacity_ = high_water_;
  ++system_allocations_;
}

}  // namespace velo::nn
