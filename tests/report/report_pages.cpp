// Writes the pages that page_test.mjs and measure_page.mjs open: report_pages FOLDER [TRIALS].
//
//   large.html    TRIALS (2,000) trials: 8 algorithms with 3 searched values, on as many workloads as it takes, 5 studies of
//                 5 trials, 120 evaluations each, times scattered by a counter-based generator
//   race.html     the same of 400 trials
//   small.html    one algorithm on one workload, one trial that missed, no searched value, no phases
//   static.html   the race's page for a program without the plotting library, of 200 trials
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "analysis/report/data.hpp"
#include "analysis/report/page.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace {

using namespace velo;
using namespace velo::analysis;

constexpr std::size_t algorithms = 8, studies = 5, trials_per_study = 5, evaluations = 120;

/// A number in [0, 1) of a trial and a purpose.
double scatter(std::size_t trial, std::size_t purpose) {
  std::uint64_t z = (trial + 1) * 0x9e3779b97f4a7c15ULL + purpose * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

TrialOutcome trial_of(std::size_t i) {
  TrialOutcome t;
  const std::size_t per_workload = algorithms * studies * trials_per_study;
  const std::size_t algorithm = i / (studies * trials_per_study) % algorithms;
  t.workload = cat("workload_", i / per_workload);
  t.algorithm = t.algorithm_version = cat("algorithm_", algorithm);
  t.study = static_cast<std::int64_t>(i / trials_per_study % studies);
  t.trial = static_cast<std::int64_t>(i % trials_per_study);
  const double lr = std::pow(10.0, -4 + 3 * scatter(i, 1));
  t.hyperparameters = {{"learning_rate", {cat(lr), lr, true}},
                       {"beta1", {cat(0.8 + 0.19 * scatter(i, 2)), 0.8 + 0.19 * scatter(i, 2), true}},
                       {"schedule", {scatter(i, 3) < 0.5 ? "cosine" : "linear", 0, false}}};
  t.reached = std::abs(std::log10(lr) + 2.5) < 1.2;
  t.stop_reason = t.reached ? "target" : "budget";
  const double share = t.reached ? 0.3 + 0.5 * scatter(i, 4) + 0.02 * static_cast<double>(algorithm) : 1;
  t.hit_evaluation = t.reached ? static_cast<std::int64_t>(share * evaluations) : -1;
  t.steps = t.reached ? 100.0 * static_cast<double>(t.hit_evaluation + 1) : 100.0 * evaluations;
  t.example_gradients = 128 * t.steps;
  t.seconds = 0.01 * t.steps;
  t.metric = "accuracy";
  t.higher_is_better = true;
  t.target = 0.75;
  t.best_metric = t.reached ? 0.76 : 0.7;
  t.phase_seconds = {{"data", 0.1 * t.seconds}, {"step", 0.9 * t.seconds}, {"eval", 0.2 * t.seconds}};
  t.hardware_class = "synthetic";
  t.cell = sha256(cat("trial ", i)).substr(0, 20);
  t.run = "0001";
  return t;
}

Curve curve_of(const TrialOutcome& t, std::size_t i) {
  Curve curve;
  const auto count = static_cast<std::size_t>(t.steps / 100);
  for (std::size_t e = 0; e < count; ++e) {
    const double step = 100.0 * static_cast<double>(e + 1),
                 done = static_cast<double>(e + 1) / static_cast<double>(count);
    curve.steps.push_back(step);
    curve.example_gradients.push_back(128 * step);
    curve.seconds.push_back(0.01 * step);
    const double noise = e + 1 < count ? 0.01 * (scatter(i, 10 + e) - 1) : 0;
    curve.metric.push_back(t.best_metric * (1 - std::exp(-5 * done)) / (1 - std::exp(-5.0)) + noise);
  }
  return curve;
}

ReportData race_of_size(std::size_t trials) {
  ReportData data;
  data.race.sweep = "synthetic";
  data.race.store = "store";
  data.race.asked = trials;
  for (std::size_t i = 0; i < trials; ++i) {
    data.race.trials.push_back(trial_of(i));
    data.curves.push_back(curve_of(data.race.trials.back(), i));
  }
  data.board = leaderboard(data.race.trials, {}, {.resamples = 1000});
  return data;
}

ReportData small_race() {
  ReportData data = race_of_size(1);
  TrialOutcome& trial = data.race.trials.front();
  trial.reached = false;
  trial.hit_evaluation = -1;
  trial.stop_reason = "budget";
  trial.hyperparameters.clear();
  trial.phase_seconds.clear();
  data.board = leaderboard(data.race.trials, {}, {.resamples = 100});
  return data;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
    make_folder(folder);
    const std::size_t trials = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2000;
    replace_file(folder / "large.html", report_page(race_of_size(trials)));
    replace_file(folder / "race.html", report_page(race_of_size(400)));
    replace_file(folder / "small.html", report_page(small_race()));
    replace_file(folder / "static.html", static_page(race_of_size(200)));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
