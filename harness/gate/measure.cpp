#include "harness/gate/measure.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <set>

#include "analysis/gate/replay_digest.hpp"
#include "analysis/load.hpp"
#include "analysis/score.hpp"
#include "results/error.hpp"
#include "results/shell.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

using analysis::QualityValue;
using analysis::TrialOutcome;

constexpr std::size_t most_curve_points = 16;
constexpr std::size_t protocol_digits = 16;

/// What was asked of a trial, seeds and versions of the algorithm apart.
std::string asked(const TrialSummary& summary, bool with_parameters) {
  const auto optional = [](const auto& value) { return value ? cat(*value) : std::string("none"); };
  return cat(summary.workload, " ", summary.workload_changes, " ", summary.workload_version, " ", summary.data_version,
             " ", summary.synthetic ? "synthetic" : "", " ", summary.algorithm, " ",
             with_parameters ? summary.algorithm_changes : "", " ", summary.metric, " ",
             optional(summary.validation_target), " ", summary.confirm, " ", optional(summary.budget_steps), " ",
             optional(summary.budget_seconds), " ", summary.step_hint, " ", optional(summary.evaluate_every_steps), " ",
             optional(summary.evaluate_every_seconds), " ", summary.ruleset,
             summary.budget_work ? cat(" ", *summary.budget_work) : std::string());
}

/// Median of the metric over studies at the steps that all of them evaluated.
analysis::GateCurve median_curve(const Store& store, const std::vector<const TrialOutcome*>& trials,
                                 const std::string& metric) {
  std::map<double, std::vector<double>> at;
  for (const TrialOutcome* trial : trials) {
    const auto file = store.folder({trial->cell, trial->run}).trajectory();
    if (!std::filesystem::exists(file)) continue;
    const SeriesGroup evaluations = read_evaluations(file);
    const std::span<const double> steps = evaluations.at("step");
    const std::span<const double> values = evaluations.at("validation/" + metric);
    for (std::size_t i = 0; i < steps.size(); ++i) at[steps[i]].push_back(values[i]);
  }
  std::erase_if(at, [&](const auto& entry) { return entry.second.size() < trials.size(); });
  const std::size_t stride = std::max<std::size_t>(1, (at.size() + most_curve_points - 1) / most_curve_points);
  analysis::GateCurve out;
  std::size_t position = 0;
  for (const auto& [step, values] : at) {
    if (position % stride == 0 || position + 1 == at.size()) {
      out.steps.push_back(step);
      out.values.push_back(analysis::median(values));
    }
    ++position;
  }
  return out;
}

}  // namespace

ReplayRun run_replays(const std::string& program, const std::string& gate_file, bool other_kernels) {
  const std::string command =
      cat(other_kernels ? "OPENBLAS_CORETYPE=Prescott ONEDNN_MAX_CPU_ISA=SSE41 DNNL_MAX_CPU_ISA=SSE41 " : "",
          "OMP_NUM_THREADS=1 ", shell_quoted(program), " replays ", shell_quoted(gate_file));
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw Error("no process to be had for `velo replays`");
  std::string text;
  std::array<char, 65536> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  const int status = pclose(pipe);
  ReplayRun out;
  std::string last = "any";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const auto first_tab = line.find('\t'), second_tab = line.find('\t', first_tab + 1);
    if (first_tab == std::string::npos || second_tab == std::string::npos) continue;
    const std::string kind = line.substr(0, first_tab);
    const std::string key = line.substr(first_tab + 1, second_tab - first_tab - 1);
    auto& map = kind == "replay" ? out.lines : kind == "refused" ? out.refused : out.made_with;
    map[key] = line.substr(second_tab + 1);
    last = key;
  }
  if (status != 0)
    throw Error(cat("`", program, " replays` ended early (status ",
                    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), ", after '", last,
                    "'): run it by hand to see why"));
  return out;
}

void mark_kernel_dependent(ReplayRun& run, const ReplayRun& with_other_kernels) {
  for (auto& [name, line] : run.lines) {
    const auto other = with_other_kernels.lines.find(name);
    line = analysis::with_star(line, other == with_other_kernels.lines.end() || other->second != line);
  }
}

MeasuredQuality measured_quality(const Store& store, const std::string& sweep) {
  const analysis::Race race = analysis::load_race(store, sweep);
  analysis::ScoreOptions in_steps;
  in_steps.clock = analysis::Clock::steps;
  const analysis::StudyTable table = analysis::study_table(race.trials, in_steps);
  MeasuredQuality out;
  out.unmeasured = table.left_out.unmeasured;
  for (std::size_t w = 0; w < table.workloads.size(); ++w) {
    for (std::size_t a = 0; a < table.algorithms.size(); ++a) {
      std::vector<const TrialOutcome*> trials;
      for (const TrialOutcome& trial : race.trials)
        if (trial.workload == table.workloads[w] && trial.algorithm == table.algorithms[a]) trials.push_back(&trial);
      if (trials.empty()) continue;
      QualityValue value;
      value.workload = table.workloads[w];
      value.label = table.algorithms[a];
      if (table.at[a][w].empty()) {
        out.empty.push_back(value.name());
        continue;
      }
      std::set<std::string> told;
      std::vector<const TrialOutcome*> best;
      for (const TrialOutcome* trial : trials)
        told.insert(store.read_status({trial->cell, trial->run}).algorithm_changes);
      const TrialSummary first = store.read_status({trials.front()->cell, trials.front()->run});
      for (const analysis::StudyTime& study : table.at[a][w]) {
        // Whoever missed the target, or broke down long before, needs more than the budget.
        const bool reached = study.time < analysis::not_reached;
        const double budget = std::max(study.watched, static_cast<double>(first.budget_steps.value_or(1)));
        value.studies.push_back({study.study, {reached ? study.time : budget, reached}});
        best.push_back(&race.trials[study.best]);
      }
      std::sort(value.studies.begin(), value.studies.end(),
                [](const auto& x, const auto& y) { return x.study < y.study; });
      value.protocol = sha256(asked(first, told.size() == 1)).substr(0, protocol_digits);
      value.root_seed = static_cast<std::uint64_t>(first.root_seed);
      value.metric = first.metric;
      value.higher_is_better = first.direction == Direction::higher;
      value.target = first.validation_target;
      value.curve = median_curve(store, best, first.metric);
      out.values.push_back(std::move(value));
    }
  }
  return out;
}

}  // namespace velo
