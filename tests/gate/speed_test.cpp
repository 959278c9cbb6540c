#include "analysis/gate/speed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"

namespace velo::analysis {
namespace {

/// Rounds of a candidate that is `slower` slower, with this standard deviation of their logarithms, until it is decided.
class Machine {
 public:
  Machine(double slower, double spread, std::uint64_t seed)
      : shift_(-std::log1p(slower)), spread_(spread), draws_(seed, 0) {}

  GateVerdict series(const SpeedRule& rule) {
    std::vector<double> rounds;
    while (true) {
      rounds.push_back(shift_ + spread_ * normal_quantile(std::min(std::max(draws_.uniform(), 1e-12), 1 - 1e-12)));
      const SpeedLook look = rule.look(rounds);
      if (look.verdict) return *look.verdict;
    }
  }
  GateVerdict verdict(const SpeedRule& rule) {
    const GateVerdict first = series(rule);
    if (first != GateVerdict::regressed && first != GateVerdict::improved) return first;
    return confirmed(first, series(rule));
  }

 private:
  double shift_, spread_;
  CounterStream draws_;
};

int regressed(double slower, double spread, int repeats) {
  const SpeedRule rule{SpeedOptions{}};
  int out = 0;
  for (int i = 0; i < repeats; ++i)
    out += Machine(slower, spread, static_cast<std::uint64_t>(i)).verdict(rule) == GateVerdict::regressed;
  return out;
}

// Rounds of a quiet machine spread by about 1 %, of a restless one by 3 % (tests/gate/README.md).
TEST_CASE("a slowdown of 10 % is red and one of 2 % is not, in 95 % of the repeats at least") {
  for (const double spread : {0.01, 0.03}) {
    INFO("spread " << spread);
    CHECK(regressed(0.10, spread, 50) >= 48);
    CHECK(regressed(0.02, spread, 50) <= 2);
    CHECK(regressed(0.0, spread, 50) == 0);
  }
}

TEST_CASE("clear answers need the first looks only") {
  const SpeedRule rule{SpeedOptions{}};
  std::vector<double> rounds;
  for (int i = 0; i < 6; ++i) rounds.push_back(i % 2 == 0 ? 0.001 : -0.001);
  CHECK(rule.look(rounds).verdict == GateVerdict::equivalent);
  for (double& d : rounds) d -= std::log(1.25);
  CHECK(rule.look(rounds).verdict == GateVerdict::regressed);
  for (double& d : rounds) d += 2 * std::log(1.25);
  CHECK(rule.look(rounds).verdict == GateVerdict::improved);
  rounds.pop_back();
  CHECK_FALSE(rule.look(rounds).verdict);
}

TEST_CASE("what noise hides to the last look is inconclusive, not red") {
  std::vector<double> rounds;
  for (int i = 0; i < 20; ++i) rounds.push_back(i % 2 == 0 ? 0.3 : -0.35);
  CHECK(SpeedRule(SpeedOptions{}).look(rounds).verdict == GateVerdict::inconclusive);
}

TEST_CASE("an alarm counts when it is confirmed") {
  CHECK(confirmed(GateVerdict::regressed, GateVerdict::regressed) == GateVerdict::regressed);
  CHECK(confirmed(GateVerdict::regressed, GateVerdict::equivalent) == GateVerdict::equivalent);
  CHECK(confirmed(GateVerdict::regressed, GateVerdict::improved) == GateVerdict::inconclusive);
  CHECK(confirmed(GateVerdict::equivalent, std::nullopt) == GateVerdict::equivalent);
}

TEST_CASE("meaningless options are refused") {
  CHECK_THROWS_AS(SpeedRule(SpeedOptions{.margin = 0, .level = 0.95, .looks = {4, 6}}), Error);
  CHECK_THROWS_AS(SpeedRule(SpeedOptions{.margin = 0.05, .level = 0.4, .looks = {4, 6}}), Error);
  CHECK_THROWS_AS(SpeedRule(SpeedOptions{.margin = 0.05, .level = 0.95, .looks = {1, 4}}), Error);
  CHECK_THROWS_AS(SpeedRule(SpeedOptions{.margin = 0.05, .level = 0.95, .looks = {4, 4}}), Error);
}

}  // namespace
}  // namespace velo::analysis
