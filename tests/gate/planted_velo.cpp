// The command with one bug in it (tests/gate/planted.hpp), named by VELO_PLANT; without one it is the command. Workers
// inherit the variable, so a whole gate runs on the planted library. `--bugs` as only argument lists them.
#include <cstdlib>
#include <iostream>

#include "harness/cli/verb.hpp"
#include "harness/device/runtime.hpp"
#include "tests/gate/planted.hpp"

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--bugs") {
    for (const velo::test::PlantedBug& bug : velo::test::planted_bugs())
      std::cout << bug.name << '\t' << bug.algorithm << '\t' << bug.what << '\n';
    return 0;
  }
  velo::use_native_blas_kernels(argv);
  const char* plant = std::getenv("VELO_PLANT");
  const velo::Registry registry = velo::test::planted_registry(plant == nullptr ? "" : plant);
  return velo::run_cli(&registry, argc, argv);
}
