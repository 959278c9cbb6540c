#include "analysis/kwise_ranking.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <numbers>

#include "results/error.hpp"
#include "results/text.hpp"
#include "tests/analysis/simulation.hpp"
#include "tests/analysis/trials.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

const KwiseOptions paper{.orders = 1};

/// A match of the given players, whose strengths show with noise of 0.5.
Match played(const std::vector<double>& strengths, const std::vector<std::size_t>& players, CounterStream& random) {
  std::vector<std::pair<double, std::size_t>> shown;
  for (const std::size_t player : players) shown.emplace_back(-strengths[player] - 0.5 * normal(random), player);
  std::sort(shown.begin(), shown.end());
  Match match;
  for (std::size_t i = 0; i < shown.size(); ++i) match.push_back({shown[i].second, static_cast<int>(i) + 1});
  return match;
}

/// `count` different ones of 0, ..., n - 1.
std::vector<std::size_t> some(std::size_t n, std::size_t count, CounterStream& random) {
  std::vector<std::size_t> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = i;
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(all[i], all[i + random.below(static_cast<std::uint32_t>(n - i))]);
  }
  all.resize(count);
  return all;
}

}  // namespace

TEST_CASE("one win between equals moves both by hand-computed steps") {
  // c^2 = 1 + 1 + 0.5, V(0) = sqrt(2/pi), W(0) = 2/pi.
  const auto strengths = kwise_ranking(3, {{{0, 1}, {1, 2}}}, paper);
  const double step = std::sqrt(2 / std::numbers::pi) / std::sqrt(2.5);
  CHECK_THAT(strengths[0].mean, WithinRel(step, 1e-14));
  CHECK_THAT(strengths[1].mean, WithinRel(-step, 1e-14));
  CHECK_THAT(strengths[0].deviation, WithinRel(std::sqrt(1 - 0.4 * 2 / std::numbers::pi), 1e-14));
  CHECK(strengths[2].mean == 0);
  CHECK(strengths[2].deviation == 1);
  CHECK(strengths[2].matches == 0);
}

TEST_CASE("the middle of three equals stays, and draws pull nobody") {
  const auto three = kwise_ranking(3, {{{0, 1}, {1, 2}, {2, 3}}}, paper);
  CHECK_THAT(three[1].mean, WithinAbs(0, 1e-15));
  CHECK_THAT(three[0].mean, WithinRel(2 * std::sqrt(2 / std::numbers::pi) / std::sqrt(2.5), 1e-14));
  const auto drawn = kwise_ranking(2, {{{0, 1}, {1, 1}}}, paper);
  CHECK_THAT(drawn[0].mean, WithinAbs(0, 1e-15));
  CHECK(drawn[0].deviation < 1);
}

TEST_CASE("a draw brings a strong and a weak player together") {
  std::vector<Match> matches(5, {{0, 1}, {1, 2}});
  const double apart = kwise_ranking(2, matches, paper)[0].mean;
  matches.push_back({{0, 1}, {1, 1}});
  CHECK(kwise_ranking(2, matches, paper)[0].mean < apart);
}

TEST_CASE("matches of many players keep the deviation positive") {
  Match crowd;
  for (std::size_t i = 0; i < 30; ++i) crowd.push_back({i, static_cast<int>(i) + 1});
  for (const Strength& s : kwise_ranking(30, {crowd, crowd}, paper)) CHECK(s.deviation > 0);
}

TEST_CASE("the order of the matches hardly matters once it is averaged over") {
  CounterStream random(121, 0);
  const std::vector<double> truth{0, 0.5, 1, 1.5};
  std::vector<Match> matches;
  for (int m = 0; m < 30; ++m) matches.push_back(played(truth, some(4, 3, random), random));
  auto reversed = matches;
  std::reverse(reversed.begin(), reversed.end());
  const auto distance = [&](const KwiseOptions& options) {
    const auto forth = kwise_ranking(4, matches, options), back = kwise_ranking(4, reversed, options);
    double most = 0;
    for (std::size_t i = 0; i < 4; ++i) most = std::max(most, std::abs(forth[i].mean - back[i].mean));
    return most;
  };
  // Averages over n orders differ by some sqrt(2/n) of what single orders do: 1/11 for 256.
  CHECK(distance({.orders = 256}) < 0.3 * distance(paper));
  CHECK(kwise_ranking(4, matches)[0].mean == kwise_ranking(4, matches)[0].mean);
}

TEST_CASE("strengths come out of tables of which most is missing") {
  // Twelve players 0.4 apart, matches of 4: every player is in a third of them. How many pairs are in order?
  std::vector<double> truth;
  for (int i = 0; i < 12; ++i) truth.push_back(0.4 * i - 2.2);
  constexpr int experiments = 20;
  int right = 0, pairs = 0;
  for (int e = 0; e < experiments; ++e) {
    CounterStream random(122, static_cast<std::uint64_t>(e));
    std::vector<Match> matches;
    for (int m = 0; m < 90; ++m) matches.push_back(played(truth, some(12, 4, random), random));
    const auto strengths = kwise_ranking(12, matches, {.sigma = 1.5});
    for (std::size_t i = 0; i < 12; ++i) {
      for (std::size_t j = i + 1; j < 12; ++j) {
        right += strengths[i].mean < strengths[j].mean;
        ++pairs;
      }
    }
  }
  // Neighbours meet 8 times, each showing the order with probability Phi(0.4/0.71) = 0.71, and others tell as well: at
  // least nine of ten neighbours and all pairs further apart in order make 0.98 of the pairs.
  CHECK(right / double(pairs) > 0.98);
}

TEST_CASE("equal players are no further apart than the deviations say, for matches of two") {
  // Their difference over sqrt(s_i^2 + s_j^2) exceeds 1.96 in at most 5 %: the prior makes it less.
  constexpr int experiments = 400;
  const double apart = share(experiments, 123, [](CounterStream& random) {
    const std::vector<double> truth(4, 0.0);
    std::vector<Match> matches;
    for (int m = 0; m < 40; ++m) matches.push_back(played(truth, some(4, 2, random), random));
    const auto strengths = kwise_ranking(4, matches, {.orders = 8});
    const double difference = strengths[0].mean - strengths[1].mean;
    return std::abs(difference) > 1.96 * std::hypot(strengths[0].deviation, strengths[1].deviation);
  });
  CHECK(apart < 0.05 + six_sigma(0.05, experiments));
}

TEST_CASE("a race with holes is ranked by the studies that were run") {
  std::vector<TrialOutcome> trials;
  for (int study = 0; study < 5; ++study) {
    trials.push_back(trial("fast", "u", study, 10 + study));
    trials.push_back(trial("middle", "u", study, 20 + study));
    trials.push_back(trial("middle", "v", study, 20 + study));
    trials.push_back(trial("slow", "v", study, 30 + study));
    trials.push_back(trial("never", "v", study, not_reached));
    trials.push_back(trial("neither", "v", study, not_reached));
  }
  trials.push_back(trial("alone", "x", 0, 1));
  const auto table = study_table(trials, {});
  const auto matches = matches_of(table);
  REQUIRE(matches.size() == 10);  // the lone study is no match
  CHECK(matches[9][2].place == 3);
  CHECK(matches[9][3].place == 3);
  const Table ranked = kwise_table(trials);
  REQUIRE(ranked.rows.size() == 6);
  CHECK(std::get<std::string>(ranked.rows[0][0]) == "fast");  // never met the slow one
  CHECK(std::get<std::string>(ranked.rows[1][0]) == "middle");
  CHECK(std::get<std::int64_t>(ranked.rows[1][4]) == 10);
}

TEST_CASE("impossible matches are refused") {
  CHECK_THROWS_WITH(kwise_ranking(1, {{{0, 1}, {1, 2}}}), ContainsSubstring("has player 1, but there are 1"));
  CHECK_THROWS_WITH(kwise_ranking(2, {{{0, 1}, {0, 2}}}), ContainsSubstring("twice"));
  CHECK_THROWS_WITH(kwise_ranking(2, {}, {.beta = 0}), ContainsSubstring("positive"));
}
