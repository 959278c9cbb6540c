#include "analysis/trial_survival.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// The cell of a trial, made behind the others of its workload where it is missing.
TrialSurvival& cell_of(std::vector<TrialSurvival>& cells, const TrialOutcome& trial) {
  auto behind = cells.end();
  for (auto cell = cells.begin(); cell != cells.end(); ++cell) {
    if (cell->workload != trial.workload) continue;
    if (cell->algorithm == trial.algorithm) return *cell;
    behind = cell + 1;
  }
  return *cells.insert(behind, {.workload = trial.workload, .algorithm = trial.algorithm, .times = {}, .mean = {}});
}

/// Of the cells of one workload.
template <typename Iterator>
double horizon_of(Iterator first, Iterator last) {
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
  return watched < not_reached ? watched : longest_hit;
}

}  // namespace

RaceSurvival race_survival(const std::vector<TrialOutcome>& trials, const ScoreOptions& options, double level) {
  RaceSurvival out;
  out.left_out = study_table(trials, options).left_out;
  for (const TrialOutcome& trial : trials) {
    if (!trial.scored() || !trial.measured()) continue;
    if (trial.stopped_early() && !trial.reached) {
      ++out.stopped_early;
      continue;
    }
    TrialSurvival& cell = cell_of(out.cells, trial);
    const bool lost = !trial.reached && trial.broke_down();
    cell.times.push_back(lost ? CensoredTime{not_reached, false} : trial.time(options.clock));
    cell.hits += trial.reached ? 1 : 0;
    cell.broke_down += lost ? 1 : 0;
  }
  if (out.cells.empty())
    throw Error(
        "all trials were stopped early, so that nobody knows when they would have reached the target; race them "
        "with `stop: target`",
        ExitCode::nothing_measured);
  for (auto first = out.cells.begin(); first != out.cells.end();) {
    const auto last = std::find_if(first, out.cells.end(),
                                   [&](const TrialSurvival& cell) { return cell.workload != first->workload; });
    const double horizon = horizon_of(first, last);
    for (auto cell = first; cell != last; ++cell) cell->mean = restricted_mean(cell->times, horizon, level);
    std::stable_sort(first, last,
                     [](const TrialSurvival& a, const TrialSurvival& b) { return a.mean.mean < b.mean.mean; });
    first = last;
  }
  return out;
}

Answer survival_answer(const std::vector<TrialOutcome>& trials, const ScoreOptions& options, double level) {
  const RaceSurvival race = race_survival(trials, options, level);
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
    out.table.rows.push_back({cell.workload, cell.algorithm, whole(cell.times.size()), whole(cell.hits),
                              cell.mean.horizon, cell.mean.mean, cell.mean.interval.low, cell.mean.interval.high});
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
