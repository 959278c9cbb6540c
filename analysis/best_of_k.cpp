#include "analysis/best_of_k.hpp"

#include <algorithm>
#include <limits>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

double median_of_fastest(std::vector<double> times, std::size_t k) {
  std::sort(times.begin(), times.end());
  const std::size_t n = times.size();
  double exceeds = 1;  // C(n - i, k) / C(n, k) after i factors
  for (std::size_t i = 0; i < n; ++i) {
    exceeds *= static_cast<double>(n - i) - static_cast<double>(k);
    exceeds /= static_cast<double>(n - i);
    if (exceeds <= 0.5) return times[i];
  }
  return times.back();
}

std::vector<BestOfK> best_of_k(const std::vector<TrialOutcome>& trials, const ScoreOptions& options) {
  for (const TrialOutcome& trial : trials) {
    if (trial.stopped_early()) {
      throw Error(cat("best-of-k needs trials that ran to their own end; ", trial.algorithm, " on ", trial.workload,
                      ", study ", trial.study, ", trial ", trial.trial, " was stopped because it was behind"));
    }
  }
  const StudyTable table = study_table(trials, options);
  const std::size_t workloads = table.base_count();
  const auto algorithm_of = [&](const TrialOutcome& trial) {
    return std::find(table.algorithms.begin(), table.algorithms.end(), trial.algorithm) - table.algorithms.begin();
  };
  std::vector<Times> all(table.algorithms.size(), Times(workloads));
  for (const TrialOutcome& trial : trials) {
    const auto w = static_cast<std::size_t>(std::find(table.workloads.begin(), table.workloads.end(), trial.workload) -
                                            table.workloads.begin());
    if (w >= workloads || !trial.measured()) continue;
    all[static_cast<std::size_t>(algorithm_of(trial))][w].push_back(trial.time(options.clock).or_infinity());
  }
  std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const Times& row : all) {
    for (const auto& times : row) {
      if (!times.empty()) most = std::min(most, times.size());
    }
  }
  std::vector<BestOfK> out;
  ScoreOptions plain = options;
  plain.rules = options.rules == Rules::velodrome ? Rules::velodrome : Rules::algoperf_v06;  // no held-out times here
  for (std::size_t k = 1; k <= most; ++k) {
    BestOfK entry{k, Times(all.size(), std::vector<double>(workloads, std::numeric_limits<double>::quiet_NaN())), {}};
    for (std::size_t s = 0; s < all.size(); ++s) {
      for (std::size_t w = 0; w < workloads; ++w) {
        if (!all[s][w].empty()) entry.times[s][w] = median_of_fastest(all[s][w], k);
      }
    }
    StudyTable base = table;
    base.workloads.resize(workloads);
    base.held_out_base.resize(workloads);
    entry.scores = scores(ratios(entry.times, base, plain), plain);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace velo::analysis
