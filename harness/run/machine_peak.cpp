#include "harness/run/machine_peak.hpp"

#include <algorithm>

#include "harness/device/blas.hpp"
#include "harness/run/triad.hpp"

namespace velo {

namespace {

constexpr Index side = 1024;
constexpr Index triad_size = 25'000'000;
constexpr int passes = 8;

/// Least seconds of some calls, after one that does not count.
template <typename Pass>
double least_seconds(const Pass& pass) {
  static_cast<void>(pass());
  double least = pass();
  for (int i = 1; i < passes; ++i) least = std::min(least, pass());
  return least;
}

}  // namespace

MachinePeak measure_machine_peak() {
  const Vector a = zeros("a", side * side), b = zeros("b", side * side), c = zeros("c", side * side);
  fill(a, 1.0);
  fill(b, 1.0);
  const Product product({.rows = side, .columns = side, .inner = side});
  const double product_seconds = least_seconds([&] {
    const Stopwatch watch;
    product(a.data(), b.data(), c.data());
    return watch.seconds();
  });
  const Triad triad(triad_size);
  const double n = side;
  return {.flops_per_second = 2 * n * n * n / product_seconds,
          .bytes_per_second = triad.bytes() / least_seconds([&] { return triad.timed_pass(); })};
}

}  // namespace velo
