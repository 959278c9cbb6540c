// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_matrix_sensing_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
constexpr Index size = 6;
constexpr double squares_of_values = 1 + 0.25 * 0.25;  // singular values 1 and 1 / condition

TheoryTrack track_of(std::int64_t width, double initial_scale, std::int64_t batch_size = 0) {
  return TheoryTrack(theory_matrix_sensing_workload_info(), {{"dimension", std::int64_t{size}},
                                                             {"width", width},
                                                             {"measurements", std::int64_t{30}},
                                                             {"initial_scale", Schedule(initial_scale)},
                                                             {"batch_size", batch_size}});
}

/// U and V as they lie in the parameters.
Scalar& u_of(TheoryTrack& track, Index width, Index i, Index k) { return track.params(i * width + k); }
Scalar& v_of(TheoryTrack& track, Index width, Index i, Index k) { return track.params((size + i) * width + k); }

/// W* from the recovery error: |E_ij - W*|^2 = 1 - 2 W*_ij + |W*|^2. Needs width = size; leaves V = I, U = 0.
std::vector<double> planted(TheoryTrack& track) {
  std::vector<double> out;
  Kokkos::deep_copy(track.params, 0.0);
  for (Index i = 0; i < size; ++i) v_of(track, size, i, i) = 1;
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      u_of(track, size, i, j) = 1;
      out.push_back((1 + squares_of_values * (1 - track.metric())) / 2);
      u_of(track, size, i, j) = 0;
    }
  return out;
}

/// U'U - V'V
std::vector<double> imbalance(const Vector& params, Index width) {
  std::vector<double> out;
  for (Index a = 0; a < width; ++a)
    for (Index b = 0; b < width; ++b) {
      double sum = 0;
      for (Index i = 0; i < size; ++i) {
        sum += params(i * width + a) * params(i * width + b);
        sum -= params((size + i) * width + a) * params((size + i) * width + b);
      }
      out.push_back(sum);
    }
  return out;
}

}  // namespace

TEST_CASE("theory_matrix_sensing: the gradient is the derivative of the loss, and its products those of the Hessian") {
  const std::int64_t batch_size = GENERATE(0, 5), width = GENERATE(1, 3);
  TheoryTrack track = track_of(width, 1.0, batch_size);
  track.check_gradient();
  track.check_hessian();
}

TEST_CASE("theory_matrix_sensing: the planted matrix has its rank, its singular values, no loss and no gradient") {
  TheoryTrack track = track_of(size, 0.1);
  const std::vector<double> w = planted(track);
  // Sums of powers of the squared singular values: traces of (W'W)^k.
  std::vector<double> gram(size * size);
  double trace = 0, trace_of_square = 0;
  for (std::size_t a = 0; a < size; ++a)
    for (std::size_t b = 0; b < size; ++b) {
      for (std::size_t i = 0; i < size; ++i) gram[a * size + b] += w[i * size + a] * w[i * size + b];
      if (a == b) trace += gram[a * size + b];
      trace_of_square += gram[a * size + b] * gram[a * size + b];
    }
  // With a trace of 1 + 1/16 and one of 1 + 1/256 only these two values are left for a matrix of rank two.
  CHECK_THAT(trace, WithinRel(1 + 1.0 / 16, 1000 * epsilon));
  CHECK_THAT(trace_of_square, WithinRel(1 + 1.0 / 256, 1000 * epsilon));

  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) u_of(track, size, i, j) = w[static_cast<std::size_t>(i * size + j)];
  // W* is known up to about 20 roundings per element; measurements have elements below five.
  const double error = 5 * 36 * 40 * epsilon;
  CHECK(track.loss() < error * error);
  CHECK(track.metric(0) < error * error);
  CHECK(track.metric(1) < error * error);
  const Vector g = track.gradient();
  for (Index i = 0; i < 2 * size * size; ++i) CHECK(std::abs(g(i)) < 5 * error);
}

TEST_CASE("theory_matrix_sensing: a step of gradient descent adds lr^2 (dU'dU - dV'dV) to U'U - V'V") {
  const Index width = 3;
  TheoryTrack track = track_of(width, 0.5);
  const double rate = 0.1;
  for (int t = 0; t < 30; ++t) {
    const Vector g = track.gradient();
    const std::vector<double> before = imbalance(track.params, width), added = imbalance(g, width);
    axpy(-rate, g, track.params);
    const std::vector<double> after = imbalance(track.params, width);
    // Sums of 12 products of numbers below two.
    for (std::size_t i = 0; i < after.size(); ++i)
      CHECK_THAT(after[i], WithinAbs(before[i] + rate * rate * added[i], 12 * 4 * 10 * epsilon));
  }
}

TEST_CASE(
    "theory_matrix_sensing: descent from a small start recovers the matrix, with more columns than its rank too") {
  const std::int64_t width = GENERATE(2, 4);
  TheoryTrack track = track_of(width, 0.01);
  CHECK_THAT(track.metric(), WithinAbs(1, 0.01));
  for (int t = 0; t < 1500; ++t) axpy(-0.2, track.gradient(), track.params);
  // The matrix of least norm that fits 30 of 36 dimensions misses a sixth of |W*|^2 on average; low rank is found instead,
  // slowly where columns are left over.
  CHECK(track.metric(0) < (width == 2 ? 1e-6 : 0.02));
  CHECK(track.metric(1) < (width == 2 ? 1e-7 : 1e-3));
}

TEST_CASE("theory_matrix_sensing: batches that share the measurements average to all of them") {
  TheoryTrack all = track_of(3, 1.0), parts = track_of(3, 1.0, 10);
  double sum = 0;
  for (int k = 0; k < 3; ++k, parts.next_batch()) sum += parts.loss() / 3;
  CHECK_THAT(sum, WithinRel(all.loss(), 40 * epsilon));
  CHECK_THAT(all.metric(1), WithinRel(all.loss(), 40 * epsilon));
}

}  // namespace velo
