#include "analysis/kwise_ranking.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>
#include <set>

#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double least_factor = 1e-4;  // of sigma^2 in one match

/// phi/Phi; far out on the left it approaches -x.
double v(double x) {
  const double below = normal_cdf(x);
  return below > 0 ? std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2 / below : -x;
}
double w(double x) { return v(x) * (v(x) + x); }

struct Belief {
  double mean, variance;
};

void play(std::vector<Belief>& beliefs, const Match& match, double beta) {
  std::vector<Belief> after;
  for (const Showing& one : match) {
    const Belief& mine = beliefs[one.player];
    double pull = 0, shrink = 0;
    for (const Showing& other : match) {
      if (other.player == one.player) continue;
      const Belief& theirs = beliefs[other.player];
      const double square = mine.variance + theirs.variance + 2 * beta * beta, c = std::sqrt(square);
      const double x = (mine.mean - theirs.mean) / c;
      const double won = one.place < other.place ? 1 : one.place > other.place ? 0 : 0.5;
      pull += (won * v(x) - (1 - won) * v(-x)) / c;
      shrink += mine.variance / square * (won * w(x) + (1 - won) * w(-x));
    }
    after.push_back({mine.mean + mine.variance * pull, mine.variance * std::max(1 - shrink, least_factor)});
  }
  for (std::size_t i = 0; i < match.size(); ++i) beliefs[match[i].player] = after[i];
}

void check(std::size_t players, const std::vector<Match>& matches, const KwiseOptions& options) {
  if (!(options.sigma > 0 && options.beta > 0)) throw Error("sigma and beta of a K-wise ranking are positive");
  if (options.orders < 1) throw Error(cat("a K-wise ranking needs at least 1 order, not ", options.orders));
  for (const Match& match : matches) {
    std::set<std::size_t> seen;
    for (const Showing& showing : match) {
      if (showing.player >= players) {
        throw Error(cat("a match has player ", showing.player, ", but there are ", players));
      }
      if (!seen.insert(showing.player).second) throw Error(cat("player ", showing.player, " is twice in one match"));
    }
  }
}

}  // namespace

std::vector<Strength> kwise_ranking(std::size_t players, const std::vector<Match>& matches,
                                    const KwiseOptions& options) {
  check(players, matches, options);
  std::vector<Strength> out(players, {0, 0, 0});
  for (const Match& match : matches) {
    for (const Showing& showing : match) ++out[showing.player].matches;
  }
  std::vector<double> variances(players, 0.0);
  const auto orders = static_cast<double>(options.orders);
  for (std::int64_t o = 0; o < options.orders; ++o) {
    std::vector<std::size_t> order(matches.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    CounterStream random(options.seed, static_cast<std::uint64_t>(o));
    for (std::size_t i = order.size(); options.orders > 1 && i > 1; --i) {
      std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
    }
    std::vector<Belief> beliefs(players, {0, options.sigma * options.sigma});
    for (const std::size_t m : order) play(beliefs, matches[m], options.beta);
    for (std::size_t i = 0; i < players; ++i) {
      out[i].mean += beliefs[i].mean / orders;
      variances[i] += beliefs[i].variance / orders;
    }
  }
  for (std::size_t i = 0; i < players; ++i) out[i].deviation = std::sqrt(variances[i]);
  return out;
}

std::vector<Match> matches_of(const StudyTable& table) {
  std::vector<Match> out;
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    std::map<std::int64_t, std::vector<std::pair<double, std::size_t>>> studies;
    for (std::size_t s = 0; s < table.algorithms.size(); ++s) {
      for (const StudyTime& study : table.at[s][w]) studies[study.study].emplace_back(study.time, s);
    }
    for (auto& [number, times] : studies) {
      if (times.size() < 2) continue;
      std::sort(times.begin(), times.end());
      Match match;
      for (std::size_t i = 0; i < times.size(); ++i) {
        const bool drawn = i > 0 && times[i].first == times[i - 1].first;
        match.push_back({times[i].second, drawn ? match.back().place : static_cast<int>(i) + 1});
      }
      out.push_back(std::move(match));
    }
  }
  return out;
}

Table kwise_table(const std::vector<TrialOutcome>& trials, const ScoreOptions& score, const KwiseOptions& options) {
  const StudyTable table = study_table(trials, score);
  const auto strengths = kwise_ranking(table.algorithms.size(), matches_of(table), options);
  std::vector<std::size_t> order(strengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return strengths[a].score() > strengths[b].score(); });
  Table out{{{"algorithm", ColumnType::text},
             {"score", ColumnType::real},
             {"mean", ColumnType::real},
             {"deviation", ColumnType::real},
             {"matches", ColumnType::integer}},
            {}};
  for (const std::size_t s : order) {
    out.rows.push_back({table.algorithms[s], strengths[s].score(), strengths[s].mean, strengths[s].deviation,
                        static_cast<std::int64_t>(strengths[s].matches)});
  }
  return out;
}

}  // namespace velo::analysis
