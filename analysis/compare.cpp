#include "analysis/compare.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/counter_random.hpp"
#include "results/error.hpp"
#include "results/parallel.hpp"
#include "results/text.hpp"

namespace velo::analysis {

std::string name(Verdict verdict) {
  switch (verdict) {
    case Verdict::faster:
      return "faster";
    case Verdict::slower:
      return "slower";
    case Verdict::inconclusive:
      return "inconclusive";
  }
  return {};
}

double sign_test(int wins, int losses) {
  const int n = wins + losses;
  if (n == 0) return 1;
  double tail = 0;
  for (int k = std::max(wins, losses); k <= n; ++k) {
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

namespace {

using Studies = std::vector<StudyTime>;

/// The studies of both on one workload.
struct Pair {
  std::string workload;
  Studies a, b;
};

struct MedianBounds {
  double low, high;
};

MedianBounds median_bounds(const Studies& studies, const std::vector<std::uint32_t>& draw) {
  std::vector<double> low, high;
  for (const auto i : draw) {
    low.push_back(studies[i].lower_bound());
    high.push_back(studies[i].time);
  }
  return {median(low), median(high)};
}

std::vector<std::uint32_t> all_of(const Studies& studies) {
  std::vector<std::uint32_t> draw(studies.size());
  for (std::uint32_t i = 0; i < draw.size(); ++i) draw[i] = i;
  return draw;
}

std::vector<std::uint32_t> drawn(std::size_t studies, CounterStream random) {
  std::vector<std::uint32_t> draw(studies);
  for (auto& i : draw) i = random.below(static_cast<std::uint32_t>(studies));
  return draw;
}

/// The ratio t(B)/t(A) lies between these; both missing the target says nothing.
Interval ratio_bounds(MedianBounds a, MedianBounds b) {
  return {a.high < not_reached ? b.low / a.high : 0, b.high < not_reached ? b.high / a.low : not_reached};
}

/// Geometric means of lower and of upper ends. A zero or an infinity takes over, as it should.
Interval geometric_mean(const std::vector<Interval>& ratios) {
  double low = 0, high = 0;
  for (const Interval& ratio : ratios) {
    low += std::log(ratio.low);
    high += std::log(ratio.high);
  }
  const auto count = static_cast<double>(ratios.size());
  return {std::exp(low / count), std::exp(high / count)};
}

void count_pairs(const Pair& pair, WorkloadSpeedup& out) {
  for (const StudyTime& a : pair.a) {
    for (const StudyTime& b : pair.b) {
      if (a.study != b.study || (a.time == not_reached && b.time == not_reached)) continue;
      out.wins_a += a.time < b.time;
      out.wins_b += b.time < a.time;
      out.ties += a.time == b.time;
    }
  }
}

/// The ratio t(B)/t(A) of every pair of studies, within bounds.
std::vector<Interval> pair_ratios(const std::vector<Pair>& pairs) {
  std::vector<Interval> out;
  for (const Pair& pair : pairs) {
    for (const StudyTime& a : pair.a) {
      for (const StudyTime& b : pair.b) {
        if (a.study == b.study) out.push_back(ratio_bounds({a.lower_bound(), a.time}, {b.lower_bound(), b.time}));
      }
    }
  }
  return out;
}

Interval bootstrap_interval(const std::vector<Pair>& pairs, const Comparison& comparison) {
  const BootstrapOptions& options = comparison.bootstrap;
  std::vector<double> low(static_cast<std::size_t>(options.resamples)), high(low.size());
  for_each_index(options.resamples, options.threads, [&](std::int64_t r) {
    std::vector<Interval> ratios;
    for (std::size_t w = 0; w < pairs.size(); ++w) {
      const std::uint64_t stream = static_cast<std::uint64_t>(r) << 32 | 2 * w;
      const auto draw_a = drawn(pairs[w].a.size(), CounterStream(options.seed, stream));
      const auto draw_b =
          comparison.paired ? draw_a : drawn(pairs[w].b.size(), CounterStream(options.seed, stream + 1));
      ratios.push_back(ratio_bounds(median_bounds(pairs[w].a, draw_a), median_bounds(pairs[w].b, draw_b)));
    }
    const Interval mean = geometric_mean(ratios);
    low[static_cast<std::size_t>(r)] = mean.low;
    high[static_cast<std::size_t>(r)] = mean.high;
  });
  return {percentile_interval(low, options.level).low, percentile_interval(high, options.level).high};
}

/// Sorts the base workloads into those that can be compared and those that cannot.
std::vector<Pair> pairs_of(const StudyTable& table, Comparison& out) {
  const auto& a = table.at[position_of(table.algorithms, out.a)];
  const auto& b = table.at[position_of(table.algorithms, out.b)];
  std::vector<Pair> pairs;
  for (std::size_t w = 0; w < table.base_count(); ++w) {
    if (a[w].empty() && b[w].empty()) continue;
    if (a[w].empty() || b[w].empty()) {
      out.only_one_ran.push_back(table.workloads[w]);
      continue;
    }
    const MedianBounds time_a = median_bounds(a[w], all_of(a[w])), time_b = median_bounds(b[w], all_of(b[w]));
    if (time_a.high == not_reached && time_b.high == not_reached) {
      out.reached_by_neither.push_back(table.workloads[w]);
      continue;
    }
    pairs.push_back({table.workloads[w], a[w], b[w]});
    WorkloadSpeedup speedup;
    speedup.workload = table.workloads[w];
    speedup.time_a = time_a.high;
    speedup.time_b = time_b.high;
    speedup.speedup = ratio_bounds(time_a, time_b);
    count_pairs(pairs.back(), speedup);
    out.workloads.push_back(speedup);
  }
  return pairs;
}

}  // namespace

bool same_studies(const std::vector<StudyTime>& a, const std::vector<StudyTime>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StudyTime& x, const StudyTime& y) { return x.study == y.study; });
}

std::size_t position_of(const std::vector<std::string>& labels, const std::string& label) {
  const auto place = std::find(labels.begin(), labels.end(), label);
  if (place == labels.end()) {
    throw Error(cat("there are no results of '", label, "'; there are results of ", join_words(labels),
                    did_you_mean(label, labels)));
  }
  return static_cast<std::size_t>(place - labels.begin());
}

StudyTable studies_of_two(const std::vector<TrialOutcome>& trials, const std::string& a, const std::string& b,
                          const ScoreOptions& options) {
  const auto labels = algorithms_of(trials);
  (void)position_of(labels, a);
  (void)position_of(labels, b);
  std::vector<TrialOutcome> both;
  std::copy_if(trials.begin(), trials.end(), std::back_inserter(both),
               [&](const TrialOutcome& trial) { return trial.algorithm == a || trial.algorithm == b; });
  return study_table(both, options);
}

Comparison compare(const std::vector<TrialOutcome>& trials, const std::string& a, const std::string& b,
                   const ScoreOptions& options, const BootstrapOptions& bootstrap) {
  Comparison out;
  out.a = a;
  out.b = b;
  out.clock = options.clock;
  out.bootstrap = bootstrap;
  const StudyTable table = studies_of_two(trials, a, b, options);
  out.left_out = table.left_out;
  const std::vector<Pair> pairs = pairs_of(table, out);
  if (pairs.empty()) {
    throw Error(cat("there is no workload on which ", a, " or ", b, " reached the target and both ran"),
                ExitCode::nothing_measured);
  }
  out.paired = std::all_of(pairs.begin(), pairs.end(), [](const Pair& pair) { return same_studies(pair.a, pair.b); });
  std::vector<Interval> ratios;
  for (const WorkloadSpeedup& workload : out.workloads) {
    ratios.push_back(workload.speedup);
    out.wins_a += workload.wins_a;
    out.wins_b += workload.wins_b;
    out.ties += workload.ties;
  }
  out.speedup = geometric_mean(ratios);
  out.interval = bootstrap_interval(pairs, out);
  if (out.paired && pairs.size() == 1) out.coverage = attainable_coverage(pairs.front().a.size());
  const auto ratios_of_pairs = pair_ratios(pairs);
  out.pairs = static_cast<int>(ratios_of_pairs.size());
  if (out.pairs > 0) out.pair_speedup = sign_interval(ratios_of_pairs, bootstrap.level);
  out.p_value = sign_test(out.wins_a, out.wins_b);
  const bool decided = out.p_value <= 1 - bootstrap.level;
  if (decided && out.interval.low > 1 && out.wins_a > out.wins_b) out.verdict = Verdict::faster;
  if (decided && out.interval.high < 1 && out.wins_b > out.wins_a) out.verdict = Verdict::slower;
  return out;
}

}  // namespace velo::analysis
