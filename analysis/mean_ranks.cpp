#include "analysis/mean_ranks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/counter_random.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/parallel.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// Twice the midranks: whole numbers, so that sums of them compare exactly.
std::vector<std::int64_t> doubled_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<std::int64_t> out(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (std::size_t i = first; i < end; ++i) out[order[i]] = static_cast<std::int64_t>(first + 1 + end);
    first = end;
  }
  return out;
}

std::int64_t sum_of_squares(const std::vector<std::int64_t>& sums) {
  std::int64_t out = 0;
  for (const std::int64_t sum : sums) out += sum * sum;
  return out;
}

/// t(B)/t(A) as a log; both missed or equal: 0.
double log_ratio(double a, double b) { return a == b ? 0 : std::log(b) - std::log(a); }

/// Bars of the diagram: longest runs along `order` without a pair at or below alpha.
void find_groups(MeanRanks& out, double alpha) {
  const std::size_t k = out.order.size();
  out.groups.resize(k);
  std::size_t number = 0, reached = 0;  // reached: end of the last run
  for (std::size_t first = 0; first < k; ++first) {
    std::size_t end = first + 1;
    const auto fits = [&](std::size_t next) {
      for (std::size_t i = first; i < next; ++i)
        if (out.p_values[out.order[i]][out.order[next]] <= alpha) return false;
      return true;
    };
    while (end < k && fits(end)) ++end;
    if (end <= reached) continue;  // within the last run
    reached = end;
    ++number;
    for (std::size_t i = first; i < end; ++i) out.groups[out.order[i]].push_back(number);
  }
}

}  // namespace

std::vector<double> midranks(const std::vector<double>& values) {
  std::vector<double> out;
  for (const std::int64_t doubled : doubled_ranks(values)) out.push_back(static_cast<double>(doubled) / 2);
  return out;
}

Friedman friedman(const Times& times, const FriedmanOptions& options) {
  const std::size_t k = times.size();
  if (k < 2) throw Error("ranks compare two algorithms or more");
  const std::size_t n = times.front().size();
  if (n == 0) throw Error("ranks need at least one workload");
  if (options.permutations < 1) throw Error(cat("a permutation test needs permutations, not ", options.permutations));
  std::vector<std::vector<std::int64_t>> ranks;  // [workload][algorithm], doubled
  std::vector<std::int64_t> sums(k);
  double squares = 0;  // of ranks, not doubled
  for (std::size_t w = 0; w < n; ++w) {
    std::vector<double> column;
    for (const auto& row : times) column.push_back(row[w]);
    ranks.push_back(doubled_ranks(column));
    for (std::size_t s = 0; s < k; ++s) {
      sums[s] += ranks[w][s];
      squares += static_cast<double>(ranks[w][s] * ranks[w][s]) / 4;
    }
  }
  Friedman out;
  const auto workloads = static_cast<double>(n), algorithms = static_cast<double>(k);
  double spread = 0;
  for (const std::int64_t sum : sums) {
    out.mean_ranks.push_back(static_cast<double>(sum) / 2 / workloads);
    const double off = out.mean_ranks.back() - (algorithms + 1) / 2;
    spread += off * off;
  }
  const double free = squares - workloads * algorithms * (algorithms + 1) * (algorithms + 1) / 4;
  if (!(free > 0)) return out;  // all tied everywhere
  out.statistic = (algorithms - 1) * workloads * workloads * spread / free;
  // Ranks within a workload are permuted, so everything but the sum of squared rank sums stays.
  const std::int64_t observed = sum_of_squares(sums);
  std::vector<char> as_large(static_cast<std::size_t>(options.permutations));
  for_each_index(options.permutations, options.threads, [&](std::int64_t r) {
    CounterStream random(options.seed, static_cast<std::uint64_t>(r));
    std::vector<std::int64_t> drawn(k), shuffled;
    for (const auto& row : ranks) {
      shuffled = row;
      for (std::size_t i = k - 1; i > 0; --i)
        std::swap(shuffled[i], shuffled[random.below(static_cast<std::uint32_t>(i + 1))]);
      for (std::size_t s = 0; s < k; ++s) drawn[s] += shuffled[s];
    }
    as_large[static_cast<std::size_t>(r)] = sum_of_squares(drawn) >= observed ? 1 : 0;
  });
  const auto count = std::count(as_large.begin(), as_large.end(), 1);
  out.p_value = static_cast<double>(1 + count) / static_cast<double>(1 + options.permutations);
  return out;
}

double signed_rank_test(const std::vector<double>& differences) {
  std::vector<double> sizes;
  std::vector<bool> positive;
  for (const double d : differences) {
    if (d == 0) continue;
    sizes.push_back(std::abs(d));
    positive.push_back(d > 0);
  }
  if (sizes.empty()) return 1;
  const auto ranks = doubled_ranks(sizes);
  const std::int64_t all = std::accumulate(ranks.begin(), ranks.end(), std::int64_t{0});
  std::int64_t up = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) up += positive[i] ? ranks[i] : 0;
  // Probability of each sum when every sign is a fair coin.
  std::vector<double> chance(static_cast<std::size_t>(all) + 1);
  chance[0] = 1;
  std::size_t top = 0;
  for (const std::int64_t rank : ranks) {
    const auto step = static_cast<std::size_t>(rank);
    top += step;
    for (std::size_t sum = top + 1; sum-- > 0;)
      chance[sum] = (chance[sum] + (sum >= step ? chance[sum - step] : 0)) / 2;
  }
  const auto least = static_cast<std::size_t>(std::min(up, all - up));
  const double tail = std::accumulate(chance.begin(), chance.begin() + static_cast<std::ptrdiff_t>(least) + 1, 0.0);
  return std::min(1.0, 2 * tail);
}

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return p_values[i] < p_values[j]; });
  std::vector<double> out(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - i) * p_values[order[i]]));
    out[order[i]] = largest;
  }
  return out;
}

MeanRanks mean_ranks(const StudyTable& table, double level, const FriedmanOptions& options) {
  if (!(level > 0 && level < 1)) throw Error(cat("a level lies between 0 and 1, not at ", level));
  const std::size_t k = table.algorithms.size();
  const Times all = workload_times(table);
  MeanRanks out;
  Times times(k);
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    const bool complete =
        std::none_of(table.at.begin(), table.at.end(), [&](const auto& row) { return row[w].empty(); });
    (complete ? out.workloads : out.incomplete).push_back(table.workloads[w]);
    if (!complete) continue;
    for (std::size_t s = 0; s < k; ++s) times[s].push_back(all[s][w]);
  }
  if (out.workloads.empty() && k > 1)
    throw Error("there is no workload that all algorithms ran, so there are no ranks to compare",
                ExitCode::nothing_measured);
  out.test = friedman(times, options);
  std::vector<double> raw;
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = i + 1; j < k; ++j) {
      std::vector<double> differences;
      for (std::size_t w = 0; w < times[i].size(); ++w) differences.push_back(log_ratio(times[i][w], times[j][w]));
      raw.push_back(signed_rank_test(differences));
    }
  }
  const auto adjusted = holm(raw);
  out.smallest_p =
      std::min(1.0, static_cast<double>(raw.size()) * std::ldexp(1.0, 1 - static_cast<int>(out.workloads.size())));
  out.p_values.assign(k, std::vector<double>(k, 1));
  for (std::size_t i = 0, pair = 0; i < k; ++i)
    for (std::size_t j = i + 1; j < k; ++j, ++pair) out.p_values[i][j] = out.p_values[j][i] = adjusted[pair];
  out.order.resize(k);
  std::iota(out.order.begin(), out.order.end(), std::size_t{0});
  std::sort(out.order.begin(), out.order.end(), [&](std::size_t i, std::size_t j) {
    const auto& ranks = out.test.mean_ranks;
    return ranks[i] != ranks[j] ? ranks[i] < ranks[j] : table.algorithms[i] < table.algorithms[j];
  });
  find_groups(out, 1 - level);
  return out;
}

Answer mean_rank_answer(const StudyTable& table, const BootstrapOptions& options) {
  const FriedmanOptions how{.seed = options.seed, .threads = options.threads};
  const MeanRanks ranks = mean_ranks(table, options.level, how);
  Answer out{{{{"algorithm", ColumnType::text},
               {"mean_rank", ColumnType::real},
               {"groups", ColumnType::text},
               {"p_against_first", ColumnType::real},
               {"workloads", ColumnType::integer}},
              {}},
             {}};
  for (const std::size_t s : ranks.order) {
    std::string groups;
    for (const std::size_t number : ranks.groups[s]) groups += cat(groups.empty() ? "" : " ", number);
    const bool first = s == ranks.order.front();
    out.table.rows.push_back({table.algorithms[s], ranks.test.mean_ranks[s], groups,
                              first ? TableValue() : TableValue(ranks.p_values[ranks.order.front()][s]),
                              static_cast<std::int64_t>(ranks.workloads.size())});
  }
  const std::size_t pairs = table.algorithms.size() * (table.algorithms.size() - 1) / 2;
  out.notes.push_back(cat("Friedman chi2 ", rounded(ranks.test.statistic), ", p = ", rounded(ranks.test.p_value, 2),
                          " (", how.permutations, " permutations, seed ", how.seed,
                          "); pairs by the exact signed-rank test, ", pairs, pairs == 1 ? " p-value" : " p-values",
                          " adjusted by Holm; who shares a group cannot be told apart at ",
                          std::lround(100 * options.level), " %"));
  if (ranks.smallest_p > 1 - options.level)
    out.notes.push_back(cat(ranks.workloads.size(), ranks.workloads.size() == 1 ? " workload" : " workloads",
                            " cannot tell any of ", pairs, pairs == 1 ? " pair" : " pairs",
                            " apart: the smallest p there is, ", rounded(ranks.smallest_p, 2), ", is too large"));
  if (!ranks.incomplete.empty())
    out.notes.push_back(
        cat("not all algorithms ran ", join_words(ranks.incomplete), ", which is left out of the ranks"));
  return out;
}

}  // namespace velo::analysis
