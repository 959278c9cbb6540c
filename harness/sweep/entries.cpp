#include "harness/sweep/entries.hpp"

#include <algorithm>
#include <cmath>

#include "harness/config/scalar.hpp"
#include "harness/config/yaml.hpp"
#include "harness/sweep/document.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct SettingSpec {
  std::string name;
  ParameterType type;
  Range range;
  bool may_be_none;  ///< an inherited value can be lifted
};

const std::vector<SettingSpec>& setting_specs() {
  static const std::vector<SettingSpec> specs = {
      {"budget.steps", ParameterType::integer, Range::at_least(1), true},
      {"budget.seconds", ParameterType::real, Range::positive(), true},
      {"budget.work", ParameterType::integer, Range::at_least(1), true},
      {"evaluate_every.steps", ParameterType::integer, Range::at_least(1), false},
      {"evaluate_every.seconds", ParameterType::real, Range::positive(), false},
      {"step_hint", ParameterType::integer, Range::at_least(1), false},
      {"target.metric", ParameterType::choice, Range::any(), false},
      {"target.validation", ParameterType::real, Range::any(), true},
      {"target.test", ParameterType::real, Range::any(), true},
      {"target.confirm", ParameterType::integer, Range::at_least(1), false},
      {"synthetic", ParameterType::boolean, Range::any(), false}};
  return specs;
}

const std::vector<std::string> setting_names = {"budget", "evaluate_every", "step_hint", "target", "synthetic"};

std::string group_of(const std::string& setting) { return setting.substr(0, setting.find('.')); }

std::vector<std::string> keys_of_group(const std::string& group) {
  std::vector<std::string> out;
  for (const SettingSpec& spec : setting_specs())
    if (group_of(spec.name) == group && spec.name != group) out.push_back(spec.name.substr(group.size() + 1));
  return out;
}

const SettingSpec& find_setting(const std::vector<std::string>& path, const Origin& at) {
  const std::string full = path.size() == 1 ? path[0] : cat(path[0], ".", path[1]);
  for (const SettingSpec& spec : setting_specs())
    if (path.size() <= 2 && spec.name == full) return spec;
  const std::vector<std::string> keys = keys_of_group(path[0]);
  if (keys.empty()) fail(at, cat("'", path[0], "' is one value and has no '", path[1], "'"));
  if (path.size() == 1) fail(at, cat("'", path[0], "' must be a map of ", join_words(keys)));
  const std::string hint = did_you_mean(path[1], keys);
  fail(at, cat("unknown key '", path[1], "' in '", path[0], "'",
               hint.empty() ? cat("; it may hold ", join_words(keys, "or")) : hint));
}

SlotValue read_setting(const SettingSpec& spec, const Tree& value) {
  if (spec.may_be_none && value.is_scalar() && value.scalar == "none") return std::monostate{};
  switch (spec.type) {
    case ParameterType::integer:
      return read_integer(value, spec.name, spec.range);
    case ParameterType::boolean:
      return read_boolean(value, spec.name);
    case ParameterType::choice:
      return read_text(value, spec.name);
    default:
      return read_real(value, spec.name, spec.range);
  }
}

/// Splits an entry {adamw: {...}, label: x} into the module and the keys beside it.
struct SplitEntry {
  Tree module;
  Tree beside;
};
SplitEntry split_entry(const Tree& item, const std::vector<std::string>& extras) {
  SplitEntry out{item, {}};
  out.beside.kind = Tree::Kind::map;
  out.beside.at = item.at;
  if (!item.is_map()) return out;
  out.module.entries.clear();
  for (const Tree::Entry& entry : item.entries) {
    const bool extra = std::find(extras.begin(), extras.end(), entry.key) != extras.end();
    (extra ? out.beside : out.module).entries.push_back(entry);
  }
  return out;
}

/// The keys of an entry beyond the module's name are more likely misspelt extras than second modules.
void reject_misspelt_extra(const Tree& module, const std::vector<std::string>& extras) {
  if (!module.is_map() || module.entries.size() < 2) return;
  for (std::size_t i = 1; i < module.entries.size(); ++i) {
    const Tree::Entry& entry = module.entries[i];
    const std::string hint = did_you_mean(entry.key, extras);
    fail(entry.at, cat("unknown key '", entry.key, "' beside '", module.entries[0].key, "'",
                       hint.empty() ? cat("; it may be ", join_words(extras, "or"),
                                          ", and parameters belong inside the braces of '", module.entries[0].key, "'")
                                    : hint));
  }
}

void check_label(const Tree& value, const std::string& label, const Catalogue& catalogue, const std::string& own) {
  if (!is_name(label))
    fail(value.at, cat("the label ", value.described(),
                       " must consist of letters, digits, '_' and '-', and begin with a letter"));
  const auto& keys = sweep_keys();
  if (std::find(keys.begin(), keys.end(), label) != keys.end() || is_setting(label))
    fail(value.at, cat("the label '", label, "' is a key of the sweep; choose another"));
  if (label != own && (catalogue.find_algorithm(label) != nullptr || catalogue.find_workload(label) != nullptr))
    fail(value.at, cat("the label '", label, "' is the name of another module; choose another"));
}

}  // namespace

bool is_setting(const std::string& name) {
  return std::find(setting_names.begin(), setting_names.end(), name) != setting_names.end();
}

AlgorithmEntry read_algorithm_entry(const Tree& item, const Catalogue& catalogue) {
  static const std::vector<std::string> extras = {"label"};
  const SplitEntry parts = split_entry(item, extras);
  reject_misspelt_extra(parts.module, extras);
  if (parts.module.is_map() && parts.module.entries.empty()) fail(item.at, "this entry names no algorithm");
  AlgorithmEntry out;
  out.draft = read_algorithm(parts.module, catalogue, {Rank::entry, -1});
  out.at = item.at;
  const Tree* label = parts.beside.find("label");
  if (label != nullptr) {
    out.label = read_text(*label, "label");
    check_label(*label, out.label, catalogue, out.draft.name);
  } else {
    out.label = short_label(out.draft);
  }
  return out;
}

std::string short_label(const Draft& draft) {
  std::string inner;
  for (const auto& [name, parts] : draft.inner) inner += short_label(parts.front());
  return inner.empty() ? draft.name : cat(draft.name, "(", inner, ")");
}

WorkloadEntry read_workload_entry(const Tree& item, const Catalogue& catalogue) {
  const SplitEntry parts = split_entry(item, setting_names);
  reject_misspelt_extra(parts.module, setting_names);
  if (parts.module.is_map() && parts.module.entries.empty()) fail(item.at, "this entry names no workload");
  const Assigning how{Rank::entry, -1};
  WorkloadEntry out;
  out.draft = read_workload(parts.module, catalogue, how);
  out.at = item.at;
  for (const Tree::Entry& entry : parts.beside.entries) assign_setting(out, {entry.key}, entry.value, how);
  return out;
}

void assign_setting(WorkloadEntry& entry, const std::vector<std::string>& path, const Tree& value, Assigning how) {
  const std::string& group = path.front();
  if (path.size() == 1 && value.is_map()) {
    for (const Tree::Entry& part : value.entries) {
      const SettingSpec& spec = find_setting({group, part.key}, part.at);
      entry.settings.put(spec.name,
                         {rank_at(part.value.at, how.rank), read_setting(spec, part.value), part.value.at, how.use});
    }
    return;
  }
  const bool bare_cadence = path.size() == 1 && group == "evaluate_every";
  const SettingSpec& spec = find_setting(bare_cadence ? std::vector<std::string>{group, "steps"} : path, value.at);
  entry.settings.put(spec.name, {rank_at(value.at, how.rank), read_setting(spec, value), value.at, how.use});
}

bool concerns(const Assignment& assignment, const AlgorithmEntry& entry) {
  bool found = assignment.path.front() == entry.label;
  for_each_part(entry.draft, [&](const Draft& part) { found = found || part.name == assignment.path.front(); });
  return found;
}

bool concerns(const Assignment& assignment, const WorkloadEntry& entry) {
  return assignment.path.front() == entry.draft.name || is_setting(assignment.path.front());
}

void apply(const Assignment& assignment, AlgorithmEntry& entry, const Catalogue& catalogue) {
  const std::span<const std::string> rest(assignment.path.begin() + 1, assignment.path.end());
  const Assigning how{assignment.rank, assignment.use};
  if (assignment.path.front() == entry.label && entry.label != entry.draft.name)
    return assign(entry.draft, rest, assignment.value, catalogue, how);
  for_each_part(entry.draft, [&](Draft& part) {
    if (part.name == assignment.path.front()) assign(part, rest, assignment.value, catalogue, how);
  });
}

void apply(const Assignment& assignment, WorkloadEntry& entry, const Catalogue& catalogue) {
  const Assigning how{assignment.rank, assignment.use};
  std::vector<std::string> path = assignment.path;
  if (!is_setting(path.front())) path.erase(path.begin());
  if (!path.empty() && is_setting(path.front()))
    assign_setting(entry, path, assignment.value, how);
  else
    assign(entry.draft, path, assignment.value, catalogue, how);
}

void read_workload_file(WorkloadEntry& entry, const std::string& path) {
  const Tree file = read_yaml_file(path);
  const Fields fields(file, "a workload file", {"workload", "step_hint", "evaluate_every", "budget", "target"});
  const Tree& name = fields.require("workload");
  if (!name.is_word() || name.scalar != entry.draft.name)
    fail(name.at, cat("this file describes '", name.scalar, "' but is called ", entry.draft.name, ".yaml"));
  const Assigning how{Rank::module_file, -1};
  for (const char* key : {"step_hint", "evaluate_every", "budget"})
    if (const Tree* value = fields.find(key)) assign_setting(entry, {key}, *value, how);
  const Tree* target = fields.find("target");
  if (target == nullptr) return;
  const std::vector<std::string> read = keys_of_group("target");
  std::vector<std::string> allowed = read;
  allowed.emplace_back("provenance");  // written by `velo calibrate`, for people and reports
  const Fields checked(*target, "the target", allowed);
  for (const std::string& key : read)
    if (const Tree* value = checked.find(key)) assign_setting(entry, {"target", key}, *value, how);
}

namespace {

template <typename T>
std::optional<T> setting(const WorkloadEntry& entry, std::string_view slot) {
  const Layer* layer = entry.settings.top(slot);
  if (layer == nullptr || std::holds_alternative<std::monostate>(layer->value)) return std::nullopt;
  return std::get<T>(layer->value);
}

Cadence resolve_cadence(const WorkloadEntry& entry) {
  const Layer* steps = entry.settings.top("evaluate_every.steps");
  const Layer* seconds = entry.settings.top("evaluate_every.seconds");
  if (steps == nullptr && seconds == nullptr)
    fail(entry.at, cat("nothing says how often '", entry.draft.name, "' is evaluated; give evaluate_every: 100"));
  if (steps != nullptr && seconds != nullptr && steps->rank == seconds->rank)
    fail(seconds->at, "evaluate_every takes steps or seconds, not both");
  // The stronger place decides, whichever of the two it gives.
  if (seconds == nullptr || (steps != nullptr && steps->rank > seconds->rank))
    return {setting<std::int64_t>(entry, "evaluate_every.steps"), std::nullopt};
  return {std::nullopt, setting<double>(entry, "evaluate_every.seconds")};
}

Target resolve_target(const WorkloadEntry& entry, const CatalogueWorkload& workload) {
  Target out;
  out.metric =
      setting<std::string>(entry, "target.metric").value_or(workload.metrics.empty() ? "" : workload.metrics[0].name);
  out.validation = setting<double>(entry, "target.validation");
  out.test = setting<double>(entry, "target.test");
  out.confirm = static_cast<int>(setting<std::int64_t>(entry, "target.confirm").value_or(1));
  if (workload.metrics.empty()) return out;
  // Evaluations put the target metric first: it is the workload's to choose.
  if (out.metric != workload.metrics[0].name)
    fail(entry.settings.top("target.metric")->at,
         cat("the target metric of '", workload.name, "' is '", workload.metrics[0].name, "', not '", out.metric, "'"));
  out.higher_is_better = workload.metrics[0].higher_is_better;
  return out;
}

/// A budget given above the workload file takes the step hint along, unless that is given too: schedules should end
/// with the run.
std::int64_t resolve_step_hint(const WorkloadEntry& entry) {
  const Layer* hint = entry.settings.top("step_hint");
  const Layer* steps = entry.settings.top("budget.steps");
  const bool has_steps = steps != nullptr && std::holds_alternative<std::int64_t>(steps->value);
  if (hint == nullptr && !has_steps)
    fail(entry.at, cat("'", entry.draft.name, "' has neither a step_hint nor budget.steps, so schedules have no end"));
  if (has_steps && (hint == nullptr || steps->rank > hint->rank)) return std::get<std::int64_t>(steps->value);
  return std::get<std::int64_t>(hint->value);
}

}  // namespace

ResolvedSettings resolve_settings(const WorkloadEntry& entry, const CatalogueWorkload& workload, double budget_factor) {
  ResolvedSettings out;
  out.budget = {setting<std::int64_t>(entry, "budget.steps"), setting<double>(entry, "budget.seconds"),
                setting<std::int64_t>(entry, "budget.work")};
  if (!out.budget.steps && !out.budget.seconds && !out.budget.work)
    fail(entry.at,
         cat("nothing limits '", entry.draft.name, "'; give budget: {steps: 1000}, {seconds: 60} or {work: 64000}"));
  for (std::optional<std::int64_t>* count : {&out.budget.steps, &out.budget.work})
    if (*count) **count = static_cast<std::int64_t>(std::ceil(static_cast<double>(**count) * budget_factor));
  if (out.budget.seconds) out.budget.seconds = *out.budget.seconds * budget_factor;
  out.evaluate = resolve_cadence(entry);
  out.target = resolve_target(entry, workload);
  out.step_hint = resolve_step_hint(entry);
  out.synthetic = setting<bool>(entry, "synthetic").value_or(false);
  return out;
}

}  // namespace velo
