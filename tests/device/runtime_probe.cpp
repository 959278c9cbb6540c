// Starts the runtime with the number of threads in argv[1] and prints what everyone then uses.
#include <Kokkos_Core.hpp>
#include <cstdio>
#include <cstdlib>

#include "harness/device/runtime.hpp"

int main(int, char** argv) {
  const velo::Runtime runtime(std::atoi(argv[1]));
  std::printf("host threads %d, kokkos %d of %s\n", velo::runtime_info().threads,
              static_cast<int>(Kokkos::DefaultHostExecutionSpace().concurrency()),
              Kokkos::DefaultHostExecutionSpace::name());
}
