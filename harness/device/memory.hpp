// harness/device/memory.hpp
//
// Memory of long vectors. On the host, parameters, gradients, state and activations lie in huge pages where the kernel
// gives them on request (transparent_hugepage = madvise): an update streams through all of them, and with pages of 4 KiB
// the address translation costs about a tenth of the bandwidth.
#pragma once

#include <cstddef>
#include <string>

#include "harness/device/tensor.hpp"

namespace velo {

inline constexpr std::size_t huge_page = std::size_t{1} << 21;  ///< bytes, on x86-64 and on arm64 with pages of 4 KiB

/// Asks for huge pages wherever whole ones fit between `data` and `data + bytes`, memory of the host: what is left over
/// at the ends takes small pages, as a huge one would cost more than it holds. Advice: failure changes nothing.
void advise_huge_pages(void* data, std::size_t bytes);

/// A vector of zeros, written by the threads that will work on it.
[[nodiscard]] Vector zeros(const std::string& label, Index size);

}  // namespace velo
