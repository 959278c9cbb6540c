// analysis/gate/quality.hpp
//
// The quality verdict: how many steps an algorithm needs to the target on a workload, over planned seeds, against what
// the baseline stored. The test is analysis/equivalence.hpp's under Burden::zero:
//
//   regressed     the estimated speedup is worse than the margin (magnitude) and the interval excludes no difference
//                 (significance), at level 1 - alpha / cases (Bonferroni), so that a gate whose cases all have no
//                 difference calls one of them improved or regressed with probability <= alpha
//   improved      the mirror image
//   equivalent    the interval at 1 - 2 alpha lies within the margin, for every case at its own level: all have to
//                 pass, which needs no correction (intersection-union: Berger, Technometrics 24:295, 1982)
//   inconclusive  neither
//
// The interval shown is the one that decided: at 1 - 2 alpha where the verdict is equivalent, else the corrected one.
//
// Pairs: where candidate and baseline have the same root seed and studies, study i of both shares initialisation, data
// order and the algorithm's stream, and differences are taken within pairs; under other seeds the test is unpaired.
//
// The smallest effect the planned seeds see (80 % probability, Student, analysis/power.hpp) rests on the stored spread
// within the case, sqrt(2) of it for a difference: what an unpaired test sees, and a bound for what pairs see.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/gate/verdict.hpp"
#include "analysis/outcomes.hpp"

namespace velo::analysis {

struct QualityStudy {
  std::int64_t study = 0;
  CensoredTime time;
};

/// What is measured, and stored, of one workload and algorithm.
struct QualityValue {
  std::string workload;  ///< with its variant
  std::string label;     ///< of the algorithm's entry
  std::string protocol;  ///< digest of what was asked: targets, budget, cadence, parameters as given, data; no seeds
  std::uint64_t root_seed = 0;
  std::vector<QualityStudy> studies;  ///< ordered by number
  std::string metric;
  bool higher_is_better = false;
  std::optional<double> target;
  GateCurve curve;  ///< median of the metric over studies

  [[nodiscard]] std::string name() const { return workload + "/" + label; }
  /// Geometric mean of the times that reached the target; NaN for none.
  [[nodiscard]] double value() const;
  /// Standard deviation of the log times; what missed the target counts with what it certainly exceeds (power.hpp). 0
  /// where it is unknown.
  [[nodiscard]] double spread() const;
  [[nodiscard]] std::size_t missed() const;
};

struct QualityOptions {
  double margin = 0.1;  ///< > 0, a fraction
  double level = 0.95;
  std::size_t cases = 1;  ///< of the gate, for Bonferroni
};

/// Candidate against baseline; inconclusive where they were asked for different things.
[[nodiscard]] GateCase judge_quality(const QualityValue& candidate, const QualityValue& baseline,
                                     const QualityOptions& options);

/// The smallest effect that `n` seeds a side see with 80 % probability, as a fraction.
[[nodiscard]] double visible_effect(double spread, std::size_t n, const QualityOptions& options);

}  // namespace velo::analysis
