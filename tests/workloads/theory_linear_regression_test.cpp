// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <vector>

#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_linear_regression_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
constexpr Index size = 6;
constexpr double condition = 30;

TheoryTrack track_of(double noise, std::int64_t batch_size, double source = 0.0) {
  return TheoryTrack(theory_linear_regression_workload_info(), {{"dimension", std::int64_t{size}},
                                                                {"condition", Schedule(condition)},
                                                                {"noise", Schedule(noise)},
                                                                {"source", Schedule(source)},
                                                                {"batch_size", batch_size}});
}

double eigenvalue(Index i) { return std::pow(condition, -static_cast<double>(i) / (size - 1)); }

/// x* from the excess risk, which is quadratic: risk(e_i) - risk(-e_i) = -2 l_i x*_i.
std::vector<double> optimum(TheoryTrack& track) {
  std::vector<double> out(size);
  Kokkos::deep_copy(track.params, 0.0);
  for (Index i = 0; i < size; ++i) {
    track.params(i) = 1;
    const double above = track.metric();
    track.params(i) = -1;
    out[static_cast<std::size_t>(i)] = (track.metric() - above) / (2 * eigenvalue(i));
    track.params(i) = 0;
  }
  return out;
}

}  // namespace

TEST_CASE(
    "theory_linear_regression: the gradient is the derivative of the loss, and its products those of the Hessian") {
  const std::int64_t batch_size = GENERATE(1, 7);
  TheoryTrack track = track_of(0.3, batch_size);
  fill_normal(RandomStream(1, Purpose::search), 0.0, 1.0, track.params);
  track.check_gradient();
  track.check_hessian();
}

TEST_CASE("theory_linear_regression: the excess risk starts at one half, whatever the source, and ends at zero") {
  const double source = GENERATE(-0.5, 0.0, 1.0);
  TheoryTrack track = track_of(0.0, 4, source);
  CHECK_THAT(track.metric(), WithinRel(0.5, 40 * epsilon));
  const std::vector<double> x = optimum(track);
  for (Index i = 0; i < size; ++i) track.params(i) = x[static_cast<std::size_t>(i)];
  // x* is known up to a few roundings of risks below ten over l_i >= 1 / 30.
  CHECK(track.metric() < std::pow(30 * 100 * epsilon, 2));
  CHECK(track.loss() < std::pow(30 * 1000 * epsilon, 2));
}

TEST_CASE("theory_linear_regression: a batch's loss averages to the excess risk plus half the noise's variance") {
  TheoryTrack track = track_of(0.5, 1000);
  double sum = 0, squares = 0;
  const int batches = 40;
  for (int k = 0; k < batches; ++k, track.next_batch()) {
    const double loss = track.loss();
    sum += loss;
    squares += loss * loss;
  }
  const double mean = sum / batches, variance = squares / batches - mean * mean;
  // Five standard errors.
  CHECK_THAT(mean, WithinAbs(track.metric() + 0.125, 5 * std::sqrt(variance / (batches - 1))));
}

TEST_CASE("theory_linear_regression: the mean risk of SGD follows its closed form") {
  const std::int64_t batch_size = GENERATE(1, 4);
  const double noise = 0.4, rate = 0.3, b = static_cast<double>(batch_size);
  const int steps = 25, runs = 4000;
  TheoryTrack track = track_of(noise, batch_size);
  const std::vector<double> start = optimum(track);

  std::vector<double> sum(steps), squares(steps);
  const Vector g = track.vector();
  for (int run = 0; run < runs; ++run) {
    Kokkos::deep_copy(track.params, 0.0);
    for (std::size_t t = 0; t < steps; ++t, track.next_batch()) {
      track.workload().gradient(track.pass(), track.batch(), g);
      axpy(-rate, g, track.params);
      const double risk = track.metric();
      sum[t] += risk / runs;
      squares[t] += risk * risk / runs;
    }
  }
  std::vector<double> c(size);
  for (std::size_t i = 0; i < size; ++i) c[i] = start[i] * start[i];
  for (std::size_t t = 0; t < steps; ++t) {
    double trace = 0, exact = 0;
    for (Index i = 0; i < size; ++i) trace += eigenvalue(i) * c[static_cast<std::size_t>(i)];
    for (Index i = 0; i < size; ++i) {
      const double l = eigenvalue(i);
      double& value = c[static_cast<std::size_t>(i)];
      value = value * (1 - 2 * rate * l + rate * rate * l * l * (1 + 1 / b)) +
              rate * rate * l / b * (trace + noise * noise);
      exact += 0.5 * l * value;
    }
    // Runs are independent: every step has examples of its own. Five standard errors.
    const double error = std::sqrt((squares[t] - sum[t] * sum[t]) / runs);
    INFO("step " << t + 1);
    CHECK_THAT(sum[t], WithinAbs(exact, 5 * error));
    CHECK(5 * error < 0.15 * exact);  // so the comparison says something
  }
}

TEST_CASE("theory_linear_regression: an example is the same in every batch and trial, and others are others") {
  TheoryTrack one = track_of(0.3, 1), again = track_of(0.3, 1);
  const double first = one.loss();
  CHECK(again.loss() == first);
  one.next_batch();
  CHECK(one.loss() != first);
  TheoryTrack both = track_of(0.3, 2);
  CHECK_THAT(both.loss(), WithinRel((first + one.loss()) / 2, 4 * epsilon));
}

}  // namespace velo
