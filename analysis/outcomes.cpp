#include "analysis/outcomes.hpp"

#include <algorithm>
#include <cmath>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

std::string name(Clock clock) {
  switch (clock) {
    case Clock::example_gradients:
      return "example-gradients";
    case Clock::steps:
      return "steps";
    case Clock::seconds:
      return "seconds";
  }
  return {};
}

std::string unit(Clock clock) { return clock == Clock::seconds ? "s" : name(clock); }

Clock clock_from(const std::string& text) {
  for (const Clock clock : {Clock::example_gradients, Clock::steps, Clock::seconds}) {
    if (text == name(clock)) return clock;
  }
  if (text == "example_gradients") return Clock::example_gradients;
  throw Error(cat("there is no clock '", text, "'; the clocks are example-gradients, steps and seconds",
                  did_you_mean(text, {"example-gradients", "steps", "seconds"})));
}

double TrialOutcome::watched(Clock clock) const {
  switch (clock) {
    case Clock::example_gradients:
      return example_gradients;
    case Clock::steps:
      return steps;
    case Clock::seconds:
      return seconds;
  }
  return 0;
}

bool TrialOutcome::broke_down() const {
  return stop_reason == "diverged" || stop_reason == "nan" || stop_reason == "oom";
}

namespace {

void add_once(std::vector<std::string>& names, const std::string& entry) {
  if (std::find(names.begin(), names.end(), entry) == names.end()) names.push_back(entry);
}

std::string describe(const TrialOutcome& trial) {
  return cat(
      trial.algorithm, " on ", trial.workload, ", study ", trial.study, ", trial ", trial.trial,
      trial.cell.empty() ? "" : cat(" (cell ", trial.cell, trial.run.empty() ? "" : cat(", run ", trial.run), ")"));
}

}  // namespace

std::vector<std::string> algorithms_of(const std::vector<TrialOutcome>& trials) {
  std::vector<std::string> names;
  for (const auto& trial : trials) add_once(names, trial.algorithm);
  return names;
}

std::vector<std::string> workloads_of(const std::vector<TrialOutcome>& trials) {
  std::vector<std::string> names;
  for (const auto& trial : trials) {
    if (trial.held_out_of.empty()) add_once(names, trial.workload);
  }
  return names;
}

void require_comparable(const std::vector<TrialOutcome>& trials, Clock clock, const Overrides& overrides) {
  std::map<std::string, const TrialOutcome*> first_of_version;
  const TrialOutcome* first = nullptr;
  for (const auto& trial : trials) {
    if (!trial.measured()) continue;
    if (!first) first = &trial;
    if (!overrides.mix_divisions && trial.division != first->division) {
      throw Error(cat("closed and open results do not share a score: ", describe(*first), " is ", first->division, ", ",
                      describe(trial), " is ", trial.division, "; --mix-divisions overrides this"));
    }
    const auto [known, inserted] = first_of_version.try_emplace(trial.workload, &trial);
    if (!overrides.mix_versions && !inserted && known->second->workload_version != trial.workload_version) {
      throw Error(cat("workload ", trial.workload, " was run in versions ", known->second->workload_version, " (",
                      describe(*known->second), ") and ", trial.workload_version, " (", describe(trial),
                      "); --mix-versions compares them all the same"));
    }
    if (!overrides.mix_versions && known->second->target != trial.target && !std::isnan(trial.target)) {
      throw Error(cat("workload ", trial.workload, " was run with targets ", known->second->target, " (",
                      describe(*known->second), ") and ", trial.target, " (", describe(trial),
                      "); --mix-versions compares them all the same"));
    }
    if (clock == Clock::example_gradients && trial.reached && trial.steps > 0 && trial.example_gradients == 0) {
      throw Error(cat(describe(trial),
                      " reached its target with no recorded work, so example-gradients do not measure it; use "
                      "--clock steps or seconds"));
    }
    if (clock != Clock::seconds) continue;
    if (!overrides.untimeable && !trial.timeable) {
      throw Error(cat("the seconds of ", describe(trial),
                      " were measured on shared cores and are not timeable; use --clock example-gradients, or "
                      "--allow-untimeable to use them all the same"));
    }
    if (!overrides.mix_hardware && trial.hardware_class != first->hardware_class) {
      throw Error(cat("seconds compare within one hardware class only: ", describe(*first), " ran on ",
                      first->hardware_class, ", ", describe(trial), " on ", trial.hardware_class,
                      "; use --clock example-gradients, or --mix-hardware to compare them all the same"));
    }
  }
}

}  // namespace velo::analysis
