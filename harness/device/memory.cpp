#include "harness/device/memory.hpp"

#include <sys/mman.h>

#include <memory>

#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

/// Asks for huge pages wherever whole ones fit between `data` and `data + bytes`. Advice: failure changes nothing.
void advise_huge_pages(void* data, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr std::size_t page = std::size_t{1} << 21;
  if (std::align(page, page, data, bytes) != nullptr) madvise(data, bytes / page * page, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace

Vector zeros(const std::string& label, Index size) {
  Vector out(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), static_cast<std::size_t>(size));
  if constexpr (device_is_host) advise_huge_pages(out.data(), out.size() * sizeof(Scalar));
  fill(out, 0.0);
  return out;
}

}  // namespace velo
