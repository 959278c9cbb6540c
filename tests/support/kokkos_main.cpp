// main() of every test program that trains: Kokkos lives exactly as long as the tests.
#include <catch2/catch_session.hpp>

#include "harness/device/runtime.hpp"

int main(int argc, char** argv) {
  velo::use_native_blas_kernels(argv);
  const velo::Runtime runtime;
  return Catch::Session().run(argc, argv);
}
