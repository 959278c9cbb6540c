// harness/sweep/entries.hpp
//
// The entries of `workloads` and `algorithms` while values for them are collected, and the rules by which a path finds
// them:
//   NAME.PARAMETER...   every occurrence of the module NAME, wrapped ones included; or the one entry labelled NAME
//   NAME.SETTING...     of a workload: budget, evaluate_every, target, step_hint, synthetic
//   SETTING...          the same for every workload
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/cell.hpp"
#include "harness/config/draft.hpp"
#include "harness/sweep/assignment.hpp"

namespace velo {

struct AlgorithmEntry {
  Draft draft;
  std::string label;
  Origin at;
};

struct WorkloadEntry {
  Draft draft;
  Slots settings;  ///< "budget.steps", "target.validation", "synthetic"
  Origin at;
};

/// An item of `algorithms`: a name, {NAME: {...}} or {chain: [...]}, optionally with `label`.
[[nodiscard]] AlgorithmEntry read_algorithm_entry(const Tree& item, const Catalogue& catalogue);
/// An item of `workloads`: a name or {NAME: {...}}, optionally with budget, evaluate_every, target, step_hint, synthetic.
[[nodiscard]] WorkloadEntry read_workload_entry(const Tree& item, const Catalogue& catalogue);

/// "adamw", "lookahead(adamw)": what an entry without a label is called.
[[nodiscard]] std::string short_label(const Draft& draft);

/// Sets one of the settings of a workload. `path` begins with its name: {"budget", "steps"}.
void assign_setting(WorkloadEntry& entry, const std::vector<std::string>& path, const Tree& value, Assigning how);
[[nodiscard]] bool is_setting(const std::string& name);

/// Whether a path means this entry.
[[nodiscard]] bool concerns(const Assignment& assignment, const AlgorithmEntry& entry);
[[nodiscard]] bool concerns(const Assignment& assignment, const WorkloadEntry& entry);

/// Applies an assignment that concerns the entry. Throws Error for unknown parameters, types and ranges.
void apply(const Assignment& assignment, AlgorithmEntry& entry, const Catalogue& catalogue);
void apply(const Assignment& assignment, WorkloadEntry& entry, const Catalogue& catalogue);

/// The file configs/workloads/NAME.yaml becomes the weakest layer of the settings.
void read_workload_file(WorkloadEntry& entry, const std::string& path);

/// What a workload's settings come to. Throws Error where a budget, a cadence or a step hint is missing.
struct ResolvedSettings {
  Budget budget;
  Cadence evaluate;
  Target target;
  std::int64_t step_hint = 0;
  bool synthetic = false;
};
[[nodiscard]] ResolvedSettings resolve_settings(const WorkloadEntry& entry, const CatalogueWorkload& workload,
                                                double budget_factor);

}  // namespace velo
