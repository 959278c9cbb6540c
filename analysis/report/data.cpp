#include "analysis/report/data.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "results/error.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo::analysis {

const std::vector<double>& Curve::work(Clock clock) const {
  switch (clock) {
    case Clock::example_gradients:
      return example_gradients;
    case Clock::steps:
      return steps;
    case Clock::seconds:
      return seconds;
  }
  return steps;
}

std::size_t ReportData::series_of(const std::string& algorithm) const {
  const auto& names = board.table.algorithms;
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), algorithm) - names.begin());
}

std::vector<std::size_t> ReportData::trials_of(const std::string& workload, const std::string& algorithm) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < race.trials.size(); ++i) {
    if (race.trials[i].workload == workload && race.trials[i].algorithm == algorithm) out.push_back(i);
  }
  return out;
}

std::vector<std::string> ReportData::searched(const std::string& algorithm) const {
  std::map<std::string, std::set<std::string>> values;
  for (const TrialOutcome& trial : race.trials) {
    if (trial.algorithm != algorithm) continue;
    for (const auto& [key, setting] : trial.hyperparameters) values[key].insert(setting.text);
  }
  std::vector<std::string> out;
  for (const auto& [key, texts] : values) {
    if (texts.size() > 1) out.push_back(key);
  }
  return out;
}

namespace {

std::vector<double> copied(std::span<const double> values) { return {values.begin(), values.end()}; }

Curve read_curve(const TrialOutcome& trial) {
  const SeriesGroup rows = read_evaluations(std::filesystem::path(trial.path) / "trajectory.h5");
  Curve curve{copied(rows.at("work")), copied(rows.at("step")), copied(rows.at("seconds")),
              copied(rows.at(cat("validation/", trial.metric)))};
  return curve;
}

}  // namespace

ReportData gather(Race race, const ScoreOptions& options, const BootstrapOptions& bootstrap) {
  ReportData data;
  data.race = std::move(race);
  data.problems = data.race.notes;
  data.board = leaderboard(data.race.trials, options, bootstrap);
  for (std::string& note : notes(data.board.table.left_out)) data.problems.push_back(std::move(note));
  for (const TrialOutcome& trial : data.race.trials) {
    data.curves.emplace_back();
    if (!trial.measured()) continue;
    try {
      data.curves.back() = read_curve(trial);
    } catch (const Error& error) {
      data.problems.emplace_back(error.what());
    }
  }
  return data;
}

MedianCurve median_curve(const std::vector<const Curve*>& curves, Clock clock, std::size_t limit) {
  std::vector<double> places;
  for (const Curve* curve : curves) {
    places.insert(places.end(), curve->work(clock).begin(), curve->work(clock).end());
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  const std::size_t stride = std::max<std::size_t>(1, (places.size() + limit - 1) / limit);
  MedianCurve out;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i % stride != 0 && i + 1 != places.size()) continue;
    std::vector<double> values;
    for (const Curve* curve : curves) {
      const auto& work = curve->work(clock);
      const auto after = std::upper_bound(work.begin(), work.end(), places[i]) - work.begin();
      if (after > 0) values.push_back(curve->metric[static_cast<std::size_t>(after - 1)]);
    }
    out.work.push_back(places[i]);
    out.metric.push_back(median(std::move(values)));
  }
  return out;
}

}  // namespace velo::analysis
