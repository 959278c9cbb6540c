// AdamW's update as a fraction of the memory bandwidth that a triad reaches (harness/run/algorithm_speed.hpp). Bar: 0.9 at
// 25 million parameters. Memory that fits the last cache is said to; the bar is meant for memory beyond it.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>

#include "harness/registry.hpp"
#include "harness/run/algorithm_speed.hpp"
#include "harness/run/foreign_load.hpp"

namespace velo {

namespace {

constexpr Index bar_size = 25'000'000;

/// Bytes of the last-level cache; 0 where the system does not say.
Index last_cache_bytes() { return std::max<Index>(0, sysconf(_SC_LEVEL3_CACHE_SIZE)); }

/// Argument: parameters.
void adamw_over_triad(benchmark::State& state) {
  const Registry& registry = builtin_registry();
  const Component adamw{"adamw", Parameters::defaults(registry.algorithm("adamw").parameters)};
  AlgorithmSpeed speed;
  for (auto _ : state) {
    speed = measure_algorithm(adamw, registry, state.range(0), 4.0);
    state.SetIterationTime(speed.seconds_per_step);
  }
  if (speed.foreign_share > ForeignLoad::limit) {
    state.SkipWithError(
        ("disturbed: others used " + std::to_string(static_cast<int>(100 * speed.foreign_share)) + " % of the machine")
            .c_str());
    return;
  }
  state.counters["update_GB/s"] = speed.bytes_per_second / 1e9;
  state.counters["triad_GB/s"] = speed.triad_bytes_per_second / 1e9;
  state.counters["fraction"] = speed.bytes_per_second / speed.triad_bytes_per_second;
  state.counters["foreign_%"] = 100 * speed.foreign_share;
  state.SetLabel(std::to_string(speed.bytes / 1'000'000) + " MB in all, " +
                 (speed.bytes > last_cache_bytes() ? "beyond" : "NOT beyond") + " the " +
                 std::to_string(last_cache_bytes() / 1'000'000) + " MB last-level cache");
}

// The size of the bar, and one that no cache holds (16 bytes a parameter, at least twice the cache).
BENCHMARK(adamw_over_triad)
    ->Arg(bar_size)
    ->Arg(std::max(bar_size, last_cache_bytes() * 5 / 32))
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace

}  // namespace velo
