// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "results/error.hpp"
#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_diagonal_linear_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
constexpr Index size = 20, sparsity = 2;

TheoryTrack track_of(double initial_scale, std::int64_t batch_size = 0) {
  return TheoryTrack(theory_diagonal_linear_workload_info(), {{"dimension", std::int64_t{size}},
                                                              {"measurements", std::int64_t{16}},
                                                              {"sparsity", std::int64_t{sparsity}},
                                                              {"initial_scale", Schedule(initial_scale)},
                                                              {"batch_size", batch_size}});
}

/// w* from the recovery error: |e_i - w*|^2 = 1 - 2 w*_i + |w*|^2, and |w*|^2 = sparsity.
std::vector<double> optimum(TheoryTrack& track) {
  std::vector<double> out(size);
  Kokkos::deep_copy(track.params, 0.0);
  for (Index i = 0; i < size; ++i) {
    track.params(i) = 1;
    out[static_cast<std::size_t>(i)] = (1 + sparsity - sparsity * track.metric()) / 2;
    track.params(i) = 0;
  }
  return out;
}

void descend(TheoryTrack& track, double rate, int steps) {
  for (int t = 0; t < steps; ++t) axpy(-rate, track.gradient(), track.params);
}

/// Largest change of u_i v_i against its start, by `time` = rate x steps.
double drift(double rate, double time) {
  TheoryTrack track = track_of(0.3);
  descend(track, rate, static_cast<int>(std::lround(time / rate)));
  double largest = 0;
  for (Index i = 0; i < size; ++i)
    largest = std::max(largest, std::abs(track.params(i) * track.params(size + i) - 0.3 * 0.3));
  return largest;
}

}  // namespace

TEST_CASE("theory_diagonal_linear: the gradient is the derivative of the loss, and its products those of the Hessian") {
  const std::int64_t batch_size = GENERATE(0, 5);
  TheoryTrack track = track_of(0.3, batch_size);
  fill_normal(RandomStream(1, Purpose::search), 0.0, 0.7, track.params);
  track.check_gradient();
  track.check_hessian();
}

TEST_CASE("theory_diagonal_linear: the planted vector is sparse, and has no loss and no gradient") {
  TheoryTrack track = track_of(0.1);
  CHECK_THAT(track.metric(), WithinRel(1.0, 40 * epsilon));
  const std::vector<double> w = optimum(track);
  int ones = 0;
  for (Index i = 0; i < size; ++i) {
    const double value = std::round(w[static_cast<std::size_t>(i)]);
    CHECK_THAT(w[static_cast<std::size_t>(i)], WithinAbs(value, 40 * epsilon));
    ones += value != 0;
    track.params(i) = value > 0;
    track.params(size + i) = value < 0;
  }
  CHECK(ones == sparsity);
  CHECK(track.loss() == 0);
  CHECK(track.metric(0) == 0);
  CHECK(track.metric(1) == 0);
  const Vector g = track.gradient();
  for (Index i = 0; i < 2 * size; ++i) CHECK(g(i) == 0);
}

TEST_CASE("theory_diagonal_linear: a step of gradient descent multiplies u v by 1 - 4 lr^2 g^2") {
  TheoryTrack track = track_of(0.3);
  const double rate = 0.05;
  for (int t = 0; t < 30; ++t) {
    const Vector g = track.gradient();
    for (Index i = 0; i < size; ++i) {
      const double u = track.params(i), v = track.params(size + i), slope = g(i) / (2 * u);
      const double expected = u * v * (1 - 4 * rate * rate * slope * slope);
      const double next = (u - rate * g(i)) * (v - rate * g(size + i));
      CHECK_THAT(next, WithinRel(expected, 20 * epsilon));
    }
    axpy(-rate, g, track.params);
  }
}

TEST_CASE("theory_diagonal_linear: over a given time the invariant of gradient flow drifts in proportion to the rate") {
  const double coarse = drift(0.02, 2), fine = drift(0.01, 2), finest = drift(0.005, 2);
  CHECK(coarse < 0.1 * 0.09);
  // Halving the rate halves the drift up to terms of second order, which halve too.
  CHECK_THAT(coarse / fine, WithinAbs(2, 0.2));
  CHECK_THAT(fine / finest, WithinAbs(2, 0.1));
}

TEST_CASE("theory_diagonal_linear: a small start finds the sparse vector, a large one fits without finding it") {
  TheoryTrack small = track_of(1e-4), large = track_of(2);
  descend(small, 0.05, 4000);
  descend(large, 0.005, 4000);
  CHECK(small.metric(1) < 1e-5);
  CHECK(large.metric(1) < 1e-5);
  // The w of least l2 norm misses what lies outside the measurements' span: a fifth of |w*|^2 on average.
  CHECK(small.metric(0) < 1e-4);
  CHECK(large.metric(0) > 0.1);
}

TEST_CASE("theory_diagonal_linear: an evaluation in between does not change a batch") {
  TheoryTrack track = track_of(0.3, 5);
  const double before = track.loss();
  static_cast<void>(track.metric());
  CHECK(track.loss() == before);
}

TEST_CASE("theory_diagonal_linear: a batch larger than the measurements is refused") {
  CHECK_THROWS_AS(track_of(0.1, 17), Error);
}

}  // namespace velo
