// analysis/reproduction.hpp
//
// Does a trial that was run again agree with the stored one? Bit for bit where seed, threads, instruction set and
// libraries are the same (results/diff.hpp decides that); elsewhere rounding differs, training amplifies the difference,
// and only the distribution can be asked for.
//
// Compared is y, the target metric on the validation split at the last step s that both evaluated.
//
//   siblings   S: the standard deviation, at step s, over the k stored runs that differ from the trial x in their seed
//              alone, the trial left out. If x, y and the siblings are draws from one normal distribution,
//              (y - x) / (S sqrt(2)) has Student's distribution with k - 1 degrees of freedom. Consistent when it lies
//              within the quantile at 1 - alpha/2. Needs k >= 3.
//   curve      with fewer siblings: the noise of the stored curve x(1), ..., x(m + 1) over the later half of the
//              evaluations up to s, from successive differences, sigma^2 = sum (x(i+1) - x(i))^2 / (2 m) (von Neumann et
//              al., Ann. Math. Stat. 12:153, 1941). What is left of the trend adds to it, so that it errs towards
//              consistent. y - x(s) has variance 2 sigma^2: consistent when |y - x(s)| <= t sqrt(2) sigma with m degrees
//              of freedom. Needs m >= 3.
//
// alpha = 0.01: one faithful repetition in a hundred is called inconsistent. Neither basis can call smaller a difference
// than rounding explains: |y - x(s)| <= eps sqrt(s) max(|x|, |y|), eps = 2^-24 in float32 and 2^-53 in float64 (a random
// walk of s rounding errors), is always consistent, so that runs without noise have a tolerance at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace velo::analysis {

inline constexpr double reproduction_alpha = 0.01;

enum class Agreement { consistent, inconsistent };
[[nodiscard]] std::string_view name(Agreement agreement);

struct Reproduction {
  Agreement agreement = Agreement::inconsistent;
  double stored = 0, again = 0;  ///< the metric, at `step`
  double centre = 0;             ///< what it is compared with
  double tolerance = 0;          ///< largest difference from the centre that is consistent
  std::int64_t step = 0;
  std::string basis;  ///< "siblings", "curve" or "rounding"
  std::size_t n = 0;  ///< values that the tolerance comes from
};

/// One evaluation of the target metric.
struct EvaluatedAt {
  std::int64_t step = 0;
  double value = 0;
};

/// `siblings`: whole curves of the stored runs that differ in seed alone, the stored one not among them. Curves are
/// ordered by step. Throws Error (exit code 4) when no evaluation is common, or neither basis has values enough.
[[nodiscard]] Reproduction reproduction(const std::vector<EvaluatedAt>& stored, const std::vector<EvaluatedAt>& again,
                                        const std::vector<std::vector<EvaluatedAt>>& siblings, double epsilon);

}  // namespace velo::analysis
