#include "harness/device/memory.hpp"

#include <sys/mman.h>

#include <cstdint>

#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

/// Asks for huge pages wherever whole ones fit between `data` and `data + bytes`. Advice: failure changes nothing.
void advise_huge_pages(void* data, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t page = std::uintptr_t{1} << 21;
  const auto begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace

Vector zeros(const std::string& label, Index size) {
  const Vector out(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), static_cast<std::size_t>(size));
  if constexpr (device_is_host) advise_huge_pages(out.data(), out.size() * sizeof(Scalar));
  fill(out, 0.0);
  return out;
}

}  // namespace velo
