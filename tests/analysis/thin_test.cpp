#include "analysis/report/thin.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

using namespace velo::analysis;

namespace {

Curve curve_of(const std::vector<double>& metric) {
  Curve curve;
  for (std::size_t i = 0; i < metric.size(); ++i) {
    const auto step = static_cast<double>(i + 1);
    curve.steps.push_back(step);
    curve.example_gradients.push_back(32 * step);
    curve.seconds.push_back(0.1 * step * step);  // its axis is bent against that of the steps
  }
  curve.metric = metric;
  return curve;
}

std::vector<double> wave(std::size_t count) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i);
    out.push_back(1 - std::exp(-x / 40) + 0.02 * std::sin(1.7 * x));
  }
  return out;
}

}  // namespace

TEST_CASE("every dropped evaluation lies within the tolerance of the drawn line, on every clock") {
  const Curve curve = curve_of(wave(300));
  for (const double tolerance : {0.002, 0.01, 0.05}) {
    const auto kept = thinned(curve, tolerance, std::nullopt);
    CHECK(kept.size() < 300);
    for (std::size_t k = 1; k < kept.size(); ++k) {
      for (std::size_t i = kept[k - 1] + 1; i < kept[k]; ++i) {
        for (const Clock clock : {Clock::example_gradients, Clock::steps, Clock::seconds}) {
          const auto& x = curve.work(clock);
          const double share = (x[i] - x[kept[k - 1]]) / (x[kept[k]] - x[kept[k - 1]]);
          const double line = std::lerp(curve.metric[kept[k - 1]], curve.metric[kept[k]], share);
          CHECK(std::abs(curve.metric[i] - line) <= tolerance + 1e-12);
        }
      }
    }
  }
}

TEST_CASE("ends, extremes and the crossing of the target are kept, whatever the tolerance") {
  const Curve curve = curve_of({0.1, 0.2, 0.9, 0.3, 0.4, 0.05, 0.5, 0.6, 0.7, 0.65});
  const auto kept = thinned(curve, 100, 7);
  CHECK(kept == std::vector<std::size_t>{0, 2, 5, 6, 7, 9});
}

TEST_CASE("a straight line needs its ends only, and a curve without points none") {
  const Curve empty;
  CHECK(thinned(empty, 0.1, std::nullopt).empty());
  Curve line = curve_of({1, 2, 3, 4, 5});
  line.seconds = line.steps;
  CHECK(thinned(line, 1e-12, std::nullopt) == std::vector<std::size_t>{0, 4});
}

TEST_CASE("values that are not finite stay gaps") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Curve curve = curve_of({1, 1, 1, nan, nan, nan, 2, 2, 2});
  const auto kept = thinned(curve, 0.1, std::nullopt);
  for (const std::size_t place : {2U, 3U, 5U, 6U}) CHECK(std::find(kept.begin(), kept.end(), place) != kept.end());
}
