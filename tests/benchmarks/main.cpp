// main() of the benchmarks: Kokkos lives as long as they run; the context names what computes.
#include <benchmark/benchmark.h>

#include "harness/device/runtime.hpp"

int main(int argc, char** argv) {
  const velo::Runtime runtime;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const velo::RuntimeInfo info = velo::runtime_info();
  benchmark::AddCustomContext("backend", info.backend + ", " + std::to_string(info.threads) + " threads");
  benchmark::AddCustomContext("device", info.device);
  for (const auto& [name, version] : info.libraries) benchmark::AddCustomContext(name, version);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
