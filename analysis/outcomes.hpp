// analysis/outcomes.hpp
//
// The input of every question: one row per trial, with what it was, how it ended and its time to the result on each
// clock. Plain data; a time that was not reached is a censored one, never a NaN and never a large number.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace velo::analysis {

inline constexpr double not_reached = std::numeric_limits<double>::infinity();

/// What times are counted in. Scores name their clock.
enum class Clock {
  example_gradients,  ///< all that was asked for, charged as gradients of an example (Work::charged): deterministic
  steps,              ///< parameter updates: deterministic, but a rule that takes two gradients a step gets one free
  seconds,            ///< the algorithm's time on the clock; comparable within one hardware class only
};

[[nodiscard]] std::string name(Clock clock);
[[nodiscard]] std::string unit(Clock clock);
/// Throws Error on an unknown name, with the nearest one.
[[nodiscard]] Clock clock_from(const std::string& text);

/// A time to a result, or, when `reached` is false, the time for which it was watched in vain.
struct CensoredTime {
  double value = 0;
  bool reached = false;

  [[nodiscard]] double or_infinity() const { return reached ? value : not_reached; }
};

/// One searched or fixed hyperparameter of a trial, as resolved.
struct Setting {
  std::string text;   ///< as in the resolved configuration
  double number = 0;  ///< its value, when numeric
  bool numeric = false;
};

struct TrialOutcome {
  // what it was
  std::string workload;  ///< name with its variant, as tables show it
  int workload_version = 1;
  std::string held_out_of;  ///< base workload, when this one is its held-out variant (AlgoPerf v0.5); else empty
  bool unscored = false;    ///< its workload plays no part in scores
  std::string algorithm;    ///< label of the entry
  std::string algorithm_version;
  std::string sweep;
  std::string division = "closed";
  std::int64_t study = 0;
  std::int64_t trial = 0;
  std::map<std::string, Setting> hyperparameters;  ///< path -> value

  // how it ended
  std::string status = "done";       ///< done, failed, ...: only trials that are done are measured
  std::string stop_reason;           ///< target, budget, diverged, nan, oom, ...
  bool reached = false;              ///< the validation target was met
  std::int64_t hit_evaluation = -1;  ///< index of the evaluation that met it, from 0; -1: none
  double steps = 0;                  ///< at the hit, else at the end
  double example_gradients = 0;      ///< likewise
  double seconds = 0;                ///< likewise
  std::string metric;
  bool higher_is_better = false;
  double target = std::numeric_limits<double>::quiet_NaN();       ///< NaN: the workload has none
  double best_metric = std::numeric_limits<double>::quiet_NaN();  ///< best validation value; NaN: never evaluated
  std::map<std::string, double> phase_seconds;                    ///< data, step, prepare, eval, log, checkpoint, init

  // where it was measured
  bool timeable = true;  ///< false: shared cores, its seconds mean nothing
  bool resumed = false;
  std::string hardware_class;
  double state_bytes_per_parameter = std::numeric_limits<double>::quiet_NaN();

  // where it lies
  std::string cell, run, commit, started, path;

  [[nodiscard]] double watched(Clock clock) const;
  [[nodiscard]] CensoredTime time(Clock clock) const { return {watched(clock), reached}; }
  /// Ended because training broke down (diverged, nan, oom): waiting longer would not have helped.
  [[nodiscard]] bool broke_down() const;
  /// Ended because it was behind: when it would have reached the target is unknown.
  [[nodiscard]] bool stopped_early() const { return stop_reason == "stopped_lossless" || stop_reason == "halved"; }
  /// Whether its time counts: it has a target, or reached one that is not told, on a workload that plays a part in scores.
  [[nodiscard]] bool scored() const { return !unscored && has_target(); }
  [[nodiscard]] bool has_target() const { return !std::isnan(target) || reached; }
  /// Whether the trial came to an end of its own, good or bad. What was killed, cancelled or lost measures nothing.
  [[nodiscard]] bool measured() const { return status == "done" || broke_down(); }
};

/// Labels in order of first appearance.
[[nodiscard]] std::vector<std::string> algorithms_of(const std::vector<TrialOutcome>& trials);
/// Base workloads in order of first appearance; held-out variants left out.
[[nodiscard]] std::vector<std::string> workloads_of(const std::vector<TrialOutcome>& trials);

/// Comparisons that are allowed although protocol.md refuses them by default.
struct Overrides {
  bool mix_hardware = false;   ///< --mix-hardware: seconds of different hardware classes in one question
  bool mix_divisions = false;  ///< --mix-divisions: closed and open results in one question
  bool mix_versions = false;   ///< --mix-versions: different versions or targets of one workload
  bool untimeable = false;     ///< --allow-untimeable: seconds measured on shared cores
};

/// Throws Error when the trials may not be compared on this clock; the sentence names runs and the overriding flag.
/// A target that was reached at no cost on the clock is refused, not counted as 0: imported logs count no work.
void require_comparable(const std::vector<TrialOutcome>& trials, Clock clock, const Overrides& overrides);

}  // namespace velo::analysis
