// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_block_quadratic_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
constexpr Index blocks = 3, size = 5;
constexpr double condition = 20, heterogeneity = 100;
const double scales[blocks] = {1.0, 0.1, 0.01};

TheoryTrack track_of(TheoryTrack::Settings more = {}) {
  TheoryTrack::Settings settings = {{"blocks", std::int64_t{blocks}},
                                    {"block_size", std::int64_t{size}},
                                    {"condition", Schedule(condition)},
                                    {"heterogeneity", Schedule(heterogeneity)}};
  settings.insert(settings.end(), more.begin(), more.end());
  return TheoryTrack(theory_block_quadratic_workload_info(), settings);
}

/// Of every block, before its scale.
double eigenvalue(Index i) { return std::pow(condition, -static_cast<double>(i) / (size - 1)); }

}  // namespace

TEST_CASE("theory_block_quadratic: the gradient is the derivative of the loss, noise included") {
  TheoryTrack track = track_of({{"noise", Schedule(0.3)}, {"noise_covariance", std::string("hessian")}});
  track.check_gradient();
}

TEST_CASE("theory_block_quadratic: a block's Hessian has its scale, its spectrum, and nothing of other blocks") {
  const bool rotated = GENERATE(false, true);
  TheoryTrack track = track_of({{"rotated", rotated}});
  for (Index b = 0; b < blocks; ++b) {
    double trace = 0, squares = 0, expected_trace = 0, expected_squares = 0, off_diagonal = 0;
    for (Index i = 0; i < size; ++i) {
      const Vector unit = track.vector();
      unit(b * size + i) = 1;
      const Vector column = track.times_hessian(unit);
      trace += column(b * size + i);
      for (Index j = 0; j < blocks * size; ++j) {
        if (j / size != b) CHECK(column(j) == 0);
        squares += column(j) * column(j);
        if (j != b * size + i) off_diagonal += std::abs(column(j));
      }
      expected_trace += scales[b] * eigenvalue(i);
      expected_squares += std::pow(scales[b] * eigenvalue(i), 2);
    }
    // Six reflections of a few operations per element, then a sum of 25.
    CHECK_THAT(trace, WithinRel(expected_trace, 400 * epsilon));
    CHECK_THAT(squares, WithinRel(expected_squares, 400 * epsilon));
    CHECK((off_diagonal > 0.1 * scales[b]) == rotated);
  }
}

TEST_CASE("theory_block_quadratic: at the equal start every direction of every block holds one half") {
  TheoryTrack track = track_of();
  CHECK_THAT(track.metric(), WithinRel(0.5 * blocks * size, 1000 * epsilon));
}

TEST_CASE("theory_block_quadratic: descent follows its closed form, and one rate per block undoes the heterogeneity") {
  const bool per_block = GENERATE(false, true);
  TheoryTrack track = track_of();
  const double rate = 1.5;
  const int steps = 60;
  for (int t = 1; t <= steps; ++t) {
    const Vector g = track.gradient();
    for (Index i = 0; i < blocks * size; ++i) track.params(i) -= rate / (per_block ? scales[i / size] : 1.0) * g(i);
    double exact = 0;
    for (Index b = 0; b < blocks; ++b)
      for (Index i = 0; i < size; ++i) {
        const double l = eigenvalue(i), step = rate * (per_block ? 1.0 : scales[b]) * l;
        exact += 0.5 * std::pow(1 - step, 2 * t);
      }
    // Coordinates reach sqrt(heterogeneity condition) = 45; a step adds the rounding of x and of six reflections, and
    // f moves by |H d| <= sqrt(2 f).
    const double error = 45 * 300 * epsilon * t;
    CHECK_THAT(track.metric(), WithinAbs(exact, std::sqrt(2 * exact) * error + error * error));
  }
  CHECK((track.metric() < 0.05) == per_block);
}

TEST_CASE("theory_block_quadratic: a block's noise has its curvature's scale") {
  TheoryTrack track = track_of({{"rotated", false},
                                {"noise", Schedule(0.5)},
                                {"noise_covariance", std::string("hessian")},
                                {"batch_size", std::int64_t{4}}});
  const int draws = 4000;
  ForwardPass quiet = track.pass();
  quiet.train_mode = false;
  const Vector clean = track.vector(), g = track.vector();
  track.workload().gradient(quiet, track.batch(), clean);
  std::vector<double> squares(blocks * size);
  for (int t = 0; t < draws; ++t) {
    track.workload().gradient(track.pass(static_cast<std::uint64_t>(t)), track.batch(), g);
    for (Index i = 0; i < blocks * size; ++i) squares[static_cast<std::size_t>(i)] += std::pow(g(i) - clean(i), 2);
  }
  for (Index i = 0; i < blocks * size; ++i) {
    const double variance = 0.25 / 4 * scales[i / size] * eigenvalue(i % size);
    // A mean square's deviation is variance sqrt(2 / draws); five of them.
    CHECK_THAT(squares[static_cast<std::size_t>(i)] / draws, WithinRel(variance, 5 * std::sqrt(2.0 / draws)));
  }
}

}  // namespace velo
