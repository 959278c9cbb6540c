#include "analysis/gate/quality.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"

namespace velo::analysis {
namespace {

using Catch::Matchers::WithinRel;

QualityValue measured(const std::vector<double>& steps, std::uint64_t root_seed = 1) {
  QualityValue out;
  out.workload = "w";
  out.label = "a";
  out.protocol = "p";
  out.root_seed = root_seed;
  for (std::size_t i = 0; i < steps.size(); ++i)
    out.studies.push_back({static_cast<std::int64_t>(i), {std::abs(steps[i]), steps[i] > 0}});
  return out;
}

/// A dozen seeds around `centre` with a spread of 3 %; the same seeds share their noise.
QualityValue seeds(double centre, std::uint64_t seed, double spread = 0.03) {
  std::vector<double> steps;
  CounterStream draws(seed, 7);
  for (int i = 0; i < 12; ++i)
    steps.push_back(centre * std::exp(spread * normal_quantile(0.001 + 0.998 * draws.uniform())));
  return measured(steps, seed);
}

GateVerdict verdict(const QualityValue& candidate, const QualityValue& baseline, std::size_t cases = 1) {
  return judge_quality(candidate, baseline, {.margin = 0.1, .level = 0.95, .cases = cases}).verdict;
}

TEST_CASE("the same steps are equivalent, and more than the margin is regressed or improved") {
  CHECK(verdict(seeds(100, 1), seeds(100, 1)) == GateVerdict::equivalent);
  CHECK(verdict(seeds(120, 1), seeds(100, 1)) == GateVerdict::regressed);
  CHECK(verdict(seeds(80, 1), seeds(100, 1)) == GateVerdict::improved);
}

TEST_CASE("a difference within the margin is equivalent, however significant") {
  const GateCase one = judge_quality(seeds(103, 1), seeds(100, 1), {.margin = 0.1});
  CHECK(one.verdict == GateVerdict::equivalent);
  CHECK(*one.high < 0);  // no difference is excluded
}

TEST_CASE("a reseeded run is equivalent by the unpaired test") {
  const GateCase one = judge_quality(seeds(100, 2), seeds(100, 1), {.margin = 0.1});
  CHECK(one.verdict == GateVerdict::equivalent);
  CHECK(one.sentence.find("seeds a side") != std::string::npos);
}

TEST_CASE("seeds that spread too widely to tell are inconclusive") {
  CHECK(verdict(seeds(112, 2, 0.5), seeds(100, 1, 0.5)) == GateVerdict::inconclusive);
}

TEST_CASE("the margin and the smallest effect the seeds see stand in every verdict") {
  const GateCase one = judge_quality(seeds(100, 1), seeds(100, 1), {.margin = 0.1});
  CHECK(one.sentence.find("margin 10 %") != std::string::npos);
  CHECK(one.sentence.find("such seeds see") != std::string::npos);
  REQUIRE(one.visible);
  // Twelve a side: about (2.2 + 0.88) sqrt(2 / 12) spreads.
  CHECK(*one.visible > 0.02);
  CHECK(*one.visible < 0.06);
}

TEST_CASE("a sweep that asks for something else is not compared") {
  QualityValue other = seeds(100, 1);
  other.protocol = "q";
  CHECK(verdict(other, seeds(100, 1)) == GateVerdict::inconclusive);
}

TEST_CASE("targets that are missed regress, and where nobody reaches one nothing is measured") {
  const std::vector<double> reached(12, 100), missed(12, -400);
  CHECK(verdict(measured(missed), measured(reached)) == GateVerdict::regressed);
  CHECK(verdict(measured(reached), measured(missed)) == GateVerdict::improved);
  CHECK(verdict(measured(missed), measured(missed)) == GateVerdict::nothing_measured);
}

TEST_CASE("value and spread are those of the logarithms") {
  const QualityValue value = measured({100, 400});
  CHECK_THAT(value.value(), WithinRel(200.0, 1e-12));
  CHECK_THAT(value.spread(), WithinRel(std::log(4.0) / std::sqrt(2.0), 1e-6));
  CHECK(std::isnan(measured({-5, -5}).value()));
}

// Eight cases without any difference, 400 gates: alpha of them at most call one improved or regressed. Under a margin of
// 0.1 %, so that significance alone decides. 31 = 20 + 2.5 standard deviations.
TEST_CASE("a gate of eight cases keeps its error rate") {
  int alarms = 0;
  for (std::uint64_t gate = 0; gate < 400; ++gate) {
    bool alarm = false;
    for (std::uint64_t one = 0; one < 8; ++one) {
      const auto both = judge_quality(seeds(100, 1000 + 16 * gate + one), seeds(100, 1008 + 16 * gate + one),
                                      {.margin = 0.001, .level = 0.95, .cases = 8});
      alarm = alarm || both.verdict == GateVerdict::regressed || both.verdict == GateVerdict::improved;
    }
    alarms += alarm;
  }
  CHECK(alarms <= 31);
  CHECK(alarms > 0);
}

}  // namespace
}  // namespace velo::analysis
