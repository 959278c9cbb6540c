// analysis/until_decided.hpp
//
// Is the candidate faster than the baseline, asked again and again while studies come in? `velo run --until decided` runs
// studies until the answer is there, and this says when it is.
//
//   pair       study i of both: d_i = mean over workloads of log t(baseline, w, i) / t(candidate, w, i), the log of the
//              geometric-mean speedup. Both share initialisation, data order and seeds
//   looks      after n_1 < n_2 < ... studies, at all pairs so far, with alpha spent as analysis/sequential.hpp says; the
//              information fraction is the number of pairs over the largest number of studies
//   interval   the repeated confidence interval of the mean at that look: over all looks together it covers at the level,
//              whatever made us stop. Wider than the interval of one fixed sample, which would be too narrow here
//   decision   with margin m >= 0: faster when the interval lies above log(1 + m), slower when below -log(1 + m),
//              equivalent when inside (m > 0). All three follow from the one interval, so no more alpha is spent
//
// Missed targets: a study that missed took at least StudyTime::lower_bound(). It counts as that long, and never as
// faster than the other one's hit; both missed is no difference. Differences are then no larger than they were.
//
// Looks depend on the stored studies alone, and are gone through from the first one each time: asking again gives the same
// answer, and more studies go on from there. A study whose trials failed or were not run on a workload that both ran is
// no pair: it is counted, and a look without a new pair is no look.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/score.hpp"
#include "analysis/sequential.hpp"
#include "results/table.hpp"

namespace velo::analysis {

struct UntilOptions {
  std::string candidate, baseline;
  std::int64_t look_every = 4;    ///< studies
  std::int64_t max_studies = 24;  ///< the largest sample, by which looks are planned; the last look comes there
  double margin = 0;              ///< relative
  double level = 0.95;
  ScoreOptions score;

  /// Numbers of studies at which to look, up to `studies`: look_every, 2 look_every, ..., and max_studies.
  [[nodiscard]] std::vector<std::int64_t> looks(std::int64_t studies) const;
  /// Throws Error for meaningless ones.
  void check() const;
};

enum class Decision { go_on, faster, slower, equivalent, undecided };
[[nodiscard]] std::string name(Decision decision);

/// The log speedups of studies 0, ..., studies - 1, in their order.
struct StudyPairs {
  std::vector<double> log_speedups;
  std::size_t incomplete = 0;  ///< studies that are no pair
  std::size_t one_missed = 0;  ///< times on a workload at which one of the two missed
  std::size_t both_missed = 0;
};
[[nodiscard]] StudyPairs study_pairs(const StudyTable& two, std::int64_t studies);

struct LookTaken {
  std::int64_t studies = 0;
  std::size_t pairs = 0;
  SequentialAnswer answer;
  Decision decision = Decision::go_on;
};

struct UntilAnswer {
  UntilOptions options;
  std::vector<LookTaken> looks;
  StudyPairs pairs;  ///< at the last look
  Decision decision = Decision::go_on;
};

/// Goes through the looks at up to `studies` studies, and stops at the first that decides. `undecided` once max_studies
/// were seen, `go_on` before. Throws Error for meaningless options, as studies_of_two() does, and with exit code 5
/// when there is no workload that both ran.
[[nodiscard]] UntilAnswer judge_looks(const std::vector<TrialOutcome>& trials, const UntilOptions& options,
                                      std::int64_t studies);

/// One row per look: studies, pairs, speedup, its interval, p and what it had to reach, decision.
[[nodiscard]] Table look_table(const UntilAnswer& answer);
/// "muon is faster than adamw: 1.31 times in example-gradients (95 % interval over all looks 1.12 to 1.55) after 8 of at
/// most 24 studies, look 2".
[[nodiscard]] std::string decision_sentence(const UntilAnswer& answer);
/// What must be said beside it.
[[nodiscard]] std::vector<std::string> notes(const UntilAnswer& answer);

}  // namespace velo::analysis
