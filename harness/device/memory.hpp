// harness/device/memory.hpp
//
// Memory of long vectors. On the host, parameters, gradients and state lie in huge pages where the kernel gives them on
// request (transparent_hugepage = madvise): an update streams through all of them, and with pages of 4 KiB the address
// translation costs about a tenth of the bandwidth.
#pragma once

#include <string>

#include "harness/device/tensor.hpp"

namespace velo {

/// A vector of zeros, written by the threads that will work on it.
[[nodiscard]] Vector zeros(const std::string& label, Index size);

}  // namespace velo
