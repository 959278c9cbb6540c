#include "analysis/aggregate.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

/// Normal values around a mean of each workload's own, all of them around `shift`.
Strata normals(CounterStream& random, int workloads, int studies, double shift) {
  Strata out;
  for (int w = 0; w < workloads; ++w) {
    auto& values = out.emplace_back();
    for (int i = 0; i < studies; ++i) values.push_back(shift + 0.25 * (w - (workloads - 1) / 2.0) + normal(random));
  }
  return out;
}

bool covers(const Estimate& estimate, double truth) {
  return estimate.interval.low <= truth && truth <= estimate.interval.high;
}

/// Two workloads, three studies; `slow` misses one and `none` all.
std::vector<TrialOutcome> pool() {
  std::vector<TrialOutcome> out;
  for (int study = 0; study < 3; ++study) {
    out.push_back(trial("fast", "w", study, 100 + 10 * study));
    out.push_back(trial("fast", "v", study, 50));
    out.push_back(trial("slow", "w", study, 220));
    out.push_back(trial("slow", "v", study, study == 0 ? not_reached : 100));
    out.push_back(trial("none", "w", study, not_reached));
    out.push_back(trial("fast", "unsolved", study, not_reached));
    out.push_back(trial("slow", "unsolved", study, not_reached));
  }
  return out;
}

double number(const velo::TableValue& value) { return std::get<double>(value); }

}  // namespace

TEST_CASE("an interquartile mean cuts a quarter of the values at each end, rounded down") {
  CHECK(interquartile_mean(std::vector<double>{7}) == 7);
  CHECK(interquartile_mean({9, 1, 2}) == 4);                // nothing to cut
  CHECK(interquartile_mean({1000, 3, 1, -50}) == 2);        // one at each end
  CHECK(interquartile_mean({5, 4, 3, 2, 1, 0, -90}) == 2);  // floor(7/4) = 1: of 0, ..., 4
  CHECK_THROWS_WITH(interquartile_mean(std::vector<double>{}), ContainsSubstring("at least one value"));
}

TEST_CASE("the probability of improvement counts pairs, equal times one half") {
  CHECK(improvement({1, 2}, {3, 4}) == 1);
  CHECK(improvement({3, 4}, {1, 2}) == 0);
  CHECK(improvement({1, not_reached}, {2, not_reached}) == (1 + 1 + 0 + 0.5) / 4);
  // U = 7.5 of 12 by hand: 1 beats 3 of {2, 2, 3}; 2 ties two and beats one; 3 ties one; 1.5 beats 3.
  CHECK_THAT(improvement({1, 2, 3, 1.5}, {2, 2, 3}), WithinRel((3 + 2 + 0.5 + 3) / 12, 1e-15));
  CHECK_THROWS_WITH(improvement({}, {1}), ContainsSubstring("at least one study on each side"));
  CHECK_THROWS_WITH(probability_of_improvement({{1}}, {{1}, {2}}, {}), ContainsSubstring("not 1 with 2"));
}

TEST_CASE("resamples stay within workloads, so values that differ only between them have no spread") {
  const Estimate iqm = interquartile_mean(Strata{{1, 1, 1}, {2, 2, 2}, {9, 9, 9}}, {});
  CHECK(iqm.interval.low == iqm.value);
  CHECK(iqm.interval.high == iqm.value);
}

TEST_CASE("intervals are the same on any number of threads and differ with the seed") {
  CounterStream random(301, 0);
  const Strata a = normals(random, 4, 5, 0), b = normals(random, 4, 5, 0.3);
  const auto limits = [&](const BootstrapOptions& options) {
    return std::pair(interquartile_mean(a, options).interval, probability_of_improvement(a, b, options).interval);
  };
  CHECK(limits({.threads = 1}) == limits({.threads = 3}));
  CHECK(limits({.seed = 1}) != limits({.seed = 2}));
}

TEST_CASE("intervals cover as often as the header says") {
  constexpr int experiments = 500;
  const double iqm = share(experiments, 302, [](CounterStream& random) {
    return covers(interquartile_mean(normals(random, 8, 5, 0), {.resamples = 200, .seed = random.bits()}), 0);
  });
  CHECK_THAT(iqm, WithinAbs(0.92, six_sigma(0.92, experiments)));
  const double truth = normal_cdf(0.5 / std::sqrt(2.0));  // P(N(0, 1) < N(0.5, 1))
  const auto improving = [&](int workloads, int studies, std::uint64_t seed) {
    return share(experiments, seed, [&](CounterStream& random) {
      const Strata a = normals(random, workloads, studies, 0), b = normals(random, workloads, studies, 0.5);
      return covers(probability_of_improvement(a, b, {.resamples = 200, .seed = random.bits()}), truth);
    });
  };
  CHECK_THAT(improving(8, 5, 303), WithinAbs(0.94, six_sigma(0.94, experiments)));
  CHECK_THAT(improving(2, 3, 304), WithinAbs(0.86, six_sigma(0.86, experiments)));
}

TEST_CASE("between equals an improvement is claimed in one of twenty races, about") {
  constexpr int experiments = 500;
  const double claimed = share(experiments, 305, [](CounterStream& random) {
    const Strata a = normals(random, 8, 5, 0), b = normals(random, 8, 5, 0);
    const auto p = probability_of_improvement(a, b, {.resamples = 200, .seed = random.bits()});
    return p.interval.low > 0.5 || p.interval.high < 0.5;
  });
  CHECK_THAT(claimed, WithinAbs(0.06, six_sigma(0.06, experiments)));
}

TEST_CASE("speeds are relative to the fastest median, a miss is 0, and what nobody solved is left out") {
  const StudyTable table = study_table(pool(), {});
  const Speeds speeds = relative_speeds(table);
  CHECK(speeds.workloads == std::vector<std::string>{"w", "v"});
  CHECK(speeds.unsolved == std::vector<std::string>{"unsolved"});
  REQUIRE(table.algorithms == std::vector<std::string>{"fast", "slow", "none"});
  CHECK(speeds.values[0] == Strata{{110.0 / 100, 1, 110.0 / 120}, {1, 1, 1}});
  CHECK(speeds.values[1] == Strata{{0.5, 0.5, 0.5}, {0, 0.5, 0.5}});
  CHECK(speeds.values[2] == Strata{{0, 0, 0}, {0, 0, 0}});
  CHECK(speeds.missed == std::vector<std::size_t>{0, 1, 3});
  CHECK(speeds.not_run == std::vector<std::size_t>{0, 0, 1});
  CHECK_THROWS_WITH(relative_speeds(study_table({trial("a", "w", 0, not_reached)}, {})),
                    ContainsSubstring("no algorithm reached any target"));
}

TEST_CASE("answers have a row for every algorithm or pair, and say what was left out") {
  const StudyTable table = study_table(pool(), {});
  const Answer iqm = iqm_answer(table, {});
  REQUIRE(iqm.table.rows.size() == 3);
  CHECK(std::get<std::string>(iqm.table.rows[1][0]) == "slow");
  CHECK(number(iqm.table.rows[1][1]) == 0.5);  // of 0, 0.5, ..., 0.5 without the least and the greatest
  CHECK(std::get<std::int64_t>(iqm.table.rows[1][5]) == 6);
  CHECK(std::get<std::int64_t>(iqm.table.rows[2][4]) == 1);
  CHECK_THAT(iqm.notes.at(1), ContainsSubstring("the target of unsolved"));
  CHECK_THAT(iqm.notes.at(2), ContainsSubstring("none has no finished trials on 1 of 2 workloads"));

  const Answer improvement = improvement_answer(table, {});
  REQUIRE(improvement.table.rows.size() == 3);
  // fast beats slow in all pairs of w and v; neither reached the third workload.
  CHECK_THAT(number(improvement.table.rows[0][2]), WithinRel((1 + 1 + 0.5) / 3, 1e-15));
  CHECK(std::get<std::int64_t>(improvement.table.rows[0][6]) == 27);
  CHECK(std::get<std::int64_t>(improvement.table.rows[1][5]) == 1);  // none ran w alone
  CHECK_THAT(improvement.notes.back(), ContainsSubstring("no certainty"));

  const Answer order = order_answer(table, {});
  REQUIRE(order.table.rows.size() == 6);
  CHECK(std::get<std::string>(order.table.rows[0][2]) == "yes");  // fast over slow
  CHECK(number(order.table.rows[0][3]) == 0);
  CHECK(std::get<std::string>(order.table.rows[2][0]) == "slow");
  CHECK(std::get<std::string>(order.table.rows[2][2]) == "no");
  CHECK(std::get<std::int64_t>(order.table.rows[1][7]) == 3);
}
