#include "harness/device/memory.hpp"

#include <sys/mman.h>

#include <memory>

#include "harness/device/elementwise.hpp"

namespace velo {

void advise_huge_pages(void* data, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (std::align(huge_page, huge_page, data, bytes) != nullptr)
    madvise(data, bytes / huge_page * huge_page, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

Vector zeros(const std::string& label, Index size) {
  Vector out(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), static_cast<std::size_t>(size));
  if constexpr (device_is_host) advise_huge_pages(out.data(), out.size() * sizeof(Scalar));
  fill(out, 0.0);
  return out;
}

}  // namespace velo
