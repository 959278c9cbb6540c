// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <vector>

#include "results/error.hpp"
#include "tests/workloads/theory_track.hpp"

namespace velo {

WorkloadInfo theory_conflicting_losses_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::TheoryTrack;

constexpr double epsilon = 0x1p-53;
// A residual is a sum of 7 products of numbers of order 1 after three reflections of two such sums each.
constexpr double residual_rounding = 100 * epsilon;
constexpr Index size = 7;
constexpr double cosine = -0.3, imbalance = 50;

TheoryTrack track_of(std::int64_t terms = 4, double cosine_of_terms = cosine) {
  return TheoryTrack(theory_conflicting_losses_workload_info(), {{"dimension", std::int64_t{size}},
                                                                 {"terms", terms},
                                                                 {"cosine", Schedule(cosine_of_terms)},
                                                                 {"imbalance", Schedule(imbalance)}});
}

double scale_of(Index k, Index terms) {
  return std::pow(imbalance, -static_cast<double>(k) / static_cast<double>(terms - 1));
}

/// Value and gradient of one term.
double term(TheoryTrack& track, Index k, const Vector& gradient) {
  ForwardPass pass = track.pass();
  pass.loss_term = k;
  const double value = track.workload().gradient(pass, track.batch(), gradient);
  CHECK(track.workload().loss(pass, track.batch()) == value);
  return value;
}

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (Index i = 0; i < size; ++i) sum += a(i) * b(i);
  return sum;
}

}  // namespace

TEST_CASE("theory_conflicting_losses: gradients are derivatives, of the sum and of every term, and the sum is theirs") {
  TheoryTrack track = track_of();
  fill_normal(RandomStream(1, Purpose::search), 0.0, 1.0, track.params);
  track.check_gradient();
  track.check_hessian();
  const Vector sum = track.vector(), whole = track.gradient();
  double loss = 0;
  REQUIRE(track.workload().loss_terms() == 4);
  for (Index k = 0; k < 4; ++k) {
    const Vector part = track.vector();
    loss += term(track, k, part);
    axpy(1.0, part, sum);
    test::check_gradient(track.workload().layout(), track.params, part, [&] {
      ForwardPass pass = track.pass();
      pass.loss_term = k;
      return track.workload().loss(pass, track.batch());
    });
  }
  CHECK_THAT(track.loss(), WithinRel(loss, 10 * epsilon));
  for (Index i = 0; i < size; ++i) CHECK_THAT(sum(i), WithinAbs(whole(i), 40 * epsilon));
}

TEST_CASE("theory_conflicting_losses: at the start every residual is one and every pair of gradients conflicts alike") {
  const std::int64_t terms = GENERATE(2, 3, 4);
  TheoryTrack track = track_of(terms);
  CHECK_THAT(track.metric(), WithinRel(1.0, residual_rounding));
  std::vector<Vector> gradients;
  for (Index k = 0; k < terms; ++k) {
    gradients.push_back(track.vector());
    CHECK_THAT(term(track, k, gradients.back()), WithinRel(0.5 * scale_of(k, terms), 2 * residual_rounding));
  }
  for (std::size_t j = 0; j < gradients.size(); ++j)
    for (std::size_t k = 0; k < j; ++k) {
      const double norms = std::sqrt(dot(gradients[j], gradients[j]) * dot(gradients[k], gradients[k]));
      CHECK_THAT(dot(gradients[j], gradients[k]) / norms, WithinAbs(cosine, residual_rounding));
    }
}

TEST_CASE("theory_conflicting_losses: descent moves the residuals as its closed form says, small terms up first") {
  const Index terms = 4;
  TheoryTrack track = track_of(terms);
  const double rate = 0.5;
  std::vector<double> r(terms, 1.0);
  bool rose = false;
  for (int t = 1; t <= 60; ++t) {
    axpy(-rate, track.gradient(), track.params);
    std::vector<double> next = r;
    for (Index j = 0; j < terms; ++j)
      for (Index k = 0; k < terms; ++k)
        next[static_cast<std::size_t>(j)] -=
            rate * (j == k ? 1.0 : cosine) * scale_of(k, terms) * r[static_cast<std::size_t>(k)];
    r = next;
    double largest = 0;
    for (const double value : r) largest = std::max(largest, std::abs(value));
    rose = rose || largest > 1.05;
    // A step adds the rounding of x, of order 4, and of a gradient; it contracts what was there.
    CHECK_THAT(track.metric(), WithinAbs(largest, 4 * residual_rounding * t));
  }
  CHECK(rose);
}

TEST_CASE("theory_conflicting_losses: the conflict-free step shrinks all residuals alike, by its closed form") {
  const Index terms = 4;
  TheoryTrack track = track_of(terms);
  const double rate = 0.4, squared_cosine = (1 + (terms - 1) * cosine) / terms;
  double sum_of_scales = 0;
  for (Index k = 0; k < terms; ++k) sum_of_scales += scale_of(k, terms);
  for (int t = 1; t <= 60; ++t) {
    // The gradients' unit vectors have one mutual angle, so the direction that agrees with all is their mean's.
    const Vector direction = track.vector(), gradient = track.vector();
    double norms = 0;
    for (Index k = 0; k < terms; ++k) {
      term(track, k, gradient);
      const double norm = std::sqrt(dot(gradient, gradient));
      norms += norm;
      axpy(1 / norm, gradient, direction);
    }
    const double length = std::sqrt(dot(direction, direction));
    axpy(-rate * norms * std::sqrt(squared_cosine) / length, direction, track.params);
    CHECK_THAT(track.metric(),
               WithinAbs(std::pow(1 - rate * squared_cosine * sum_of_scales, t), 8 * residual_rounding * t));
  }
}

TEST_CASE("theory_conflicting_losses refuses angles and numbers of terms that do not exist, in one sentence") {
  using Catch::Matchers::ContainsSubstring;
  using Catch::Matchers::MessageMatches;
  CHECK_THROWS_MATCHES(track_of(4, -0.4), Error, MessageMatches(ContainsSubstring("-1 / (terms - 1)")));
  CHECK_THROWS_MATCHES(track_of(size + 1, 0.1), Error, MessageMatches(ContainsSubstring("more than dimension")));
}

}  // namespace velo
