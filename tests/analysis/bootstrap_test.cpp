#include "analysis/bootstrap.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <numeric>

#include "analysis/counter_random.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::WithinAbs;

namespace {

ScoreOptions v05(Integral integral) {
  ScoreOptions options;
  options.clock = Clock::seconds;
  options.rules = Rules::algoperf_v05;
  options.integral = integral;
  return options;
}

const ScoreOptions v05_exact = v05(Integral::exact);

/// Six standard errors of a share p estimated from n draws: a false alarm once in 5e8.
double six_sigma(double p, double n) { return 6 * std::sqrt(p * (1 - p) / n); }

}  // namespace

TEST_CASE("Philox gives the published answers") {
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("bounded draws are uniform") {
  CounterStream random(1, 2);
  std::array<int, 5> counts{};
  constexpr int draws = 100000;
  for (int i = 0; i < draws; ++i) ++counts[random.below(5)];
  for (const int count : counts) CHECK_THAT(count / double{draws}, WithinAbs(0.2, six_sigma(0.2, draws)));
}

TEST_CASE("the bootstrap has the same bits on any number of threads, and other bits for another seed") {
  const auto trials = algoperf_v05_trials();
  const BootstrapOptions one{.resamples = 200};
  auto three = one, reseeded = one;
  three.threads = 3;
  reseeded.seed = 7;
  const auto first = leaderboard(trials, v05_exact, one), same = leaderboard(trials, v05_exact, three),
             other = leaderboard(trials, v05_exact, reseeded);
  bool differs = false;
  for (std::size_t s = 0; s < first.algorithms.size(); ++s) {
    CHECK(first.algorithms[s].interval == same.algorithms[s].interval);
    CHECK(first.algorithms[s].rank_probability == same.algorithms[s].rank_probability);
    differs |= first.algorithms[s].rank_probability != other.algorithms[s].rank_probability;
  }
  CHECK(differs);
}

TEST_CASE("intervals and rank probabilities of AlgoPerf v0.5 agree with an independent bootstrap of its logs") {
  const auto board = leaderboard(algoperf_v05_trials(), v05_exact, {.resamples = 4000, .threads = 2});
  // Both sides draw some thousand resamples: a limit at 2.5 % is then an order statistic whose share is uncertain by
  // 0.0025 to 0.0035; next to a limit the density of these scores is at least 0.15 per unit (they span under 0.3, the
  // outer 5 % lie within 0.03), which makes 0.02 a bound of more than three standard errors.
  const auto low = algoperf_v05_column("boot95_lo"), high = algoperf_v05_column("boot95_hi");
  CHECK(board.algorithms.size() == 11);
  for (const auto& entry : board.algorithms) {
    INFO(entry.algorithm);
    CHECK_THAT(entry.interval.low, WithinAbs(low.at(entry.algorithm), 0.02));
    CHECK_THAT(entry.interval.high, WithinAbs(high.at(entry.algorithm), 0.02));
    if (entry.algorithm == "shampoo_submission")
      CHECK_THAT(entry.rank_probability[0], WithinAbs(0.75, 0.005 + six_sigma(0.75, 2000)));
    if (entry.algorithm == "schedule_free_adamw")
      CHECK_THAT(entry.rank_probability[0], WithinAbs(0.20, 0.005 + six_sigma(0.2, 2000)));
  }
}

TEST_CASE("leaving CASPR out of AlgoPerf v0.5 changes the winner, leaving a straggler out does not") {
  const auto board = leaderboard(algoperf_v05_trials(), v05(Integral::trapezoid), {.resamples = 1});
  for (const auto& change : board.pool) {
    if (change.without == "caspr_adaptive") {
      CHECK(change.winner_changes);
      CHECK(change.winners == std::vector<std::string>{"schedule_free_adamw"});
    }
    if (change.without == "schedule_free_prodigy") CHECK_FALSE(change.winner_changes);
  }
  CHECK(board.algorithms[board.by_rank().front()].algorithm == "shampoo_submission");
}

TEST_CASE("the percentile interval takes order statistics, infinite ones included") {
  std::vector<double> draws(1000);
  std::iota(draws.begin(), draws.end(), 1.0);
  CHECK(percentile_interval(draws, 0.95) == Interval{25, 975});
  draws.assign(1000, not_reached);
  draws[0] = 3;
  CHECK(percentile_interval(draws, 0.95) == Interval{not_reached, not_reached});
}

TEST_CASE("the interval of a median of three studies is their range and covers as often as promised") {
  // Study times uniform in (1, 2), true median 1.5. The share of covering intervals over n experiments has standard
  // error sqrt(p(1-p)/n) around p = 1 - 2^-2.
  constexpr int experiments = 1500;
  int covered = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(11, static_cast<std::uint64_t>(e));
    std::vector<TrialOutcome> trials;
    double least = 2, most = 1;
    for (int study = 0; study < 3; ++study) {
      const double time = 1 + random.uniform();
      least = std::min(least, time);
      most = std::max(most, time);
      trials.push_back(trial("a", "w", study, time));
    }
    const auto cell = leaderboard(trials, {}, {.resamples = 200}).times[0][0];
    // P(the resampled median is the smallest study) = 7/27, far above 2.5 %: the limits are the range.
    REQUIRE(cell.interval == Interval{least, most});
    covered += cell.interval.low <= 1.5 && 1.5 <= cell.interval.high;
  }
  CHECK(attainable_coverage(3) == 0.75);
  CHECK_THAT(covered / double{experiments}, WithinAbs(0.75, six_sigma(0.75, experiments)));
  CHECK(attainable_coverage(1) == 0);
}

TEST_CASE("the coverage of a median's interval is that of its order statistics") {
  CHECK_THAT(median_coverage(3, 0.95), WithinAbs(0.75, 1e-14));
  CHECK_THAT(median_coverage(5, 0.95), WithinAbs(0.9375, 1e-14));
  // n = 7: P(Binomial(7, 1/7) > 3) = 0.0102 < 0.025, so the limits are the second and the sixth: 1 - 2 (1 + 7)/128.
  CHECK_THAT(median_coverage(7, 0.95), WithinAbs(0.875, 1e-14));
  CHECK_THAT(median_coverage(7, 0.99), WithinAbs(1 - 2.0 / 128, 1e-14));
  CHECK(median_coverage(1, 0.95) == 0);
  CHECK(median_coverage(4, 0.95) == attainable_coverage(4));
  for (std::size_t n = 1; n < 60; ++n) CHECK(median_coverage(n, 0.95) <= attainable_coverage(n) + 1e-12);
}

TEST_CASE("what is printed as the coverage of an interval is how often it covers") {
  // Seven studies, whose times are far from symmetric: the logarithm of a uniform number, median ln 2.
  constexpr int experiments = 300;
  int covered = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(13, static_cast<std::uint64_t>(e));
    std::vector<TrialOutcome> trials;
    for (int study = 0; study < 7; ++study) trials.push_back(trial("a", "w", study, -std::log1p(-random.uniform())));
    const auto cell = leaderboard(trials, {}, {.resamples = 500}).times[0][0];
    REQUIRE_THAT(cell.coverage, WithinAbs(0.875, 1e-14));
    covered += cell.interval.low <= std::log(2.0) && std::log(2.0) <= cell.interval.high;
  }
  // With 500 resamples a limit is hardly ever the next time: 0.0102 is three standard errors from 0.025.
  CHECK_THAT(covered / double{experiments}, WithinAbs(0.875, six_sigma(0.875, experiments)));
}

TEST_CASE("with many studies the interval covers about as often as it says") {
  // 25 studies: the order statistics that the percentile bootstrap of a median picks cover between 0.90 and 0.96
  // (binomial probabilities of ranks 8..18 and 9..17: 0.957 and 0.892).
  constexpr int experiments = 600;
  int covered = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(12, static_cast<std::uint64_t>(e));
    std::vector<TrialOutcome> trials;
    for (int study = 0; study < 25; ++study) trials.push_back(trial("a", "w", study, 1 + random.uniform()));
    const auto interval = leaderboard(trials, {}, {.resamples = 300}).times[0][0].interval;
    covered += interval.low <= 1.5 && 1.5 <= interval.high;
  }
  CHECK(covered / double{experiments} > 0.892 - six_sigma(0.892, experiments));
  CHECK(covered / double{experiments} < 0.957 + six_sigma(0.957, experiments));
}

TEST_CASE("rank probabilities sum to one where there are no ties, and certain orders are certain") {
  std::vector<TrialOutcome> trials;
  for (int study = 0; study < 3; ++study) {
    trials.push_back(trial("fast", "w", study, 10 + study));
    trials.push_back(trial("slow", "w", study, 20 + study));
    trials.push_back(trial("never", "w", study, not_reached));
  }
  const auto board = leaderboard(trials);
  CHECK_THAT(board.algorithms[0].rank_probability[0], WithinAbs(1, 1e-12));
  CHECK_THAT(board.algorithms[1].rank_probability[1], WithinAbs(1, 1e-12));
  CHECK(board.algorithms[2].score == 0);
  CHECK(board.algorithms[2].interval == Interval{0, 0});
  CHECK(board.pool.size() == 3);
  CHECK(board.pool[0].winners == std::vector<std::string>{"slow"});
  CHECK(board.pool[0].scores[1] == 1);
  CHECK(board.coverage_note().find("at most 75 %") != std::string::npos);
  CHECK(leaderboard(trials, {}, {.level = 0.7}).coverage_note().empty());
}

TEST_CASE("paired draws take the same studies for every algorithm") {
  std::vector<TrialOutcome> trials;
  for (int study = 0; study < 5; ++study) {
    trials.push_back(trial("a", "w", study, 10 + study * study));
    trials.push_back(trial("b", "w", study, 2.0 * (10 + study * study)));
  }
  const auto paired = leaderboard(trials, {}, {.paired = true});
  CHECK_THAT(paired.algorithms[1].interval.low, WithinAbs(2.0 / 3, 1e-15));
  CHECK_THAT(paired.algorithms[1].interval.high, WithinAbs(2.0 / 3, 1e-15));
  const auto independent = leaderboard(trials);
  CHECK(independent.algorithms[1].interval.low < 0.6);
}

TEST_CASE("profiles start at the share of fastest workloads, never fall, and stay inside their band's range") {
  const auto board = leaderboard(algoperf_v05_trials(), v05_exact, {.resamples = 100});
  for (const auto& curve : board.profiles) {
    CHECK(curve.front().tau == 1);
    CHECK(curve.back().tau == 4);
    for (std::size_t i = 0; i < curve.size(); ++i) {
      CHECK(curve[i].band.low <= curve[i].band.high);
      CHECK(curve[i].simultaneous.low <= curve[i].band.low);
      CHECK(curve[i].simultaneous.high >= curve[i].band.high);
      if (i > 0) CHECK(curve[i].share >= curve[i - 1].share);
    }
  }
}
