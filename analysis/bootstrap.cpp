#include "analysis/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/band.hpp"
#include "analysis/counter_random.hpp"
#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/parallel.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double profile_step = 0.02;  // spacing of the printed profiles in tau

/// Positions of a percentile interval's limits among sorted draws.
std::pair<std::size_t, std::size_t> percentile_places(std::size_t draws, double level) {
  const auto count = static_cast<double>(draws);
  const auto place = [&](double share) {
    // The tolerance keeps 0.975 * 2000 = 1950.0000000000002 from counting as more than 1950.
    return static_cast<std::size_t>(std::clamp(std::ceil(share * count - 1e-9 * count) - 1, 0.0, count - 1));
  };
  return {place((1 - level) / 2), place((1 + level) / 2)};
}

void require(bool holds, const std::string& sentence) {
  if (!holds) throw Error(sentence);
}

void check(const ScoreOptions& options, const BootstrapOptions& bootstrap) {
  require(options.r_max > 1, cat("r_max must exceed 1, not be ", options.r_max));
  require(bootstrap.level > 0 && bootstrap.level < 1, cat("a level lies between 0 and 1, not at ", bootstrap.level));
  require(bootstrap.resamples >= 1, cat("a bootstrap needs at least 1 resample, not ", bootstrap.resamples));
}

/// Medians of the studies that draw number b takes. Every (algorithm, workload) has a stream of its own: adding an
/// algorithm leaves the draws of the others alone. With `paired`, algorithms that have the same number of studies on a
/// workload share their draw.
Times resampled_times(const StudyTable& table, const BootstrapOptions& options, std::int64_t b) {
  const std::size_t workloads = table.workloads.size();
  Times times(table.algorithms.size(), std::vector<double>(workloads));
  std::vector<double> drawn;
  for (std::size_t s = 0; s < times.size(); ++s) {
    for (std::size_t w = 0; w < workloads; ++w) {
      const auto& studies = table.at[s][w];
      const std::uint64_t lane = (options.paired ? 0 : s * workloads) + w;
      CounterStream random(options.seed, static_cast<std::uint64_t>(b) << 32 | lane);
      drawn.clear();
      for (std::size_t i = 0; i < studies.size(); ++i)
        drawn.push_back(studies[random.below(static_cast<std::uint32_t>(studies.size()))].time);
      times[s][w] = median_of(drawn);
    }
  }
  return times;
}

/// What each resample gives, resample by resample.
struct Resamples {
  std::vector<Times> times, ratios;
  std::vector<std::vector<double>> scores;
};

Resamples resample(const StudyTable& table, const ScoreOptions& options, const BootstrapOptions& bootstrap) {
  const auto count = static_cast<std::size_t>(bootstrap.resamples);
  Resamples out{std::vector<Times>(count), std::vector<Times>(count), std::vector<std::vector<double>>(count)};
  for_each_index(bootstrap.resamples, bootstrap.threads, [&](std::int64_t b) {
    const auto at = static_cast<std::size_t>(b);
    out.times[at] = resampled_times(table, bootstrap, b);
    out.ratios[at] = ratios(out.times[at], table, options);
    out.scores[at] = scores(out.ratios[at], options);
  });
  return out;
}

/// The same quantity in every resample.
template <typename Pick>
std::vector<double> across(std::size_t count, const Pick& pick) {
  std::vector<double> values(count);
  for (std::size_t b = 0; b < count; ++b) values[b] = pick(b);
  return values;
}

WorkloadTime workload_time(const std::vector<StudyTime>& studies, double time, Interval interval, double level) {
  WorkloadTime out{.time = time,
                   .interval = interval,
                   .coverage = median_coverage(studies.size(), level),
                   .studies = studies.size()};
  for (const StudyTime& study : studies) {
    out.reached += study.hits > 0;
    out.trials += study.trials;
    out.hits += study.hits;
  }
  return out;
}

std::vector<ScoredAlgorithm> score_algorithms(const StudyTable& table, const ScoreOptions& options, double level,
                                              const Resamples& resamples) {
  const Times exact = ratios(workload_times(table), table, options);
  const auto points = scores(exact, options);
  const auto places = ranks(points);
  const std::size_t count = resamples.scores.size();
  std::vector<ScoredAlgorithm> out(points.size());
  for (std::size_t s = 0; s < out.size(); ++s) {
    const auto draws = across(count, [&](std::size_t b) { return resamples.scores[b][s]; });
    out[s] = {table.algorithms[s],
              points[s],
              percentile_interval(draws, level),
              places[s],
              std::vector<double>(points.size(), 0.0),
              exact[s]};
  }
  for (const auto& draw : resamples.scores) {
    const auto drawn = ranks(draw);
    for (std::size_t s = 0; s < out.size(); ++s) out[s].rank_probability[static_cast<std::size_t>(drawn[s] - 1)] += 1;
  }
  for (auto& entry : out) {
    for (double& share : entry.rank_probability) share /= static_cast<double>(count);
  }
  return out;
}

std::vector<std::vector<ProfilePoint>> profiles(const Leaderboard& board, const Resamples& resamples) {
  std::vector<std::vector<ProfilePoint>> out(board.algorithms.size());
  const int points = static_cast<int>(std::lround((board.options.r_max - 1) / profile_step));
  std::vector<double> taus;
  for (int i = 0; i <= points; ++i) taus.push_back(1 + (board.options.r_max - 1) * i / points);
  const auto curve = [&](const std::vector<double>& ratios) {
    return across(taus.size(), [&](std::size_t i) { return profile(ratios, taus[i]); });
  };
  std::vector<std::vector<double>> draws(resamples.ratios.size());
  for (std::size_t s = 0; s < out.size(); ++s) {
    for (std::size_t b = 0; b < draws.size(); ++b) draws[b] = curve(resamples.ratios[b][s]);
    const Bands around = bands(draws, board.bootstrap.level);
    const auto shares = curve(board.algorithms[s].ratios);
    for (std::size_t i = 0; i < taus.size(); ++i) {
      out[s].push_back({taus[i], shares[i], around.pointwise[i], around.simultaneous[i]});
    }
  }
  return out;
}

std::vector<std::string> winners(const std::vector<std::string>& names, const std::vector<double>& points) {
  double best = -1;
  for (const double point : points) best = point > best ? point : best;
  std::vector<std::string> out;
  for (std::size_t s = 0; s < names.size(); ++s) {
    if (points[s] == best) out.push_back(names[s]);
  }
  return out;
}

/// Leaves each algorithm out in turn. Its times become unknown (NaN), which removes it from every minimum; the set of
/// workloads, and so the denominator, stays.
std::vector<PoolChange> pool_changes(const StudyTable& table, const ScoreOptions& options) {
  if (table.algorithms.size() < 3) return {};
  const Times times = workload_times(table);
  const auto full = winners(table.algorithms, scores(ratios(times, table, options), options));
  std::vector<PoolChange> out;
  for (std::size_t left = 0; left < times.size(); ++left) {
    Times rest = times;
    std::fill(rest[left].begin(), rest[left].end(), nan);
    PoolChange change{table.algorithms[left], scores(ratios(rest, table, options), options), {}, false};
    change.scores[left] = nan;
    change.winners = winners(table.algorithms, change.scores);
    std::vector<std::string> expected = full;
    std::erase(expected, table.algorithms[left]);
    change.winner_changes = !expected.empty() && change.winners != expected;
    out.push_back(std::move(change));
  }
  return out;
}

}  // namespace

Interval percentile_interval(std::vector<double> draws, double level) {
  std::sort(draws.begin(), draws.end());
  return interval_of_sorted(draws, level);
}

Interval interval_of_sorted(const std::vector<double>& draws, double level) {
  const auto [low, high] = percentile_places(draws.size(), level);
  return {draws[low], draws[high]};
}

double attainable_coverage(std::size_t studies) {
  return studies == 0 ? 0 : 1 - std::ldexp(1.0, 1 - static_cast<int>(studies));
}

double median_coverage(std::size_t studies, double level) {
  if (studies % 2 == 0) return attainable_coverage(studies);
  const int n = static_cast<int>(studies);
  // The i-th smallest time, i from 1, at or above which a resampled median lies with the given share at most.
  const auto place = [&](double share) {
    int i = 1;
    while (i < n && 1 - binomial_cdf(n / 2, n, static_cast<double>(i) / n) < share) ++i;
    return i;
  };
  return binomial_cdf(place((1 + level) / 2) - 1, n, 0.5) - binomial_cdf(place((1 - level) / 2) - 1, n, 0.5);
}

std::vector<std::size_t> Leaderboard::by_rank() const {
  std::vector<std::size_t> order(algorithms.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (algorithms[a].score != algorithms[b].score) return algorithms[a].score > algorithms[b].score;
    return algorithms[a].algorithm < algorithms[b].algorithm;
  });
  return order;
}

std::string Leaderboard::coverage_note() const {
  double least = 1;
  for (const auto& row : times) {
    for (const WorkloadTime& time : row) least = time.studies > 0 ? std::min(least, time.coverage) : least;
  }
  if (least >= bootstrap.level) return {};
  const std::string studies =
      fewest_studies == most_studies ? cat(most_studies) : cat(fewest_studies, " to ", most_studies);
  return cat("with ", studies, most_studies == 1 ? " study" : " studies",
             " the interval of a workload's median time covers it at most ", std::lround(100 * least),
             " % of the time, not the nominal ", std::lround(100 * bootstrap.level), " %");
}

Leaderboard leaderboard(const std::vector<TrialOutcome>& trials, const ScoreOptions& options,
                        const BootstrapOptions& bootstrap) {
  check(options, bootstrap);
  Leaderboard board;
  board.options = options;
  board.bootstrap = bootstrap;
  board.table = study_table(trials, options);
  const StudyTable& table = board.table;
  const Resamples resamples = resample(table, options, bootstrap);
  board.algorithms = score_algorithms(table, options, bootstrap.level, resamples);
  const Times times = workload_times(table);
  board.times.resize(times.size());
  board.fewest_studies = std::numeric_limits<std::size_t>::max();
  for (std::size_t s = 0; s < times.size(); ++s) {
    for (std::size_t w = 0; w < times[s].size(); ++w) {
      const auto draws = across(resamples.times.size(), [&](std::size_t b) { return resamples.times[b][s][w]; });
      const auto& studies = table.at[s][w];
      const Interval interval = studies.empty() ? Interval{nan, nan} : percentile_interval(draws, bootstrap.level);
      board.times[s].push_back(workload_time(studies, times[s][w], interval, bootstrap.level));
      if (studies.empty()) continue;
      board.fewest_studies = std::min(board.fewest_studies, studies.size());
      board.most_studies = std::max(board.most_studies, studies.size());
    }
  }
  if (bootstrap.profiles) board.profiles = profiles(board, resamples);
  board.pool = pool_changes(table, options);
  return board;
}

}  // namespace velo::analysis
