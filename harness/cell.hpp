// harness/cell.hpp
//
// A cell is what was asked for: one trial of one algorithm on one workload, fully resolved. Its id names the folder
// in which its runs lie. Plain host data, made by harness/sweep, read by harness/run; no Kokkos.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/hyperparameters.hpp"

namespace velo {

struct Catalogue;

/// When a run must end. At least one is set; all are checked every step.
struct Budget {
  std::optional<std::int64_t> steps;
  std::optional<double> seconds;     ///< on the clock: evaluation not counted
  std::optional<std::int64_t> work;  ///< gradients of one example, charged as by Work::charged: the same everywhere
};

/// How often to evaluate. Exactly one is set.
struct Cadence {
  std::optional<std::int64_t> steps;  ///< after every so many updates (deterministic; the default)
  std::optional<double> seconds;      ///< AlgoPerf's mode: wall seconds since the last evaluation
};

enum class StopRule {
  target,    ///< end at the first hit (of `confirm` consecutive ones)
  budget,    ///< go on to the end of the budget
  lossless,  ///< end when the trial can no longer change the declared score
};

[[nodiscard]] std::string_view name(StopRule rule);

struct Target {
  std::string metric;
  bool higher_is_better = false;
  std::optional<double> validation;  ///< empty: nothing to hit, run to the budget
  std::optional<double> test;
  int confirm = 1;  ///< consecutive hits that make one
};

struct Cell {
  Component workload;  ///< name and every parameter, variants included
  int workload_version = 1;
  std::string data_version;  ///< hash of the converted data
  bool synthetic = false;

  std::string label;              ///< what tables call the entry; defaults to the algorithm's name; not in the id
  Component algorithm;            ///< the outermost component, wrappers included
  std::string algorithm_version;  ///< "adamw@1", "lookahead@1(adamw@1)"

  std::int64_t study = 0;  ///< from 0
  std::int64_t trial = 0;  ///< from 0, within the study
  std::uint64_t root_seed = 0;
  std::uint64_t seed = 0;  ///< derived from (root_seed, study, trial); the same for every algorithm

  std::string ruleset = "external";
  Budget budget;
  std::int64_t step_hint = 0;
  StopRule stop = StopRule::target;
  Cadence evaluate;
  Target target;
  std::int64_t checkpoint_every = 0;  ///< evaluations between checkpoints; 0: by wall time; not in the id

  std::string backend;  ///< "OpenMP", "Serial", "Cuda"
  std::string precision = "float32";
  int threads = 1;
};

/// The workload with those parameters alone that are not at their default.
[[nodiscard]] Component workload_changes(const Component& workload, const Catalogue& catalogue);

/// The fully resolved configuration as YAML: every parameter, fixed key order, shortest numbers, same bytes always.
[[nodiscard]] std::string canonical_config(const Cell& cell);

/// Reads canonical_config() back. Throws Error with line and column where the text is not one.
[[nodiscard]] Cell read_canonical_config(const std::string& text, const Catalogue& catalogue);

/// 20 hexadecimal digits of the SHA-256 of what identifies the cell: workload and its non-default parameters, data
/// version, algorithm and its non-default parameters, study, trial, seed, budget, step hint, stop rule, cadence, target,
/// back-end, precision, threads and both semantic versions. Never source text, host, executor, label, ruleset or timing
/// policy. A parameter at its default is left out, so a new parameter with a default changes no id.
[[nodiscard]] std::string cell_id(const Cell& cell, const Catalogue& catalogue);

}  // namespace velo
