#include "harness/cli/verb.hpp"

#ifdef VELO_ANALYSIS_ONLY
int main(int argc, char** argv) { return velo::run_cli(nullptr, argc, argv); }
#else
#include "harness/device/runtime.hpp"
#include "harness/registry.hpp"
int main(int argc, char** argv) {
  velo::use_native_blas_kernels(argv);
  return velo::run_cli(&velo::builtin_registry(), argc, argv);
}
#endif
