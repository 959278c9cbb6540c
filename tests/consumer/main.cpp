// The whole command with one more algorithm in it.
#include "harness/cli/verb.hpp"
#include "harness/device/runtime.hpp"
#include "harness/registry.hpp"

velo::AlgorithmInfo signum_info();

int main(int argc, char** argv) {
  velo::use_native_blas_kernels(argv);
  velo::Registry registry = velo::builtin_registry();
  registry.add(signum_info());
  return velo::run_cli(&registry, argc, argv);
}
