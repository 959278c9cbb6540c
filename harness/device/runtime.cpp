#include "harness/device/runtime.hpp"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "harness/device/runtime_libraries.hpp"
#include "harness/device/tensor.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace velo {

namespace {

int default_threads() {
  const char* variable = std::getenv("OMP_NUM_THREADS");
  const int wished = variable == nullptr ? 0 : std::atoi(variable);
  return wished > 0 ? wished : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Kokkos 3.7 replaced InitArguments. Its warnings go to stderr, where the library must not write.
void start_kokkos(int threads) {
#if KOKKOS_VERSION >= 30700
  Kokkos::initialize(Kokkos::InitializationSettings().set_num_threads(threads).set_disable_warnings(true));
#else
  Kokkos::InitArguments arguments;
  arguments.num_threads = threads;
  arguments.disable_warnings = true;
  Kokkos::initialize(arguments);
#endif
}

std::string compiled_isa() {
#if defined(__AVX512F__)
  return "avx512";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "other";
#endif
}

std::string device_model() {
#ifdef KOKKOS_ENABLE_CUDA
  int device = 0;
  cudaDeviceProp properties;
  if (cudaGetDevice(&device) == cudaSuccess && cudaGetDeviceProperties(&properties, device) == cudaSuccess)
    return properties.name;
  return "unknown";
#else
  return libraries::cpu_model();
#endif
}

#ifdef KOKKOS_ENABLE_CUDA
/// Where the compilers of host and device lay a View out differently, kernels read garbage (GCC 12 and nvcc 13.0 with the
/// mdspan-based View of a Kokkos before 4.7: 40 bytes and 32).
void check_view_layout() {
  auto* size = static_cast<std::size_t*>(Kokkos::kokkos_malloc<MemorySpace>("velo::view_layout", sizeof(std::size_t)));
  Kokkos::parallel_for(
      "velo::view_layout", Kokkos::RangePolicy<ExecutionSpace>(0, 1),
      KOKKOS_LAMBDA(const int) { *size = sizeof(Vector); });
  std::size_t on_device = 0;
  cudaMemcpy(&on_device, size, sizeof on_device, cudaMemcpyDeviceToHost);
  Kokkos::kokkos_free<MemorySpace>(size);
  if (on_device != sizeof(Vector))
    throw Error(cat("a Kokkos::View has ", sizeof(Vector), " bytes to the host's compiler and ", on_device,
                    " to CUDA's: build with -DKokkos_ENABLE_IMPL_VIEW_LEGACY=ON, or a newer Kokkos"));
}
#endif

}  // namespace

Runtime::Runtime(int threads) {
  if (threads < 0) throw Error(cat("threads must be 0 (all cores) or more, not ", threads));
  if (threads == 0) threads = default_threads();
  libraries::set_threads(threads);
  start_kokkos(threads);
#ifdef KOKKOS_ENABLE_CUDA
  check_view_layout();
#endif
}

Runtime::~Runtime() { Kokkos::finalize(); }

RuntimeInfo runtime_info() {
  RuntimeInfo info;
  info.backend = ExecutionSpace::name();
  info.threads = libraries::threads();
  info.device = device_model();
  info.isa = compiled_isa();
  info.blas_isa = libraries::isa();
  info.libraries = libraries::versions();
  info.libraries.insert(info.libraries.begin(), {"Kokkos", cat(KOKKOS_VERSION / 10000, ".", KOKKOS_VERSION / 100 % 100,
                                                               ".", KOKKOS_VERSION % 100)});
#ifdef KOKKOS_ENABLE_CUDA
  info.libraries.emplace_back("CUDA", cat(CUDART_VERSION / 1000, ".", CUDART_VERSION / 10 % 100));
#endif
  info.scalar = sizeof(Scalar) == sizeof(float) ? "float32" : "float64";
  return info;
}

LibraryThreads::LibraryThreads(int threads) : before_(libraries::threads()) { libraries::set_threads(threads); }
LibraryThreads::~LibraryThreads() { libraries::set_threads(before_); }
int LibraryThreads::current() { return libraries::threads(); }

}  // namespace velo
