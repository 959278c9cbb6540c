#include "harness/device/runtime_libraries.hpp"

#include <cblas.h>
#include <dnnl.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "harness/device/runtime.hpp"
#include "results/text.hpp"

// OpenBLAS and oneDNN both run on OpenMP, whose run-time library they bring along; in a Serial build nothing else
// does, so the one function needed is bound weakly.
extern "C" void omp_set_num_threads(int) __attribute__((weak));

namespace velo::libraries {

void set_threads(int threads) {
  if (omp_set_num_threads != nullptr) omp_set_num_threads(threads);
  openblas_set_num_threads(threads);
}

int threads() { return openblas_get_num_threads(); }

std::vector<std::pair<std::string, std::string>> versions() {
  const dnnl_version_t* v = dnnl_version();
  const char* parallel[] = {"sequential", "pthreads", "OpenMP"};
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 DYNAMIC_ARCH ..."
  const auto begin = config.find(' ') + 1;
  return {{"oneDNN", cat(v->major, ".", v->minor, ".", v->patch)},
          {"OpenBLAS",
           cat(config.substr(begin, config.find(' ', begin) - begin), " (", parallel[openblas_get_parallel()], ")")}};
}

std::string isa() {
  std::string onednn = "default";
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
      onednn = "sse41";
      break;
    case dnnl_cpu_isa_avx:
      onednn = "avx";
      break;
    case dnnl_cpu_isa_avx2:
      onednn = "avx2";
      break;
    case dnnl_cpu_isa_avx2_vnni:
      onednn = "avx2_vnni";
      break;
    case dnnl_cpu_isa_avx512_core:
      onednn = "avx512_core";
      break;
    case dnnl_cpu_isa_avx512_core_vnni:
      onednn = "avx512_core_vnni";
      break;
    case dnnl_cpu_isa_avx512_core_bf16:
      onednn = "avx512_core_bf16";
      break;
    case dnnl_cpu_isa_avx512_core_amx:
      onednn = "avx512_core_amx";
      break;
    default:
      break;
  }
  return cat(openblas_get_corename(), ", ", onednn);
}

std::string better_blas_core() {
#if defined(__x86_64__)
  if (std::string_view(openblas_get_corename()) != "Prescott") return "";
  if (__builtin_cpu_supports("avx512bw")) return "SkylakeX";
  if (__builtin_cpu_supports("avx2")) return "Haswell";
#endif
  return "";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace velo::libraries

void velo::use_native_blas_kernels(char** argv) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) return;
  const std::string core = libraries::better_blas_core();
  if (core.empty()) return;
  setenv("OPENBLAS_CORETYPE", core.c_str(), 1);
  execv("/proc/self/exe", argv);  // returns only when it failed: the slow kernels are right all the same
}
