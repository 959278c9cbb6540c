// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_bilinear_game_workload_info();

namespace {

using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
constexpr Index size = 5;
constexpr double condition = 6;

TheoryTrack track_of(TheoryTrack::Settings more = {}) {
  TheoryTrack::Settings settings = {{"dimension", std::int64_t{size}}, {"condition", Schedule(condition)}};
  settings.insert(settings.end(), more.begin(), more.end());
  return TheoryTrack(theory_bilinear_game_workload_info(), settings);
}

double singular_value(Index i) { return std::pow(condition, -static_cast<double>(i) / (size - 1)); }

/// Moves one player's part along its gradient.
void descend(const TheoryTrack& track, const Vector& gradient, double rate, Index first, Index last) {
  for (Index i = first; i < last; ++i) track.params(i) -= rate * gradient(i);
}

}  // namespace

TEST_CASE("theory_bilinear_game: each player's gradient is the derivative of its own loss") {
  const bool rotated = GENERATE(false, true);
  TheoryTrack track = track_of({{"rotated", rotated}, {"start", std::string("normal")}});
  const Vector gradient = track.gradient();
  for (Index i = size; i < 2 * size; ++i) gradient(i) = -gradient(i);  // of -f, as f is what loss() tells
  test::check_gradient(track.workload().layout(), track.params, gradient, [&] { return track.loss(); });
  CHECK(track.gradient()(0) != 0);
}

TEST_CASE("theory_bilinear_game: the layout says whose a block is") {
  TheoryTrack track = track_of();
  const ParameterLayout& layout = track.workload().layout();
  REQUIRE(layout.blocks().size() == 2);
  CHECK(layout[0].player == 0);
  CHECK(layout[1].player == 1);
}

TEST_CASE("theory_bilinear_game: the field squared has the singular values, each twice, and turns") {
  const bool rotated = GENERATE(false, true);
  TheoryTrack track = track_of({{"rotated", rotated}, {"optimum_scale", Schedule(0.0)}});
  double trace = 0, squares = 0, off_diagonal = 0;
  for (Index i = 0; i < 2 * size; ++i) {
    for (Index j = 0; j < 2 * size; ++j) track.params(j) = i == j ? 1 : 0;
    const Vector column = track.gradient();
    trace += column(i);
    for (Index j = 0; j < 2 * size; ++j) {
      squares += column(j) * column(j);
      if (j % size != i % size) off_diagonal += std::abs(column(j));
    }
  }
  double expected = 0;
  for (Index i = 0; i < size; ++i) expected += 2 * std::pow(singular_value(i), 2);
  // Six reflections of a few operations per element, then a sum of a hundred.
  CHECK(trace == 0);
  CHECK_THAT(squares, WithinRel(expected, 400 * epsilon));
  CHECK((off_diagonal > 0.1) == rotated);
}

TEST_CASE("theory_bilinear_game: simultaneous descent leaves the equilibrium as its closed form says") {
  TheoryTrack track = track_of();
  CHECK_THAT(track.metric(), WithinRel(std::sqrt(2.0 * size), 100 * epsilon));
  const double rate = 0.3;
  for (int t = 1; t <= 60; ++t) {
    descend(track, track.gradient(), rate, 0, 2 * size);
    double exact = 0;
    for (Index i = 0; i < size; ++i) exact += 2 * std::pow(1 + std::pow(rate * singular_value(i), 2), t);
    // A step adds the rounding of x, below 20, and of six reflections, and enlarges what was there no more than the
    // distance itself.
    CHECK_THAT(track.metric(), WithinRel(std::sqrt(exact), 20 * 100 * epsilon * t));
  }
  CHECK(track.metric() > 2 * std::sqrt(2.0 * size));
}

TEST_CASE("theory_bilinear_game: alternating descent circles: it keeps its closed form's invariant") {
  // With one singular value, r l = r for all: |a|^2 - r a.b + |b|^2 is |d|^2 - r f.
  TheoryTrack track = track_of({{"condition", Schedule(1.0)}});
  const double rate = 0.3;
  const auto invariant = [&] { return std::pow(track.metric(), 2) - rate * track.loss(); };
  const double start = invariant();
  CHECK_THAT(start, WithinRel(2 * size - rate * size, 200 * epsilon));
  for (int t = 1; t <= 200; ++t) {
    descend(track, track.gradient(), rate, 0, size);
    descend(track, track.gradient(), rate, size, 2 * size);
    CHECK_THAT(invariant(), WithinRel(start, 20 * 100 * epsilon * t));
  }
}

TEST_CASE("theory_bilinear_game: at the equilibrium nobody moves") {
  TheoryTrack track = track_of({{"optimum_scale", Schedule(0.0)}});
  Kokkos::deep_copy(track.params, 0.0);
  CHECK(track.metric() == 0);
  const Vector gradient = track.gradient();
  for (Index i = 0; i < 2 * size; ++i) CHECK(gradient(i) == 0);
}

TEST_CASE("theory_bilinear_game: the equilibrium is the same for every trial, a normal start is the trial's own") {
  const auto start = [](std::uint64_t seed, const char* kind) {
    TheoryTrack track(theory_bilinear_game_workload_info(), {{"start", std::string(kind)}}, seed);
    return track.metric();
  };
  CHECK(start(1, "ones") == start(2, "ones"));
  CHECK(start(1, "normal") != start(2, "normal"));
  CHECK(start(1, "normal") == start(1, "normal"));
}

}  // namespace velo
