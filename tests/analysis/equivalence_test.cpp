#include "analysis/equivalence.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>

#include "analysis/rank_interval.hpp"
#include "results/error.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

std::vector<Interval> points(const std::vector<double>& values) {
  std::vector<Interval> out;
  for (const double value : values) out.push_back({value, value});
  return out;
}

std::vector<Interval> normal_points(CounterStream& random, int n, double mean, double spread) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(mean + spread * normal(random));
  return points(values);
}

bool covers(const Interval& interval, double truth) { return interval.low <= truth && truth <= interval.high; }

const double delta = std::log1p(EquivalenceOptions{}.margin);

/// Candidate `factor` times as fast as the baseline on every workload, a little noise in every study.
std::vector<TrialOutcome> race(double factor, int studies, const std::vector<std::string>& workloads = {"u"}) {
  std::vector<TrialOutcome> trials;
  for (const std::string& workload : workloads) {
    for (int study = 0; study < studies; ++study) {
      const double time = 100 + 10 * study;
      trials.push_back(trial("old", workload, study, time));
      trials.push_back(trial("new", workload, study, time / factor * (1 + 0.002 * (study % 3 - 1))));
    }
  }
  return trials;
}

TrialOutcome missed(const TrialOutcome& like, double watched) {
  return trial(like.algorithm, like.workload, like.study, not_reached, watched);
}

}  // namespace

TEST_CASE("the paired interval is Student's, by hand") {
  const auto test = equivalence_paired(points({0.01, 0.03, 0.02}));
  CHECK(test.method == IntervalMethod::student);
  CHECK(test.pairs == 3);
  // Mean 0.02, s = 0.01, t(2) = 4.30265 at 0.975 and 2.91999 at 0.95.
  CHECK_THAT(test.estimate.low, WithinRel(0.02, 1e-12));
  CHECK_THAT(test.interval.high, WithinRel(0.02 + 4.302652729911275 * 0.01 / std::sqrt(3), 1e-10));
  CHECK_THAT(test.inner.low, WithinRel(0.02 - 2.919985580355516 * 0.01 / std::sqrt(3), 1e-9));
  CHECK(test.standing == Standing::equivalent);
}

TEST_CASE("the unpaired interval is Welch's, by hand") {
  const auto test = equivalence_unpaired(points({2, 4, 6, 8}), points({1, 2, 3, 4}));
  CHECK_THAT(test.estimate.low, WithinRel(-2.5, 1e-12));
  // Variances of the means 5/12 and 20/12: (25/12)^2 / ((5/12)^2/3 + (20/12)^2/3) = 75/17.
  CHECK_THAT(test.freedom, WithinRel(75.0 / 17, 1e-12));
  CHECK_FALSE(test.paired);
}

TEST_CASE("rank intervals are the printed ones of Hollander and Wolfe") {
  // Example 3.1, Hamilton depression scale: estimate -0.46, 96.1 % interval -0.786 to -0.010.
  const auto one = signed_rank_interval({-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010}, 0.96);
  CHECK_THAT(one.estimate, WithinAbs(-0.46, 1e-12));
  CHECK_THAT(one.interval.low, WithinAbs(-0.786, 1e-12));
  CHECK_THAT(one.interval.high, WithinAbs(-0.010, 1e-12));
  // Example 4.1, permeability: estimate -0.305, 96 % interval -0.76 to 0.15.
  const auto two = rank_sum_interval({0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
                                     {1.15, 0.88, 0.90, 0.74, 1.21}, 0.95);
  CHECK_THAT(two.estimate, WithinAbs(-0.305, 1e-12));
  CHECK_THAT(two.interval.low, WithinAbs(-0.76, 1e-12));
  CHECK_THAT(two.interval.high, WithinAbs(0.15, 1e-12));
}

TEST_CASE("rank intervals need six pairs, or four a side, at 95 %") {
  CHECK(signed_rank_depth(5, 0.95) == 0);
  CHECK(signed_rank_depth(6, 0.95) == 1);
  CHECK(signed_rank_depth(5, 0.9) == 1);
  CHECK(rank_sum_depth(3, 3, 0.95) == 0);
  CHECK(rank_sum_depth(4, 4, 0.95) == 1);  // 1/70 <= 0.025 < 2/70
  CHECK(rank_sum_depth(4, 4, 0.94) == 2);
}

TEST_CASE("each verdict follows from where the interval lies") {
  EquivalenceOptions options;
  const auto judged = [&](double centre) {
    return equivalence_paired(points({centre - 0.001, centre, centre + 0.001}), options).standing;
  };
  CHECK(judged(0) == Standing::equivalent);
  CHECK(judged(delta + 0.01) == Standing::improved);
  CHECK(judged(-delta - 0.01) == Standing::regressed);
  CHECK(judged(delta) == Standing::inconclusive);
  // The estimate is beyond the margin, the interval excludes 0 but not the margin.
  CHECK(judged(-delta - 0.001) == Standing::inconclusive);
  options.burden = Burden::zero;
  CHECK(judged(-delta - 0.001) == Standing::regressed);
  CHECK(judged(-delta + 0.001) == Standing::inconclusive);
  CHECK_THAT(equivalence_paired(points({0, 0.2, -0.2})).reason, ContainsSubstring("reaches across the margin"));
}

TEST_CASE("one pair decides nothing, and identical pairs decide by what they are") {
  CHECK(equivalence_paired(points({0.5})).standing == Standing::inconclusive);
  CHECK_THAT(equivalence_paired(points({0.5})).reason, ContainsSubstring("one pair has no spread"));
  CHECK(equivalence_paired({}).standing == Standing::inconclusive);
  CHECK(equivalence_paired(points({0, 0, 0})).standing == Standing::equivalent);
  CHECK(equivalence_unpaired(points({1, 1}), points({1.2, 1.2})).standing == Standing::improved);
}

TEST_CASE("options without meaning are refused") {
  CHECK_THROWS_WITH(equivalence_paired({}, {.margin = 0}), ContainsSubstring("a margin is a positive fraction"));
  CHECK_THROWS_WITH(equivalence_paired({}, {.level = 0.5}), ContainsSubstring("between 0.5 and 1"));
  CHECK(fraction_from("5%", "--margin") == 0.05);
  CHECK(fraction_from("0.05", "--margin") == 0.05);
  CHECK(fraction_from("10 %", "--margin") == 0.1);
  for (const char* wrong : {"", "%", "5x", "-1", "0", "nan", "inf"}) {
    CHECK_THROWS_WITH(fraction_from(wrong, "--margin"), ContainsSubstring("--margin is a positive fraction"));
  }
}

TEST_CASE("two one-sided tests find equivalence at the margin as often as alpha, and between as planned") {
  // Eight pairs with a spread of 0.03: at the margin the other side is 9 standard errors away, so TOST has its level.
  constexpr int experiments = 6000;
  const auto found = [&](double truth, std::uint64_t seed) {
    return share(experiments, seed, [&](CounterStream& random) {
      return equivalence_paired(normal_points(random, 8, truth, 0.03)).standing == Standing::equivalent;
    });
  };
  CHECK_THAT(found(delta, 21), WithinAbs(0.05, six_sigma(0.05, experiments)));
  CHECK_THAT(found(-delta, 22), WithinAbs(0.05, six_sigma(0.05, experiments)));
  CHECK(found(0, 23) > 0.9);
}

TEST_CASE("no difference that matters is called one more often than alpha") {
  constexpr int experiments = 4000;
  const auto wrong = [&](double truth, Burden burden, std::uint64_t seed) {
    return share(experiments, seed, [&](CounterStream& random) {
      const auto standing = equivalence_paired(normal_points(random, 5, truth, 0.08), {.burden = burden}).standing;
      return standing == Standing::improved || standing == Standing::regressed;
    });
  };
  // On the edge of the margin one side errs with alpha / 2, and the other hardly ever.
  CHECK_THAT(wrong(delta, Burden::margin, 31), WithinAbs(0.025, six_sigma(0.025, experiments)));
  CHECK(wrong(0, Burden::margin, 32) < 0.025);
  CHECK(wrong(0, Burden::zero, 33) < 0.05 + six_sigma(0.05, experiments));
  // Magnitude and significance: near the margin the estimate falls on either side of it.
  CHECK(wrong(delta, Burden::zero, 34) > 0.1);
}

TEST_CASE("Welch's interval keeps its level under unequal spreads") {
  // Satterthwaite's approximation is off by less than 0.01 for these sizes (Scheffe, JASA 65:1501, 1970).
  constexpr int experiments = 4000;
  const double covered = share(experiments, 41, [](CounterStream& random) {
    const auto a = normal_points(random, 5, 1.0, 0.3), b = normal_points(random, 8, 1.2, 0.1);
    return covers(equivalence_unpaired(a, b).interval, 0.2);
  });
  CHECK_THAT(covered, WithinAbs(0.95, 0.01 + six_sigma(0.95, experiments)));
}

TEST_CASE("with missed targets the interval covers at least as often as it says") {
  // Log times N(1, 0.3) and N(1.1, 0.3), watched until 1.3: a quarter of the baseline's studies miss. What is unknown
  // widens the interval, so coverage lies above the level; it falls below it only if the bounds are wrong.
  constexpr int experiments = 2000;
  const auto watched = [](double log_time) {
    return log_time < 1.3 ? Interval{log_time, log_time} : Interval{1.3, not_reached};
  };
  const double paired = share(experiments, 51, [&](CounterStream& random) {
    std::vector<Interval> d;
    for (int i = 0; i < 10; ++i) {
      const Interval a = watched(1 + 0.3 * normal(random)), b = watched(1.1 + 0.3 * normal(random));
      d.push_back({b.low - a.high, b.high - a.low});
    }
    return covers(equivalence_paired(d).interval, 0.1);
  });
  CHECK(paired > 0.95 - six_sigma(0.95, experiments));
  const double unpaired = share(experiments, 52, [&](CounterStream& random) {
    std::vector<Interval> a, b;
    for (int i = 0; i < 8; ++i) a.push_back(watched(1 + 0.3 * normal(random)));
    for (int i = 0; i < 9; ++i) b.push_back(watched(1.1 + 0.3 * normal(random)));
    return covers(equivalence_unpaired(a, b).interval, 0.1);
  });
  CHECK(unpaired > 0.95 - six_sigma(0.95, experiments));
}

TEST_CASE("without missed targets rank intervals have exactly the coverage of their depth") {
  // Eight pairs at 0.95: P(T <= 3) = 5/256, so 1 - 10/256.
  constexpr int experiments = 4000;
  const double covered = share(experiments, 53, [](CounterStream& random) {
    std::vector<double> values;
    for (int i = 0; i < 8; ++i) values.push_back(normal(random));
    return covers(signed_rank_interval(values, 0.95).interval, 0);
  });
  CHECK_THAT(covered, WithinAbs(1 - 10.0 / 256, six_sigma(10.0 / 256, experiments)));
}

TEST_CASE("a race is judged by pairs of studies on each workload and as a whole") {
  const auto report = equivalence(race(1.2, 5, {"u", "v"}), "new", "old");
  REQUIRE(report.workloads.size() == 2);
  CHECK(report.workloads[0].test.paired);
  CHECK(report.workloads[0].test.pairs == 5);
  CHECK(report.workloads[0].test.standing == Standing::improved);
  CHECK(report.overall.standing == Standing::improved);
  CHECK(report.overall.pairs == 10);
  // Two workloads of equal variance: twice the degrees of freedom.
  CHECK_THAT(report.overall.freedom, WithinRel(8.0, 1e-9));
  CHECK_THAT(report.overall.estimate.low, WithinAbs(std::log(1.2), 0.002));
  CHECK_THAT(verdict_sentence(report),
             ContainsSubstring("new against old") && ContainsSubstring("margin 5 %: improved"));
  CHECK(equivalence_table(report).rows.size() == 3);
  CHECK(equivalence(race(0.8, 5), "new", "old").overall.standing == Standing::regressed);
  CHECK(equivalence(race(1, 5), "new", "old").overall.standing == Standing::equivalent);
}

TEST_CASE("studies of other numbers are not pairs") {
  auto trials = race(1.2, 5);
  for (auto& t : trials) t.study += t.algorithm == "new" ? 10 : 0;
  CHECK_FALSE(equivalence(trials, "new", "old").workloads[0].test.paired);
}

TEST_CASE("a candidate that stops reaching a target has regressed, whatever the other workloads say") {
  auto trials = race(1, 6, {"u", "v"});
  for (auto& t : trials) {
    if (t.algorithm == "new" && t.workload == "v") t = missed(t, 300);
  }
  const auto report = equivalence(trials, "new", "old", {}, {.level = 0.9});
  CHECK(report.workloads[0].test.standing == Standing::equivalent);
  CHECK(report.workloads[1].test.standing == Standing::regressed);
  CHECK(report.workloads[1].test.missed == 6);
  CHECK(report.overall.standing == Standing::regressed);
  // At 0.95 each of two workloads has to be settled at 0.975, which six pairs cannot do.
  CHECK(equivalence(trials, "new", "old").overall.standing == Standing::inconclusive);
}

TEST_CASE("too few pairs with missed targets say so") {
  auto trials = race(1, 3);
  for (auto& t : trials) {
    if (t.algorithm == "new") t = missed(t, 500);
  }
  const auto report = equivalence(trials, "new", "old");
  CHECK(report.overall.standing == Standing::inconclusive);
  CHECK_THAT(verdict_sentence(report), ContainsSubstring("3 pairs with missed targets give no interval"));
}

TEST_CASE("a race that neither reached measures nothing") {
  try {
    (void)equivalence({trial("new", "w", 0, not_reached), trial("old", "w", 0, not_reached)}, "new", "old");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::nothing_measured);
  }
  CHECK_THROWS_WITH(equivalence(race(1, 2), "news", "old"), ContainsSubstring("did you mean 'new'"));
}
