#include "analysis/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/counter_random.hpp"
#include "analysis/stochastic_order.hpp"
#include "results/error.hpp"
#include "results/parallel.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

std::vector<double> flat(const Strata& strata) {
  std::vector<double> all;
  for (const auto& stratum : strata) all.insert(all.end(), stratum.begin(), stratum.end());
  return all;
}

void check(const BootstrapOptions& options) {
  if (!(options.level > 0 && options.level < 1))
    throw Error(cat("a level lies between 0 and 1, not at ", options.level));
  if (options.resamples < 1) throw Error(cat("a bootstrap needs at least 1 resample, not ", options.resamples));
}

void draw(const std::vector<double>& from, CounterStream& random, std::vector<double>& out) {
  for (std::size_t i = 0; i < from.size(); ++i)
    out.push_back(from[random.below(static_cast<std::uint32_t>(from.size()))]);
}

/// Of `statistic(random)` in every resample.
template <typename Statistic>
Interval bootstrap(const BootstrapOptions& options, const Statistic& statistic) {
  check(options);
  std::vector<double> draws(static_cast<std::size_t>(options.resamples));
  for_each_index(options.resamples, options.threads, [&](std::int64_t b) {
    CounterStream random(options.seed, static_cast<std::uint64_t>(b));
    draws[static_cast<std::size_t>(b)] = statistic(random);
  });
  return percentile_interval(std::move(draws), options.level);
}

/// `a` in any order, `b` sorted.
double improvement_on_sorted(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (const double x : a) {
    const auto [equal, larger] = std::equal_range(b.begin(), b.end(), x);
    sum += static_cast<double>(b.end() - larger) + static_cast<double>(larger - equal) / 2;
  }
  return sum / (static_cast<double>(a.size()) * static_cast<double>(b.size()));
}

/// Times of both on the base workloads that both ran.
struct TimesOfTwo {
  Strata a, b;
  std::size_t pairs = 0;
};

TimesOfTwo times_of_two(const StudyTable& table, std::size_t a, std::size_t b) {
  TimesOfTwo out;
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    const auto &mine = table.at[a][w], &theirs = table.at[b][w];
    if (mine.empty() || theirs.empty()) continue;
    out.pairs += mine.size() * theirs.size();
    out.a.emplace_back();
    out.b.emplace_back();
    for (const StudyTime& study : mine) out.a.back().push_back(study.time);
    for (const StudyTime& study : theirs) out.b.back().push_back(study.time);
  }
  return out;
}

std::vector<std::size_t> largest_first(const std::vector<double>& values, const std::vector<std::string>& names) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    return values[i] != values[j] ? values[i] > values[j] : names[i] < names[j];
  });
  return order;
}

std::vector<std::size_t> by_iqm(const Speeds& speeds, const std::vector<std::string>& names) {
  std::vector<double> values;
  for (const Strata& strata : speeds.values) values.push_back(interquartile_mean(flat(strata)));
  return largest_first(values, names);
}

/// What every answer over relative speeds has to say.
std::vector<std::string> speed_notes(const StudyTable& table, const Speeds& speeds) {
  std::vector<std::string> out;
  if (!speeds.unsolved.empty())
    out.push_back(cat("no algorithm reached the target of ", join_words(speeds.unsolved),
                      " in the median, so there is no speed to compare with and it is left out"));
  for (std::size_t s = 0; s < table.algorithms.size(); ++s) {
    if (speeds.not_run[s] > 0)
      out.push_back(cat(table.algorithms[s], " has no finished trials on ", speeds.not_run[s], " of ",
                        speeds.workloads.size(), " workloads; they count as speed 0"));
  }
  return out;
}

std::string interval_note(const BootstrapOptions& options) {
  return cat(std::lround(100 * options.level), " % intervals from ", options.resamples,
             " resamples of the studies within each workload, seed ", options.seed,
             "; with three studies they cover less than that (analysis/aggregate.hpp)");
}

}  // namespace

double interquartile_mean(std::vector<double> values) {
  if (values.empty()) throw Error("an interquartile mean needs at least one value");
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::ptrdiff_t>(values.size() / 4);
  const double sum = std::accumulate(values.begin() + cut, values.end() - cut, 0.0);
  return sum / static_cast<double>(static_cast<std::ptrdiff_t>(values.size()) - 2 * cut);
}

Estimate interquartile_mean(const Strata& values, const BootstrapOptions& options) {
  return {interquartile_mean(flat(values)), bootstrap(options, [&](CounterStream& random) {
            std::vector<double> drawn;
            for (const auto& stratum : values) draw(stratum, random, drawn);
            return interquartile_mean(std::move(drawn));
          })};
}

double improvement(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) throw Error("a probability of improvement needs at least one study on each side");
  std::vector<double> sorted = b;
  std::sort(sorted.begin(), sorted.end());
  return improvement_on_sorted(a, sorted);
}

Estimate probability_of_improvement(const Strata& a, const Strata& b, const BootstrapOptions& options) {
  if (a.size() != b.size() || a.empty())
    throw Error(cat("a probability of improvement compares the same workloads, one or more, not ", a.size(), " with ",
                    b.size()));
  const auto count = static_cast<double>(a.size());
  double value = 0;
  for (std::size_t w = 0; w < a.size(); ++w) value += improvement(a[w], b[w]) / count;
  return {value, bootstrap(options, [&](CounterStream& random) {
            double sum = 0;
            std::vector<double> mine, theirs;
            for (std::size_t w = 0; w < a.size(); ++w) {
              mine.clear();
              theirs.clear();
              draw(a[w], random, mine);
              draw(b[w], random, theirs);
              std::sort(theirs.begin(), theirs.end());
              sum += improvement_on_sorted(mine, theirs);
            }
            return sum / count;
          })};
}

Speeds relative_speeds(const StudyTable& table) {
  const Times times = workload_times(table);
  const std::size_t algorithms = table.algorithms.size();
  Speeds out;
  out.values.resize(algorithms);
  out.missed.resize(algorithms);
  out.not_run.resize(algorithms);
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    double fastest = not_reached;
    std::size_t studies = 0;
    for (std::size_t s = 0; s < algorithms; ++s) {
      if (times[s][w] < fastest) fastest = times[s][w];
      studies = std::max(studies, table.at[s][w].size());
    }
    if (fastest == not_reached) {
      out.unsolved.push_back(table.workloads[w]);
      continue;
    }
    out.workloads.push_back(table.workloads[w]);
    for (std::size_t s = 0; s < algorithms; ++s) {
      auto& values = out.values[s].emplace_back();
      // Equal times are the speed 1 even where both are 0.
      for (const StudyTime& study : table.at[s][w])
        values.push_back(study.time == fastest ? 1 : study.time < not_reached ? fastest / study.time : 0);
      if (values.empty()) {
        values.assign(studies, 0);
        ++out.not_run[s];
      }
      for (const StudyTime& study : table.at[s][w]) out.missed[s] += study.time == not_reached;
    }
  }
  if (out.workloads.empty())
    throw Error("no algorithm reached any target in the median, so there are no relative speeds",
                ExitCode::nothing_measured);
  return out;
}

Answer iqm_answer(const StudyTable& table, const BootstrapOptions& options) {
  const Speeds speeds = relative_speeds(table);
  Answer out{{{{"algorithm", ColumnType::text},
               {"iqm_speed", ColumnType::real},
               {"low", ColumnType::real},
               {"high", ColumnType::real},
               {"workloads", ColumnType::integer},
               {"studies", ColumnType::integer},
               {"missed", ColumnType::integer}},
              {}},
             {cat("interquartile means of speeds relative to the fastest median; ", interval_note(options))}};
  for (const std::size_t s : by_iqm(speeds, table.algorithms)) {
    const Estimate iqm = interquartile_mean(speeds.values[s], options);
    std::size_t studies = 0;
    for (std::size_t w = 0; w < table.base_count(); ++w)
      if (std::find(speeds.unsolved.begin(), speeds.unsolved.end(), table.workloads[w]) == speeds.unsolved.end())
        studies += table.at[s][w].size();
    out.table.rows.push_back({table.algorithms[s], iqm.value, iqm.interval.low, iqm.interval.high,
                              whole(speeds.workloads.size() - speeds.not_run[s]), whole(studies),
                              whole(speeds.missed[s])});
  }
  for (std::string& note : speed_notes(table, speeds)) out.notes.push_back(std::move(note));
  return out;
}

Answer improvement_answer(const StudyTable& table, const BootstrapOptions& options) {
  const Speeds speeds = relative_speeds(table);
  Answer out{
      {{{"algorithm", ColumnType::text},
        {"against", ColumnType::text},
        {"probability", ColumnType::real},
        {"low", ColumnType::real},
        {"high", ColumnType::real},
        {"workloads", ColumnType::integer},
        {"pairs", ColumnType::integer}},
       {}},
      {cat("probability that a study of the first is faster than one of the second, mean over the workloads that "
           "both ran, equal times and common misses one half; ",
           interval_note(options))}};
  const auto order = by_iqm(speeds, table.algorithms);
  bool certain = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      const TimesOfTwo times = times_of_two(table, order[i], order[j]);
      if (times.pairs == 0) {
        out.notes.push_back(cat(table.algorithms[order[i]], " and ", table.algorithms[order[j]],
                                " have no workload in common and are not compared"));
        continue;
      }
      const Estimate p = probability_of_improvement(times.a, times.b, options);
      certain = certain || p.interval.low == p.interval.high;
      out.table.rows.push_back({table.algorithms[order[i]], table.algorithms[order[j]], p.value, p.interval.low,
                                p.interval.high, whole(times.a.size()), whole(times.pairs)});
    }
  }
  if (certain)
    out.notes.emplace_back(
        "an interval without width says that every resample agreed, as few studies easily do; it is no certainty");
  return out;
}

Answer order_answer(const StudyTable& table, const BootstrapOptions& options) {
  const Speeds speeds = relative_speeds(table);
  const OrderOptions how{.resamples = options.resamples, .seed = options.seed, .level = options.level};
  Answer out{
      {{{"algorithm", ColumnType::text},
        {"against", ColumnType::text},
        {"almost_better", ColumnType::text},
        {"violation", ColumnType::real},
        {"limit", ColumnType::real},
        {"published_limit", ColumnType::real},
        {"workloads", ColumnType::integer},
        {"values", ColumnType::integer},
        {"values_against", ColumnType::integer}},
       {}},
      {cat("almost stochastic order of speeds relative to the fastest median, a missed target being 0; better when "
           "the upper ",
           std::lround(100 * options.level), " % limit of the violation is below 0.5, from ", options.resamples,
           " resamples, seed ", options.seed, "; no correction for the number of pairs")}};
  const auto order = by_iqm(speeds, table.algorithms);
  for (const std::size_t i : order) {
    for (const std::size_t j : order) {
      if (i == j) continue;
      std::vector<double> mine, theirs;  // negative speeds: smaller is better there
      std::size_t common = 0;
      for (std::size_t w = 0, at = 0; w < table.base_count(); ++w) {
        if (at == speeds.workloads.size() || table.workloads[w] != speeds.workloads[at]) continue;
        if (!table.at[i][w].empty() && !table.at[j][w].empty()) {
          ++common;
          for (const double v : speeds.values[i][at]) mine.push_back(-v);
          for (const double v : speeds.values[j][at]) theirs.push_back(-v);
        }
        ++at;
      }
      if (common == 0) continue;
      const StochasticOrder answer = almost_stochastic_order(mine, theirs, how);
      out.table.rows.push_back({table.algorithms[i], table.algorithms[j], answer.better ? "yes" : "no",
                                answer.violation, answer.limit, answer.published, whole(common), whole(mine.size()),
                                whole(theirs.size())});
    }
  }
  if (!speeds.unsolved.empty()) out.notes.push_back(speed_notes(table, speeds).front());
  return out;
}

}  // namespace velo::analysis
