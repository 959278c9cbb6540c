// harness/device/runtime_libraries.hpp
//
// The part of the runtime that talks to OpenBLAS, oneDNN and the OpenMP run-time library. Apart from runtime.cpp,
// which is compiled by the device compiler.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace velo::libraries {

void set_threads(int threads);
/// Threads that OpenBLAS uses.
[[nodiscard]] int threads();
[[nodiscard]] std::vector<std::pair<std::string, std::string>> versions();
/// Kernels chosen at run time.
[[nodiscard]] std::string isa();
[[nodiscard]] std::string cpu_model();
/// The OPENBLAS_CORETYPE for this processor where OpenBLAS fell back to its oldest kernels, else empty.
[[nodiscard]] std::string better_blas_core();

}  // namespace velo::libraries
