// analysis/score.hpp
//
// From trials to a score.
//
//   study time       smallest time-to-result of the study's trials, infinite if none reached the target
//   workload time    median over the studies; with an even number the mean of the middle two, so infinite as soon as
//                    one of them is
//   ratio            r(s, w) = t(s, w) / min over algorithms of t(., w); equal times share r = 1
//   profile          rho_s(tau) = share of the workloads with r(s, w) <= tau          (Dolan and More, 2002)
//   score            1 / (r_max - 1) * integral of rho_s over [1, r_max], r_max = 4    (Dahl et al., 2023,
//                    arXiv:2306.07179; Kasimbeg et al., 2025, arXiv:2502.15015)
//
// The integral is exact by default, mean over workloads of (r_max - r)/(r_max - 1) where r <= r_max; AlgoPerf's program
// takes a trapezoid rule over 100 points, which differs by at most 1/198 per workload. The number of workloads is that
// of the pool, whether or not somebody solved each.
//
// Rules:
//   velodrome       exact integral, smallest time
//   algoperf-v0.5   trapezoid; a trial is selected in each study by the index of its first hit, then by order; times
//                   above 4 times the fastest count as not reached, and so does a base workload whose held-out variant
//                   was not reached, or not within 4 times its fastest
//   algoperf-v0.6   trapezoid, without held-out variants
//
// A score depends on the whole pool: see pool sensitivity in analysis/bootstrap.hpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analysis/outcomes.hpp"

namespace velo::analysis {

enum class Rules { velodrome, algoperf_v05, algoperf_v06 };
enum class Selection {
  min_time,          ///< the fastest trial of the study (the written rule)
  first_evaluation,  ///< the trial that hit at the smallest evaluation index (what AlgoPerf's program does)
};
enum class Integral { exact, trapezoid };

[[nodiscard]] std::string name(Rules rules);
/// Throws Error on an unknown name, with the nearest one.
[[nodiscard]] Rules rules_from(const std::string& text);

struct ScoreOptions {
  Clock clock = Clock::example_gradients;
  Rules rules = Rules::velodrome;
  double r_max = 4;                    ///< > 1: end of the integral, and cut-off of the AlgoPerf rules
  std::optional<Selection> selection;  ///< default: by the rules
  std::optional<Integral> integral;    ///< default: by the rules
  Overrides overrides;

  [[nodiscard]] Selection select() const;
  [[nodiscard]] Integral integrate() const;
};

/// The time of one study, and the trials it came from.
struct StudyTime {
  std::int64_t study = 0;
  double time = not_reached;  ///< infinite: no trial reached the target
  double watched = 0;         ///< when not reached: the time it certainly exceeds (see lower_bound below)
  std::size_t trials = 0, hits = 0;
  std::size_t best = 0;  ///< index into the trials of the outcome that counts

  /// A time the study surely needs: its time when reached; else the shortest time for which a trial that did not break
  /// down was watched; the longest time anybody was watched on the workload when all broke down.
  [[nodiscard]] double lower_bound() const { return time < not_reached ? time : watched; }
};

/// Trials that study times do not count, or not as times.
struct LeftOut {
  std::size_t unmeasured = 0;      ///< that failed or were cut off
  std::size_t unscored = 0;        ///< of workloads that play no part in scores
  std::size_t without_target = 0;  ///< of workloads that have none
  std::size_t broke_down = 0;      ///< (diverged, nan, oom) before the target: they count as never reaching it
};

/// One sentence for each reason that occurs.
[[nodiscard]] std::vector<std::string> notes(const LeftOut& left_out);

/// Study times of every (algorithm, workload), the held-out workloads after the base ones.
struct StudyTable {
  std::vector<std::string> algorithms;
  std::vector<std::string> workloads;
  std::vector<std::size_t> held_out_base;               ///< per workload: index of its base, own index for a base one
  std::vector<std::vector<std::vector<StudyTime>>> at;  ///< [algorithm][workload][study]; empty: no trial
  LeftOut left_out;

  [[nodiscard]] std::size_t base_count() const;
};

/// Groups trials into studies. Throws Error where the trials may not be compared (require_comparable), and when there
/// is nothing measured (exit code 5). Workloads that play no part in scores or have no target (time-to-result undefined)
/// are left out and counted.
[[nodiscard]] StudyTable study_table(const std::vector<TrialOutcome>& trials, const ScoreOptions& options);

/// Workload times t(s, w): [algorithm][workload]; NaN where there is no trial at all.
using Times = std::vector<std::vector<double>>;

/// Median over studies; NaN for none, infinite when the median is not reached.
[[nodiscard]] double median(std::vector<double> values);
/// The same, sorting `values` in place.
[[nodiscard]] double median_of(std::vector<double>& values);
[[nodiscard]] Times workload_times(const StudyTable& table);

/// Ratios r(s, w) over the base workloads after the rules were applied; infinite = no credit.
[[nodiscard]] Times ratios(const Times& times, const StudyTable& table, const ScoreOptions& options);
/// Scores from ratios: one per algorithm, in [0, 1].
[[nodiscard]] std::vector<double> scores(const Times& ratios, const ScoreOptions& options);
/// Share of the workloads with ratio <= tau.
[[nodiscard]] double profile(const std::vector<double>& ratios_of_one, double tau);
/// Credit of one workload for a ratio: what it adds to the score before the mean.
[[nodiscard]] double credit(double ratio, double r_max, Integral integral);

/// Places from 1; equal scores share the better place.
[[nodiscard]] std::vector<int> ranks(const std::vector<double>& scores);

}  // namespace velo::analysis
