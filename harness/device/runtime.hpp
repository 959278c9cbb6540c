// harness/device/runtime.hpp
//
// Starting and describing the machine below: Kokkos, oneDNN, OpenBLAS and OpenMP with one number of threads.
// Plain C++: rooms that never see Kokkos may include it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace velo {

/// Kokkos lives exactly as long as this object. Make one, early in main(), once per process: Kokkos cannot start twice.
/// Every library gets the same number of threads.
class Runtime {
 public:
  /// `threads` = 0: what OMP_NUM_THREADS says, else all cores. Throws Error for a negative number.
  explicit Runtime(int threads = 0);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
};

/// OpenBLAS takes kernels from before AVX ("Prescott", 6 times slower) on processors newer than itself, and decides when
/// it is loaded. This function starts the program again, once, with OPENBLAS_CORETYPE set to what the processor can do;
/// it returns where the variable is set already or the choice is good. Call it first in main().
void use_native_blas_kernels(char** argv);

/// What computes, for the fingerprint of a run and for `velo doctor`.
struct RuntimeInfo {
  std::string backend;  ///< Kokkos' name of the default execution space: "OpenMP", "Serial", "Cuda"
  int threads = 1;      ///< host threads that Kokkos, OpenMP and BLAS use
  std::string device;   ///< GPU model under CUDA, else CPU model
  std::string isa;  ///< instruction set that this program was compiled for: "avx512", "avx2", "sse2", "neon", "other"
  std::string blas_isa;  ///< kernels that OpenBLAS and oneDNN chose at run time: "SkylakeX, avx512_core_amx"
  std::vector<std::pair<std::string, std::string>> libraries;  ///< name and version: Kokkos, oneDNN, OpenBLAS, CUDA
  std::string scalar;                                          ///< "float32" or "float64"
};

/// Describes the running Runtime.
[[nodiscard]] RuntimeInfo runtime_info();

/// Sets the threads of OpenMP, oneDNN and OpenBLAS (Kokkos keeps its own), for dense linear algebra whose bits must
/// not depend on the number of threads; the former number comes back at the end of the block.
class LibraryThreads {
 public:
  explicit LibraryThreads(int threads);
  ~LibraryThreads();
  LibraryThreads(const LibraryThreads&) = delete;
  LibraryThreads& operator=(const LibraryThreads&) = delete;

  /// What OpenBLAS uses now.
  [[nodiscard]] static int current();

 private:
  int before_;
};

}  // namespace velo
