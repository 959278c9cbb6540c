#include "harness/schedule.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <numbers>

namespace velo {
namespace {

using Catch::Matchers::WithinRel;
using Shape = Schedule::Shape;

constexpr std::int64_t total = 100;

Schedule schedule(Shape shape, double base = 2.0) {
  Schedule out = base;
  out.shape = shape;
  return out;
}

double at(const Schedule& schedule, std::int64_t step) { return schedule.at({.step = step, .step_hint = total}); }

// A value of a schedule is a few operations and one library function in double: 1e-14 is 45 roundings.
auto equals(double value) { return WithinRel(value, 1e-14); }

TEST_CASE("a number is the constant schedule") {
  const Schedule number = 0.25;
  CHECK(number.is_constant());
  CHECK(at(number, 1) == 0.25);
  CHECK(at(number, total) == 0.25);
}

TEST_CASE("a linear schedule starts at its base and ends at its final factor after the last step") {
  Schedule s = schedule(Shape::linear);
  s.final = 0.1;
  CHECK(at(s, 1) == 2.0);
  CHECK_THAT(at(s, 51), equals(2.0 * 0.55));
  CHECK_THAT(at(s, total + 1), equals(0.2));
  CHECK_THAT(at(s, 10 * total), equals(0.2));
}

TEST_CASE("a cosine schedule starts at its base, passes the mean in the middle, ends at its final factor") {
  Schedule s = schedule(Shape::cosine);
  s.final = 0.2;
  CHECK(at(s, 1) == 2.0);
  CHECK_THAT(at(s, 51), equals(2.0 * 0.6));
  CHECK_THAT(at(s, total + 1), equals(0.4));
}

TEST_CASE("a polynomial schedule of power one is the linear one") {
  Schedule polynomial = schedule(Shape::polynomial);
  Schedule linear = schedule(Shape::linear);
  for (std::int64_t t = 1; t <= total; ++t) CHECK(at(polynomial, t) == at(linear, t));
  polynomial.power = 3.0;
  CHECK_THAT(at(polynomial, 51), equals(2.0 * 0.125));
}

TEST_CASE("a step schedule multiplies by gamma at every milestone") {
  Schedule s = schedule(Shape::step);
  s.gamma = 0.5;
  s.milestones = {0.3, 0.6};
  CHECK(at(s, 30) == 2.0);
  CHECK(at(s, 31) == 1.0);
  CHECK(at(s, 60) == 1.0);
  CHECK(at(s, 61) == 0.5);
  CHECK(at(s, total) == 0.5);
}

TEST_CASE("a table goes in straight lines through factors at equal distances, behind a warm-up") {
  Schedule s = schedule(Shape::table);
  s.factors = {0.5, 1.0, 0.25, 0.0};
  CHECK(at(s, 1) == 1.0);
  CHECK_THAT(at(s, 26), equals(2.0 * (0.5 + 0.75 * 0.5)));  // x = 1/4, three quarters of the first line
  CHECK_THAT(at(s, 51), equals(2.0 * 0.625));
  CHECK_THAT(at(s, 76), equals(2.0 * 0.1875));
  CHECK(at(s, total + 1) == 0.0);
  CHECK(at(s, 10 * total) == 0.0);
  s.warmup_steps = 20;
  CHECK_THAT(at(s, 10), equals(1.0));
  CHECK(at(s, 21) == 1.0);
  s = schedule(Shape::table);
  s.factors = {1.0, 0.0};
  for (std::int64_t t = 1; t <= total; ++t) CHECK_THAT(at(s, t), equals(at(schedule(Shape::linear), t)));
}

TEST_CASE("warm restarts begin every cycle at the base and stretch it by the growth") {
  Schedule s = schedule(Shape::warm_restarts);
  s.period = 0.1;
  s.growth = 2.0;
  CHECK(at(s, 1) == 2.0);
  CHECK_THAT(at(s, 6), equals(1.0));
  CHECK(at(s, 11) == 2.0);
  CHECK_THAT(at(s, 21), equals(1.0));
  CHECK_THAT(at(s, 31), equals(2.0));
}

TEST_CASE("every shape warms up linearly from base / w to its base") {
  for (const Shape shape :
       {Shape::constant, Shape::linear, Shape::cosine, Shape::polynomial, Shape::step, Shape::warm_restarts}) {
    Schedule s = schedule(shape);
    s.warmup_steps = 10;
    CHECK_THAT(at(s, 1), equals(0.2));
    CHECK_THAT(at(s, 5), equals(1.0));
    CHECK(at(s, 10) == 2.0);
    CHECK(at(s, 11) == 2.0);
    Schedule fraction = schedule(shape);
    fraction.warmup_fraction = 0.1;
    for (std::int64_t t = 1; t <= total; ++t) CHECK(at(fraction, t) == at(s, t));
    CHECK_FALSE(s.is_constant());
  }
}

TEST_CASE("a decay after warm-up runs over the steps that are left") {
  Schedule s = schedule(Shape::linear);
  s.warmup_steps = 20;
  CHECK(at(s, 21) == 2.0);
  CHECK_THAT(at(s, 61), equals(1.0));
  CHECK(at(s, total + 1) == 0.0);
}

// PyTorch counts its epochs from 0: our step t is its epoch t - 1.

TEST_CASE("the cosine equals the closed form of CosineAnnealingLR with T_max = T") {
  Schedule s = schedule(Shape::cosine);
  s.final = 0.05;
  for (std::int64_t t = 1; t <= total; ++t) {
    const double epoch = static_cast<double>(t - 1);
    const double eta_min = 2.0 * 0.05;
    const double expected = eta_min + (2.0 - eta_min) * (1.0 + std::cos(std::numbers::pi * epoch / total)) / 2.0;
    CHECK_THAT(at(s, t), equals(expected));
  }
}

TEST_CASE("linear, polynomial and step equal LinearLR, PolynomialLR and MultiStepLR") {
  Schedule linear = schedule(Shape::linear);
  linear.final = 0.3;
  Schedule polynomial = schedule(Shape::polynomial);
  polynomial.power = 2.0;
  Schedule step = schedule(Shape::step);
  step.milestones = {0.25, 0.75};
  for (std::int64_t t = 1; t <= total; ++t) {
    const double epoch = static_cast<double>(t - 1);
    CHECK_THAT(at(linear, t), equals(2.0 * (1.0 + (0.3 - 1.0) * epoch / total)));
    CHECK_THAT(at(polynomial, t), equals(2.0 * std::pow(1.0 - epoch / total, 2.0)));
    CHECK_THAT(at(step, t), equals(2.0 * std::pow(0.1, (epoch >= 25) + (epoch >= 75))));
  }
}

TEST_CASE("warm restarts equal the closed form of CosineAnnealingWarmRestarts") {
  Schedule s = schedule(Shape::warm_restarts);
  s.period = 0.1;
  s.growth = 2.0;
  double begin = 0.0, length = 10.0;
  for (std::int64_t t = 1; t <= total; ++t) {
    const double epoch = static_cast<double>(t - 1);
    if (epoch >= begin + length) {
      begin += length;
      length *= 2.0;
    }
    const double inside = (epoch - begin) / length;
    // The position comes from subtracting cycles of fractions: its error, a few 1e-16, is relative to 1, not to the
    // value.
    CHECK(std::abs(at(s, t) - (1.0 + std::cos(std::numbers::pi * inside))) <= 1e-14);
  }
}

}  // namespace
}  // namespace velo
