#include "analysis/trial_survival.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

bool stopped_early(const TrialOutcome& trial) {
  return trial.stop_reason == "stopped_lossless" || trial.stop_reason == "halved";
}

TableValue whole(std::size_t n) { return static_cast<std::int64_t>(n); }

/// Sets the horizon of the cells of one workload.
template <typename Iterator>
void set_horizon(Iterator first, Iterator last) {
  double watched = not_reached, longest_hit = 0;
  for (auto cell = first; cell != last; ++cell) {
    double longest = 0;
    for (const CensoredTime& time : cell->times) {
      if (time.value < not_reached) longest = std::max(longest, time.value);
      if (time.reached) longest_hit = std::max(longest_hit, time.value);
    }
    // Where all hit or broke down everything is known; else nothing behind the last time.
    if (cell->hits + cell->broke_down < cell->times.size()) watched = std::min(watched, longest);
  }
  for (auto cell = first; cell != last; ++cell) cell->horizon = watched < not_reached ? watched : longest_hit;
}

}  // namespace

RaceSurvival race_survival(const std::vector<TrialOutcome>& trials, const ScoreOptions& options) {
  RaceSurvival out;
  out.left_out = study_table(trials, options).left_out;
  std::vector<std::string> workloads;
  for (const TrialOutcome& trial : trials) {
    if (trial.unscored || (std::isnan(trial.target) && !trial.reached) || !trial.measured()) continue;
    if (stopped_early(trial) && !trial.reached) {
      ++out.stopped_early;
      continue;
    }
    auto cell = std::find_if(out.cells.begin(), out.cells.end(), [&](const TrialSurvival& c) {
      return c.workload == trial.workload && c.algorithm == trial.algorithm;
    });
    if (cell == out.cells.end())
      cell = out.cells.insert(cell, {.workload = trial.workload, .algorithm = trial.algorithm, .times = {}});
    if (std::find(workloads.begin(), workloads.end(), trial.workload) == workloads.end())
      workloads.push_back(trial.workload);
    const bool lost = !trial.reached && trial.broke_down();
    cell->times.push_back(lost ? CensoredTime{not_reached, false} : trial.time(options.clock));
    cell->hits += trial.reached ? 1 : 0;
    cell->broke_down += lost ? 1 : 0;
  }
  if (out.cells.empty())
    throw Error(
        "all trials were stopped early, so that nobody knows when they would have reached the target; race them "
        "with `stop: target`",
        ExitCode::nothing_measured);
  const auto place = [&](const TrialSurvival& cell) {
    return std::find(workloads.begin(), workloads.end(), cell.workload) - workloads.begin();
  };
  std::stable_sort(out.cells.begin(), out.cells.end(),
                   [&](const TrialSurvival& a, const TrialSurvival& b) { return place(a) < place(b); });
  for (auto first = out.cells.begin(); first != out.cells.end();) {
    const auto last = std::find_if(first, out.cells.end(),
                                   [&](const TrialSurvival& cell) { return cell.workload != first->workload; });
    set_horizon(first, last);
    std::stable_sort(first, last, [](const TrialSurvival& a, const TrialSurvival& b) {
      return restricted_mean(a.times, a.horizon).mean < restricted_mean(b.times, b.horizon).mean;
    });
    first = last;
  }
  return out;
}

Answer survival_answer(const std::vector<TrialOutcome>& trials, const ScoreOptions& options, double level) {
  const RaceSurvival race = race_survival(trials, options);
  Answer out{{{{"workload", ColumnType::text},
               {"algorithm", ColumnType::text},
               {"trials", ColumnType::integer},
               {"reached", ColumnType::integer},
               {"horizon", ColumnType::real},
               {"restricted_mean", ColumnType::real},
               {"low", ColumnType::real},
               {"high", ColumnType::real}},
              {}},
             {}};
  for (const TrialSurvival& cell : race.cells) {
    const RestrictedMean mean = restricted_mean(cell.times, cell.horizon, level);
    out.table.rows.push_back({cell.workload, cell.algorithm, whole(cell.times.size()), whole(cell.hits), cell.horizon,
                              mean.mean, mean.interval.low, mean.interval.high});
  }
  out.notes.push_back(cat("mean time of a trial to its target in ", name(options.clock),
                          ", a trial that has not reached it by the horizon counted with the horizon (Kaplan-Meier, ",
                          std::lround(100 * level), " % intervals)"));
  if (race.stopped_early > 0)
    out.notes.push_back(cat(race.stopped_early, race.stopped_early == 1 ? " trial" : " trials",
                            " that lossless stopping or halving ended left out"));
  return out;
}

}  // namespace velo::analysis
