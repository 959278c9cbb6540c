// analysis/report/payload.hpp
//
// What the interactive page computes its figures from: every trial once, column by column, and its curve thinned
// (analysis/report/thin.hpp) to 1/400 of the range its figure shows.
#pragma once

#include <string>

#include "analysis/report/data.hpp"

namespace velo::analysis {

/// One JSON object, without `<` so that it may stand inside a <script> element. Keys:
///   clocks      [{name, unit, refused}]: why a clock may not compare these trials, else empty
///   rules       {clock, rules, r_max, selection, integral, level, coverage}
///   algorithms  [{name, rule}]; workloads [{name, base, scored, metric, higher, target, low, high}] (base: own index,
///               or that of the workload whose held-out variant it is; low, high: range of the metric that is drawn)
///   trials      columns of equal length; a clock's amount is at the hit, else at the end; `settings` per hyperparameter
///   curves      per trial [steps, seconds, example-gradients, metric]: the first three as differences, the third a factor
///               of the steps where it is one
///   board       scores and intervals of the whole pool; profiles with bands
[[nodiscard]] std::string payload(const ReportData& data);

}  // namespace velo::analysis
