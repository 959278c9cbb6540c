#include "analysis/summary.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>

#include "analysis/best_of_k.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

TableValue finite(double value) { return std::isfinite(value) ? TableValue(value) : TableValue(); }
TableValue count(double value) {
  return std::isfinite(value) ? TableValue(static_cast<std::int64_t>(std::llround(value))) : TableValue();
}
TableValue of(std::size_t k, std::size_t n) { return cat(k, "/", n); }

/// Median times on another clock, for display only; empty rows where seconds do not compare.
Times times_on(const std::vector<TrialOutcome>& trials, const Leaderboard& board, Clock clock) {
  if (clock == board.options.clock) return workload_times(board.table);
  ScoreOptions options = board.options;
  options.clock = clock;
  try {
    return workload_times(study_table(trials, options));
  } catch (const Error&) {
    return Times(board.algorithms.size(), std::vector<double>(board.table.workloads.size(), not_reached));
  }
}

/// Best value of the metric, [algorithm][workload]; NaN where nothing was evaluated.
std::vector<std::vector<double>> best_metrics(const std::vector<TrialOutcome>& trials, const Leaderboard& board) {
  std::map<std::pair<std::string_view, std::string_view>, double> best;
  for (const TrialOutcome& trial : trials) {
    if (std::isnan(trial.best_metric)) continue;
    const auto [known, first] = best.try_emplace({trial.algorithm, trial.workload}, trial.best_metric);
    if (first) continue;
    const bool better = trial.higher_is_better ? trial.best_metric > known->second : trial.best_metric < known->second;
    if (better) known->second = trial.best_metric;
  }
  std::vector<std::vector<double>> out;
  for (const ScoredAlgorithm& entry : board.algorithms) {
    auto& row = out.emplace_back();
    for (const std::string& workload : board.table.workloads) {
      const auto found = best.find({entry.algorithm, workload});
      row.push_back(found == best.end() ? std::nan("") : found->second);
    }
  }
  return out;
}

std::vector<std::size_t> fastest_first(const Leaderboard& board, std::size_t w) {
  std::vector<std::size_t> order(board.algorithms.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t s) { return board.times[s][w].studies == 0; });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return board.times[a][w].time < board.times[b][w].time; });
  return order;
}

}  // namespace

Table time_table(const std::vector<TrialOutcome>& trials, const Leaderboard& board) {
  const bool timed = board.options.clock == Clock::seconds;
  const ColumnType limits = timed ? ColumnType::real : ColumnType::integer;
  Table table{{{"workload", ColumnType::text},
               {"algorithm", ColumnType::text},
               {"example_gradients", ColumnType::integer},
               {"steps", ColumnType::integer},
               {"seconds", ColumnType::real},
               {"low", limits},
               {"high", limits},
               {"covers_at_most", ColumnType::real},
               {"studies_hit", ColumnType::text},
               {"trials_hit", ColumnType::text},
               {"best_metric", ColumnType::real}},
              {}};
  const Times gradients = times_on(trials, board, Clock::example_gradients);
  const Times steps = times_on(trials, board, Clock::steps);
  const Times seconds = times_on(trials, board, Clock::seconds);
  const auto metrics = best_metrics(trials, board);
  const auto limit = [&](double value) { return timed ? finite(value) : count(value); };
  const auto covers = [&](const WorkloadTime& time) {
    return time.coverage < board.bootstrap.level ? TableValue(time.coverage) : TableValue();
  };
  for (std::size_t w = 0; w < board.table.workloads.size(); ++w) {
    for (const std::size_t s : fastest_first(board, w)) {
      const WorkloadTime& time = board.times[s][w];
      table.rows.push_back({board.table.workloads[w], board.algorithms[s].algorithm, count(gradients[s][w]),
                            count(steps[s][w]), finite(seconds[s][w]), limit(time.interval.low),
                            limit(time.interval.high), covers(time), of(time.reached, time.studies),
                            of(time.hits, time.trials), finite(metrics[s][w])});
    }
  }
  return table;
}

Table score_table(const Leaderboard& board) {
  Table table{{{"rank", ColumnType::integer},
               {"algorithm", ColumnType::text},
               {"score", ColumnType::real},
               {"low", ColumnType::real},
               {"high", ColumnType::real},
               {"first_with_probability", ColumnType::real},
               {"workloads_hit", ColumnType::text}},
              {}};
  for (const std::size_t s : board.by_rank()) {
    const ScoredAlgorithm& entry = board.algorithms[s];
    const auto hit = std::count_if(entry.ratios.begin(), entry.ratios.end(), [](double r) { return r < not_reached; });
    table.rows.push_back({std::int64_t{entry.rank}, entry.algorithm, entry.score, entry.interval.low,
                          entry.interval.high, entry.rank_probability.front(),
                          of(static_cast<std::size_t>(hit), entry.ratios.size())});
  }
  return table;
}

Table pool_table(const Leaderboard& board) {
  Table table{{{"left_out", ColumnType::text}, {"winner", ColumnType::text}, {"winner_changes", ColumnType::text}}, {}};
  for (const auto& entry : board.algorithms) table.columns.push_back({entry.algorithm, ColumnType::real});
  for (const PoolChange& change : board.pool) {
    std::vector<TableValue> row{change.without, join_words(change.winners), change.winner_changes ? "yes" : "no"};
    for (const double score : change.scores) row.push_back(finite(score));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table rank_table(const Leaderboard& board) {
  Table table{{{"algorithm", ColumnType::text}}, {}};
  for (std::size_t rank = 1; rank <= board.algorithms.size(); ++rank) {
    table.columns.push_back({cat("rank_", rank), ColumnType::real});
  }
  for (const std::size_t s : board.by_rank()) {
    std::vector<TableValue> row{board.algorithms[s].algorithm};
    for (const double share : board.algorithms[s].rank_probability) row.emplace_back(share);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table profile_table(const Leaderboard& board) {
  Table table{{{"algorithm", ColumnType::text},
               {"tau", ColumnType::real},
               {"share", ColumnType::real},
               {"low", ColumnType::real},
               {"high", ColumnType::real},
               {"simultaneous_low", ColumnType::real},
               {"simultaneous_high", ColumnType::real}},
              {}};
  for (const std::size_t s : board.by_rank()) {
    for (const ProfilePoint& point : board.profiles[s]) {
      table.rows.push_back({board.algorithms[s].algorithm, point.tau, point.share, point.band.low, point.band.high,
                            point.simultaneous.low, point.simultaneous.high});
    }
  }
  return table;
}

Table best_of_k_table(const std::vector<TrialOutcome>& trials, const ScoreOptions& options) {
  Table table{{{"trials", ColumnType::integer}}, {}};
  for (const std::string& algorithm : algorithms_of(trials)) table.columns.push_back({algorithm, ColumnType::real});
  for (const BestOfK& entry : best_of_k(trials, options)) {
    std::vector<TableValue> row{static_cast<std::int64_t>(entry.k)};
    for (const double score : entry.scores) row.emplace_back(score);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table comparison_table(const Comparison& c) {
  Table table{{{"workload", ColumnType::text},
               {c.a, ColumnType::real},
               {c.b, ColumnType::real},
               {"speedup_low", ColumnType::real},
               {"speedup_high", ColumnType::real},
               {"interval_low", ColumnType::real},
               {"interval_high", ColumnType::real},
               {cat("pairs_won_by_", c.a), ColumnType::integer},
               {cat("pairs_won_by_", c.b), ColumnType::integer},
               {"ties", ColumnType::integer},
               {"p_value", ColumnType::real}},
              {}};
  const auto row = [&](const std::string& workload, TableValue a, TableValue b, Interval speedup, int won, int lost,
                       int ties) {
    table.rows.push_back({workload,
                          std::move(a),
                          std::move(b),
                          speedup.low,
                          speedup.high,
                          {},
                          {},
                          std::int64_t{won},
                          std::int64_t{lost},
                          std::int64_t{ties},
                          {}});
  };
  for (const WorkloadSpeedup& w : c.workloads) {
    row(w.workload, finite(w.time_a), finite(w.time_b), w.speedup, w.wins_a, w.wins_b, w.ties);
  }
  row("all (geometric mean)", {}, {}, c.speedup, c.wins_a, c.wins_b, c.ties);
  table.rows.back()[5] = c.interval.low;
  table.rows.back()[6] = c.interval.high;
  table.rows.back().back() = c.p_value;
  return table;
}

std::string verdict_sentence(const Comparison& c) {
  const std::string times = c.speedup.low == c.speedup.high ? rounded(c.speedup.low)
                            : c.speedup.high == not_reached ? cat("at least ", rounded(c.speedup.low))
                            : c.speedup.low == 0            ? cat("at most ", rounded(c.speedup.high))
                                                 : cat(rounded(c.speedup.low), " to ", rounded(c.speedup.high));
  return cat(c.a, " is ", times, " times as fast as ", c.b, " in ", name(c.clock), " (",
             std::lround(100 * c.bootstrap.level), " % interval ", rounded(c.interval.low), " to ",
             rounded(c.interval.high), "; study pairs won ", c.wins_a, " to ", c.wins_b,
             ", p = ", rounded(c.p_value, 2), "): ", name(c.verdict));
}

std::vector<std::string> notes(const Comparison& c) {
  std::vector<std::string> out = notes(c.left_out);
  if (!c.reached_by_neither.empty()) {
    out.push_back(cat("neither reached the target of ", join_words(c.reached_by_neither), ", which is left out"));
  }
  if (!c.only_one_ran.empty()) {
    out.push_back(cat("only one of the two has trials on ", join_words(c.only_one_ran), ", which is left out"));
  }
  if (c.coverage < c.bootstrap.level) {
    out.push_back(cat("with ", c.pairs, c.pairs == 1 ? " study" : " studies",
                      " of one workload the interval covers at most ", std::lround(100 * c.coverage),
                      " % of the time, not the nominal ", std::lround(100 * c.bootstrap.level), " %"));
  }
  if (c.pair_speedup.coverage > 0) {
    out.push_back(cat("half of the pairs of studies have a speedup above ", rounded(c.pair_speedup.estimate.low),
                      " (exact ", rounded(100 * c.pair_speedup.coverage, 3), " % interval of the sign test ",
                      rounded(c.pair_speedup.interval.low), " to ", rounded(c.pair_speedup.interval.high), ")"));
  }
  const int pairs = c.wins_a + c.wins_b;
  if (sign_test(pairs, 0) > 1 - c.bootstrap.level) {
    out.push_back(cat(pairs, pairs == 1 ? " decided pair" : " decided pairs",
                      " of studies cannot settle it at this level; more studies or workloads are needed"));
  }
  return out;
}

std::vector<std::string> notes(const Leaderboard& board) {
  std::vector<std::string> out;
  out.push_back(cat("times in ", name(board.options.clock), ", rules ", name(board.options.rules), ", r_max ",
                    board.options.r_max, "; ", std::lround(100 * board.bootstrap.level), " % intervals from ",
                    board.bootstrap.resamples, " resamples of the studies, seed ", board.bootstrap.seed));
  if (const std::string note = board.coverage_note(); !note.empty()) out.push_back(note);
  for (std::string& note : notes(board.table.left_out)) out.push_back(std::move(note));
  for (std::size_t w = 0; w < board.table.workloads.size(); ++w) {
    const bool reached =
        std::any_of(board.times.begin(), board.times.end(), [&](const auto& row) { return row[w].time < not_reached; });
    if (!reached) out.push_back(cat("no algorithm reached the target of ", board.table.workloads[w], " in the median"));
  }
  for (std::size_t s = 0; s < board.algorithms.size(); ++s) {
    std::vector<std::string> missing;
    for (std::size_t w = 0; w < board.times[s].size(); ++w) {
      if (board.times[s][w].studies == 0) missing.push_back(board.table.workloads[w]);
    }
    if (!missing.empty()) {
      out.push_back(cat(board.algorithms[s].algorithm, " has no finished trials on ", join_words(missing),
                        " and gets no credit there"));
    }
  }
  std::vector<std::string> pivots;
  for (const PoolChange& change : board.pool) {
    if (change.winner_changes) pivots.push_back(change.without);
  }
  if (!pivots.empty())
    out.push_back(cat("the winner changes when ", join_words(pivots, "or"), " is left out of the pool"));
  return out;
}

Summary summarize(const Race& race, const ScoreOptions& options, const BootstrapOptions& bootstrap) {
  Summary out;
  out.board = leaderboard(race.trials, options, bootstrap);
  out.times = time_table(race.trials, out.board);
  out.scores = score_table(out.board);
  out.notes = race.notes;
  for (std::string& note : notes(out.board)) out.notes.push_back(std::move(note));
  return out;
}

}  // namespace velo::analysis
