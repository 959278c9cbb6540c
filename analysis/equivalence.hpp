// analysis/equivalence.hpp
//
// Has anything changed that matters? Candidate against baseline, with a margin below which a difference is none.
//
//   log speedup      d = ln t(baseline) - ln t(candidate); above 0: the candidate is faster. Natural logarithms throughout
//   margin           m, as a fraction: speedups between 1/(1 + m) and 1 + m count as no difference; delta = ln(1 + m)
//   equivalent       the interval of d at 1 - 2 alpha lies within (-delta, delta): two one-sided tests at alpha
//                    (TOST: Schuirmann, J. Pharmacokinet. Biopharm. 15:657, 1987; the interval form is Westlake's)
//   regressed        Burden::margin  the interval at 1 - alpha lies below -delta: shown to be worse by more than the margin
//                    Burden::zero    the estimate lies below -delta and the interval below 0: magnitude and significance
//   improved         the mirror image
//   inconclusive     none of these; `reason` says what is missing
//
// Error rates, alpha = 1 - level. If the true difference is the margin or more, `equivalent` has probability <= alpha.
// If it lies within the margin, `improved` and `regressed` together have <= alpha under Burden::margin (three-sided
// testing: Goeman, Solari and Stijnen, Stat. Med. 29:2117, 2010, who split alpha over the sides as here). Under
// Burden::zero that bound holds for no difference at all; just inside the margin it is one half.
//
// Intervals
//   student  paired: mean of the d_i -+ t_{n-1} s / sqrt(n). Unpaired: Welch (1947), degrees of freedom
//            by Satterthwaite (1946). Several workloads: the mean over workloads of their means, the variances summed,
//            degrees of freedom by Satterthwaite. Exact for normal log times (paired, one workload), else close.
//   ranks    where a target was missed. Such a study needs at least the time for which it was watched, so its d is known
//            within bounds. Paired: order statistics of the Walsh averages; unpaired: of the differences
//            (Hodges and Lehmann, 1963; Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods", 2014), from
//            the exact null distributions, the lower limit from the least possible d and the upper from the
//            greatest. Both limits grow with every d, which keeps the level whatever the unknown values are. Exact for
//            distributions of d that are symmetric (paired) or shifted copies (unpaired). With fewer than 5 pairs no
//            interval at 0.9 exists, with fewer than 6 none at 0.95: the limits are then infinite.
//
// A time to the result moves in steps of the evaluation cadence: where cadence / time is not small against the margin,
// equal times say less than they seem to, and a spread of 0 means only that it is below that resolution.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "analysis/score.hpp"
#include "results/table.hpp"

namespace velo::analysis {

enum class Standing { improved, equivalent, regressed, inconclusive };
[[nodiscard]] std::string name(Standing standing);

/// What `improved` and `regressed` have to show; see above.
enum class Burden { margin, zero };

struct EquivalenceOptions {
  double margin = 0.05;  ///< > 0, a fraction
  double level = 0.95;   ///< 1 - alpha, in (0.5, 1)
  Burden burden = Burden::margin;
};

enum class IntervalMethod { student, ranks };
[[nodiscard]] std::string name(IntervalMethod method);

struct EquivalenceTest {
  Standing standing = Standing::inconclusive;
  IntervalMethod method = IntervalMethod::student;
  bool paired = true;
  std::size_t pairs = 0;   ///< of studies; unpaired: the smaller number of studies
  std::size_t missed = 0;  ///< studies, of either side, that missed the target
  Interval estimate;   ///< of d: mean (student) or Hodges-Lehmann (ranks); low < high only where targets were missed
  Interval interval;   ///< of d at `level`
  Interval inner;      ///< of d at 1 - 2 alpha: the one that decides equivalence
  double freedom = 0;  ///< degrees of freedom of Student's t; 0 for ranks
  std::string reason;  ///< of an inconclusive answer, a sentence
};

/// From the d of pairs; a pair in which somebody missed the target has d known only to lie in [low, high], either of
/// which may be infinite. Inconclusive with fewer than two pairs. Throws Error for meaningless options.
[[nodiscard]] EquivalenceTest equivalence_paired(const std::vector<Interval>& log_speedups,
                                                 const EquivalenceOptions& options = {});

/// From the log times of independent studies, [low, infinite] for one that missed the target.
[[nodiscard]] EquivalenceTest equivalence_unpaired(const std::vector<Interval>& candidate,
                                                   const std::vector<Interval>& baseline,
                                                   const EquivalenceOptions& options = {});

struct WorkloadEquivalence {
  std::string workload;
  double candidate = not_reached, baseline = not_reached;  ///< median study times
  EquivalenceTest test;
};

/// A race of two, judged workload by workload and as a whole.
struct EquivalenceReport {
  std::string candidate, baseline;
  Clock clock = Clock::example_gradients;
  EquivalenceOptions options;
  std::vector<WorkloadEquivalence> workloads;  ///< those that both ran and at least one reached
  std::vector<std::string> reached_by_neither, only_one_ran;
  LeftOut left_out;  ///< of the trials of the two
  /// Of the mean over workloads; the workload's own where there is one. Where a target was missed there is no interval of
  /// the mean, and the workloads decide: regressed if one is at 1 - alpha / workloads, equivalent if all are, improved
  /// if one is (at 1 - alpha / workloads) and the others are equivalent.
  EquivalenceTest overall;
};

/// Studies of the same number are pairs where both have the same numbers (they share initialisation, data order and
/// seeds); else the test is unpaired. Throws Error as studies_of_two() does, and with exit code 5 when no workload was
/// reached by either.
[[nodiscard]] EquivalenceReport equivalence(const std::vector<TrialOutcome>& trials, const std::string& candidate,
                                            const std::string& baseline, const ScoreOptions& score = {},
                                            const EquivalenceOptions& options = {});

/// One row per workload, the whole race last where there are several: times, speedup, both intervals, verdict.
[[nodiscard]] Table equivalence_table(const EquivalenceReport& report);
/// "adam2 against adam, margin 5 %: regressed (speedup 0.91, 95 % interval 0.88 to 0.94, 5 pairs of studies)".
[[nodiscard]] std::string verdict_sentence(const EquivalenceReport& report);
/// What must be said beside it.
[[nodiscard]] std::vector<std::string> notes(const EquivalenceReport& report);

/// A fraction from "5%", "5 %" or "0.05"; throws Error naming `what` unless it is positive.
[[nodiscard]] double fraction_from(const std::string& text, const std::string& what);

}  // namespace velo::analysis
