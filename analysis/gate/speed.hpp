// analysis/gate/speed.hpp
//
// The rule of the speed verdict. A round starts candidate and baseline as fresh processes, lets them work in turns
// (A B B A ...), and ends with one number: d = the median over adjacent turns of ln(seconds of the baseline / seconds of
// the candidate). Fresh processes, because where the loader and the allocator put things moves a step by several per
// cent and stays for the life of a process: rounds are the independent sample, turns are not.
//
// Looks after 6, 9, 12, 16 and 20 rounds, group-sequential at the level (analysis/sequential.hpp). At look k, with the
// repeated interval of the mean and delta = ln(1 + margin):
//
//   regressed     mean <= -delta and the interval lies below 0   magnitude and significance
//   improved      mean >= delta and the interval lies above 0
//   equivalent    the interval lies within (-delta, delta)
//   else          on to the next look; after the last: inconclusive
//
// `regressed` and `improved` are confirmed by a second series of rounds of its own, which alone decides: the first was
// chosen for what it showed. Where the two contradict each other the verdict is inconclusive.
//
// No difference gives `regressed` with probability <= (alpha / 2)^2 a case. A true difference of exactly the margin is a
// coin flip by construction.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "analysis/bootstrap.hpp"
#include "analysis/gate/verdict.hpp"
#include "analysis/sequential.hpp"

namespace velo::analysis {

struct SpeedOptions {
  double margin = 0.05;
  double level = 0.95;
  std::vector<std::size_t> looks = {6, 9, 12, 16, 20};  ///< rounds, increasing, the first at least 2
};

/// Throws Error for meaningless options.
void check(const SpeedOptions& options);

struct SpeedLook {
  std::optional<GateVerdict> verdict;  ///< nothing: more rounds are needed
  double mean = 0;                     ///< of d, a natural logarithm
  Interval interval;
  std::size_t rounds = 0;
};

class SpeedRule {
 public:
  /// Computes the boundaries once. Throws Error for meaningless options.
  explicit SpeedRule(const SpeedOptions& options);

  /// What the rounds so far say; looks only at the numbers of rounds that the options name.
  [[nodiscard]] SpeedLook look(const std::vector<double>& rounds) const;

 private:
  SpeedOptions options_;
  SequentialPlan plan_;
};

/// The first series and, where that called for one, the second.
[[nodiscard]] GateVerdict confirmed(GateVerdict first, std::optional<GateVerdict> second);

}  // namespace velo::analysis
