// analysis/sequential.hpp
//
// Looking at the data while they come in, without paying for it in false alarms. A group-sequential test looks K times, at
// information fractions t_1 < ... < t_K = 1 of the largest sample, and stops at the first look at which |Z_k| reaches c_k.
//
//   spending    on each side alpha_1(t) = 2 - 2 Phi(z_{alpha/4} / sqrt(t)), next to nothing early and alpha/2 at the end
//               (O'Brien-Fleming-type; Lan and DeMets, Biometrika, 1983, for one side at alpha/2; two
//               sides as in DeMets and Lan, Stat. Med. 13:1341, 1994); alpha*(t) = 2 alpha_1(t)
//   boundaries  c_k from P(|Z_1| < c_1, ..., |Z_{k-1}| < c_{k-1}, |Z_k| >= c_k) = alpha*(t_k) - alpha*(t_{k-1}), where
//               Z_k sqrt(t_k) is a Brownian motion at t_k. Density carried from look to look by numerical integration
//               (Armitage, McPherson and Rowe, JRSS A 132:235, 1969; Jennison and Turnbull, "Group Sequential
//               Methods", 2000)
//
// Neither the number of looks nor their times need be known beforehand, only the largest sample: boundaries up to look k
// depend on t_1, ..., t_k alone. They must not be chosen by what was seen.
//
// Unknown variance: the boundary is kept as a nominal level, p_k = 2 - 2 Phi(c_k), and compared with the p of Student's
// test at that look (as Jennison and Turnbull do). By simulation (tests/analysis/sequential_test.cpp) the false
// alarms of looks at 4, 8, 12, 16 and 20 pairs are the planned 0.05 within 0.005. Sign tests are discrete and stay below.
#pragma once

#include <cstddef>
#include <vector>

#include "analysis/bootstrap.hpp"

namespace velo::analysis {

/// alpha*(t): what may have been spent of a two-sided alpha at information fraction t in [0, 1].
[[nodiscard]] double spent(double t, double alpha);

struct SequentialPlan {
  double level = 0.95;             ///< 1 - alpha over all looks together
  std::vector<double> fractions;   ///< t_k
  std::vector<double> boundaries;  ///< c_k, of |Z|
  std::vector<double> nominal;     ///< p_k: a look decides when its two-sided p is at most this
};

/// Fractions must increase strictly within (0, 1]; the last need not be 1. Throws Error else, or when the level is not in
/// (0.5, 1). Boundaries are accurate to 1e-6 where looks are at least 0.005 apart.
[[nodiscard]] SequentialPlan sequential_plan(const std::vector<double>& fractions, double level = 0.95);

/// The look at which a plan with at most `largest` pairs would be after each of `looks` numbers of pairs.
[[nodiscard]] SequentialPlan sequential_plan_of_pairs(const std::vector<std::size_t>& looks, std::size_t largest,
                                                      double level = 0.95);

enum class Look { go_on, decided, exhausted };

struct SequentialAnswer {
  Look look = Look::go_on;
  double p_value = 1;  ///< of Student's test of mean 0, two-sided
  double nominal = 0;  ///< what it had to reach
  double mean = 0;     ///< its sign is the direction when decided; biased away from 0 by the stopping
  Interval interval;   ///< of the mean at level 1 - nominal: the repeated interval (Jennison and Turnbull,
                       ///< JRSS B, 1989), which covers at the plan's level over all looks together, stopped or not
};

/// Look number `look` (from 0) at all log speedups up to it; at least two. `exhausted` is the last look undecided.
[[nodiscard]] SequentialAnswer look_at(const std::vector<double>& log_speedups, const SequentialPlan& plan,
                                       std::size_t look);

}  // namespace velo::analysis
