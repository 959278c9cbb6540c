#include "harness/executors/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "analysis/score.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

std::string head(const CalibrationPlan& plan, const std::string& stage, std::int64_t studies, std::int64_t trials,
                 std::uint64_t seed) {
  return cat("sweep: calibrate_", plan.workload, "_", stage, "\nruleset: external\nstudies: ", studies,
             "\ntrials: ", trials, "\nseeds: ", static_cast<std::int64_t>(seed), "\nworkloads: [", plan.workload,
             "]\nbudget: {steps: ", plan.steps, "}\nevaluate_every: ", plan.evaluate_every,
             "\nstop: budget\nexecutor: {kind: local, workers: ", plan.workers, ", threads: 1}\n");
}

/// Shortest text of a value that has four significant digits.
std::string four_digits(double value) {
  std::ostringstream out;
  out.precision(4);
  out << value;
  return out.str();
}

/// Four significant digits, moved to the side that is easier to reach; a value that has no more of them stays.
double rounded_easier(double value, bool higher_is_better) {
  if (value == 0.0) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 3);
  const double scaled = value / unit;
  const bool exact = std::abs(scaled - std::round(scaled)) < 1e-9 * std::abs(scaled);
  const double kept = exact ? std::round(scaled) : higher_is_better ? std::floor(scaled) : std::ceil(scaled);
  return std::stod(four_digits(kept * unit));
}

}  // namespace

std::string tuning_sweep(const CalibrationPlan& plan) {
  return head(plan, "tune", 1, plan.points, plan.root_seed) +
         "algorithms:\n"
         "  - adamw\n"
         "  - nadamw\n"
         "  - sgd: {nesterov: true}\n"
         "    label: nesterov\n"
         "  - sgd: {nesterov: false}\n"
         "    label: heavy_ball\n";
}

std::string repeat_sweep(const CalibrationPlan& plan, const TrialSummary& best) {
  // A JSON object is a YAML flow map.
  return head(plan, "seeds", plan.seeds, 1, plan.root_seed + 1) + cat("search_space: none\nalgorithms:\n  - ",
                                                                      best.algorithm, ": ", best.algorithm_changes,
                                                                      "\n    label: ", best.label, "\n");
}

const TrialSummary& best_trial(const std::vector<TrialSummary>& trials) {
  const TrialSummary* best = nullptr;
  for (const TrialSummary& t : trials) {
    if (t.status != Status::done || !t.best_validation) continue;
    const bool higher = t.direction == Direction::higher;
    if (best == nullptr ||
        (higher ? *t.best_validation > *best->best_validation : *t.best_validation < *best->best_validation))
      best = &t;
  }
  if (best == nullptr) throw Error("no tuning trial ended with a validation value", ExitCode::nothing_measured);
  return *best;
}

Calibration set_target(const std::vector<TrialSummary>& seeds, double quantile) {
  Calibration out;
  const bool higher = !seeds.empty() && seeds.front().direction == Direction::higher;
  const auto better = [higher](double a, double b) { return higher ? a > b : a < b; };
  for (const TrialSummary& s : seeds)
    if (s.status == Status::done && s.best_validation) out.best_values.push_back(*s.best_validation);
  if (out.best_values.empty()) throw Error("no seed ended with a validation value", ExitCode::nothing_measured);
  if (out.best_values.size() != seeds.size())
    throw Error(cat(seeds.size() - out.best_values.size(), " of ", seeds.size(),
                    " seeds ended without a validation value; a target from the rest would be too hard"),
                ExitCode::inconclusive);
  std::sort(out.best_values.begin(), out.best_values.end(), better);
  const auto needed =
      static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(out.best_values.size()) - 1e-9));
  out.metric = seeds.front().metric;
  out.validation = rounded_easier(out.best_values[std::max<std::size_t>(needed, 1) - 1], higher);
  for (const TrialSummary& s : seeds) {
    if (better(out.validation, *s.best_validation)) continue;
    ++out.reached;
    if (s.final_test && (!out.test || better(*out.test, *s.final_test))) out.test = *s.final_test;
  }
  if (out.test) out.test = rounded_easier(*out.test, higher);
  return out;
}

std::string target_block(const CalibrationPlan& plan, const TrialSummary& best, const Calibration& r,
                         const std::string& date) {
  std::string block = cat("target:\n  metric: ", r.metric, "\n  validation: ", four_digits(r.validation), "\n");
  if (r.test) block += cat("  test: ", four_digits(*r.test), "\n");
  std::string command = "velo calibrate " + plan.workload;
  for (const std::string& setting : plan.settings) command += " --set " + setting;
  block +=
      cat("  provenance:\n    procedure: ", command, " --points ", plan.points, " --seeds ", plan.seeds, " --quantile ",
          plan.quantile, "\n    date: ", date, "\n    points: ", plan.points, "\n    seeds: ", plan.seeds,
          "\n    quantile: ", plan.quantile, "\n    steps: ", plan.steps, "\n    algorithm: ", best.label,
          "\n    parameters: ", best.algorithm_changes, "\n    best: ", four_digits(r.best_values.front()),
          "\n    median: ", four_digits(analysis::median(r.best_values)),
          "\n    worst: ", four_digits(r.best_values.back()), "\n    reached: ", r.reached, "\n");
  return block;
}

std::string with_target(const std::string& yaml, const std::string& block) {
  std::istringstream in(yaml);
  std::string out;
  bool inside = false;
  bool replaced = false;
  for (std::string line; std::getline(in, line);) {
    const bool top_level = !line.empty() && line[0] != ' ' && line[0] != '#';
    if (top_level) inside = line.rfind("target:", 0) == 0;
    if (inside && top_level) {
      out += block;
      replaced = true;
    }
    if (!inside) out += line + "\n";
  }
  return replaced ? out : out + block;
}

}  // namespace velo
