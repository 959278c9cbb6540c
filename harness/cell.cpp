#include "harness/cell.hpp"

#include <algorithm>
#include <charconv>

#include "harness/config/draft.hpp"
#include "harness/config/scalar.hpp"
#include "harness/config/yaml.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using Shape = Schedule::Shape;

constexpr std::int64_t config_layout = 1;

const std::vector<std::string> stop_rules = {"target", "budget", "lossless"};

/// The keys of a schedule that take part, in their fixed order: those its shape reads, and a warm-up that is there.
template <typename Write>
void for_each_key(const Schedule& schedule, Write write) {
  write("value", schedule.base);
  if (schedule.is_constant()) return;
  write("schedule", std::string(name(schedule.shape)));
  if (schedule.warmup_fraction != 0.0) write("warmup_fraction", schedule.warmup_fraction);
  if (schedule.warmup_steps != 0) write("warmup_steps", schedule.warmup_steps);
  const bool to_final =
      schedule.shape != Shape::constant && schedule.shape != Shape::step && schedule.shape != Shape::table;
  if (to_final) write("final", schedule.final);
  if (schedule.shape == Shape::polynomial) write("power", schedule.power);
  if (schedule.shape == Shape::step) write("gamma", schedule.gamma);
  if (schedule.shape == Shape::step) write("milestones", schedule.milestones);
  if (schedule.shape == Shape::warm_restarts) write("period", schedule.period);
  if (schedule.shape == Shape::warm_restarts) write("growth", schedule.growth);
  if (schedule.shape == Shape::table) write("factors", schedule.factors);
}

struct ToYaml {
  std::string operator()(double value) const { return yaml_number(value); }
  std::string operator()(std::int64_t value) const { return number_text(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return yaml_text(value); }
  std::string operator()(const std::vector<double>& values) const {
    std::string out;
    for (const double value : values) out += cat(out.empty() ? "" : ", ", yaml_number(value));
    return cat("[", out, "]");
  }
  std::string operator()(const Schedule& schedule) const {
    if (schedule.is_constant()) return yaml_number(schedule.base);
    std::string out;
    for_each_key(schedule, [&](std::string_view key, const auto& value) {
      out += cat(out.empty() ? "" : ", ", key, ": ", (*this)(value));
    });
    return cat("{", out, "}");
  }
  std::string operator()(const std::vector<Component>& parts) const { return component(parts.at(0)); }
  [[nodiscard]] std::string component(const Component& part) const {
    std::string out;
    for (const auto& [name, value] : part.parameters.values())
      out += cat(out.empty() ? "" : ", ", name, ": ", std::visit(*this, value));
    return cat("{", yaml_text(part.name), ": {", out, "}}");
  }
};

/// The component without what is at its default, wrapped algorithms included.
Component changes(const Component& component, const std::vector<ParameterSpec>& specs, const Catalogue& catalogue) {
  const Parameters standard = Parameters::defaults(specs);
  Component out{component.name, {}};
  for (const auto& [name, value] : component.parameters.values()) {
    if (const auto* parts = std::get_if<std::vector<Component>>(&value)) {
      const Component& part = parts->at(0);
      out.parameters.set(name, std::vector{changes(part, catalogue.algorithm(part.name).parameters, catalogue)});
      continue;
    }
    const auto found = standard.values().find(name);
    const bool same =
        found != standard.values().end() && std::visit(ToYaml{}, found->second) == std::visit(ToYaml{}, value);
    if (!same) out.parameters.set(name, value);
  }
  return out;
}

Component algorithm_changes(const Component& algorithm, const Catalogue& catalogue) {
  return changes(algorithm, catalogue.algorithm(algorithm.name).parameters, catalogue);
}

template <typename T>
std::string optional_text(const std::optional<T>& value) {
  return value ? ToYaml{}(*value) : "none";
}

/// `key: value` lines and nested maps, two spaces a level.
void write_parameters(const Component& component, const std::string& indent, std::string& out) {
  for (const auto& [name, value] : component.parameters.values()) {
    if (const auto* parts = std::get_if<std::vector<Component>>(&value)) {
      out += cat(indent, name, ":\n", indent, "  ", yaml_text(parts->at(0).name), ":\n");
      write_parameters(parts->at(0), indent + "    ", out);
    } else {
      out += cat(indent, name, ": ", std::visit(ToYaml{}, value), "\n");
    }
  }
  if (component.parameters.values().empty()) {
    out.pop_back();
    out += " {}\n";
  }
}

/// Reads what canonical_config() wrote: every key is required.
class ConfigReader {
 public:
  ConfigReader(const Tree& root, const Catalogue& catalogue)
      : catalogue_(&catalogue),
        root_(
            root, "a resolved configuration",
            {"layout", "workload", "algorithm", "label", "study", "trial", "root_seed", "seed", "ruleset", "budget",
             "step_hint", "stop", "evaluate_every", "target", "checkpoint_every", "backend", "precision", "threads"}) {}

  [[nodiscard]] Cell cell() const {
    const std::int64_t layout = integer(root_, "layout");
    if (layout != config_layout)
      fail(root_.require("layout").at,
           cat("this configuration has layout ", layout, "; this program reads layout ", config_layout));
    Cell out;
    read_modules(out);
    read_place(out);
    read_rules(out);
    out.checkpoint_every = integer(root_, "checkpoint_every");
    out.backend = read_text(root_.require("backend"), "backend");
    out.precision = read_text(root_.require("precision"), "precision");
    out.threads = static_cast<int>(integer(root_, "threads"));
    return out;
  }

 private:
  [[nodiscard]] static std::int64_t integer(const Fields& fields, std::string_view key) {
    return read_integer(fields.require(key), key);
  }
  [[nodiscard]] static std::uint64_t seed(const Fields& fields, std::string_view key) {
    const Tree& value = fields.require(key);
    std::uint64_t out = 0;
    const std::string text = read_text(value, key);
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (end != text.data() + text.size() || problem != std::errc())
      fail(value.at, cat(key, " must be a whole number of at most 64 bits, not ", value.described()));
    return out;
  }
  [[nodiscard]] static bool none(const Tree& value) { return value.is_scalar() && value.scalar == "none"; }
  [[nodiscard]] static std::optional<double> real_or_none(const Fields& fields, std::string_view key) {
    const Tree& value = fields.require(key);
    return none(value) ? std::nullopt : std::optional<double>(read_real(value, key));
  }
  [[nodiscard]] static std::optional<std::int64_t> integer_or_none(const Fields& fields, std::string_view key) {
    const Tree& value = fields.require(key);
    return none(value) ? std::nullopt : std::optional<std::int64_t>(read_integer(value, key));
  }

  void read_modules(Cell& out) const {
    const Fields workload(root_.require("workload"), "the workload",
                          {"module", "version", "data_version", "synthetic"});
    out.workload = resolve(read_workload(workload.require("module"), *catalogue_, {}));
    out.workload_version = static_cast<int>(integer(workload, "version"));
    const Tree& data = workload.require("data_version");
    out.data_version = data.scalar;
    out.synthetic = read_boolean(workload.require("synthetic"), "synthetic");
    const Fields algorithm(root_.require("algorithm"), "the algorithm", {"module", "version"});
    out.algorithm = resolve(read_algorithm(algorithm.require("module"), *catalogue_, {}));
    out.algorithm_version = read_text(algorithm.require("version"), "version");
    out.label = read_text(root_.require("label"), "label");
  }

  void read_place(Cell& out) const {
    out.study = integer(root_, "study");
    out.trial = integer(root_, "trial");
    out.root_seed = seed(root_, "root_seed");
    out.seed = seed(root_, "seed");
    out.ruleset = read_text(root_.require("ruleset"), "ruleset");
  }

  void read_rules(Cell& out) const {
    const Fields budget(root_.require("budget"), "the budget", {"steps", "seconds", "work"});
    out.budget = {integer_or_none(budget, "steps"), real_or_none(budget, "seconds"),
                  budget.find("work") != nullptr ? integer_or_none(budget, "work") : std::nullopt};
    out.step_hint = integer(root_, "step_hint");
    const std::string stop = read_choice(root_.require("stop"), "stop", stop_rules);
    out.stop = static_cast<StopRule>(std::find(stop_rules.begin(), stop_rules.end(), stop) - stop_rules.begin());
    const Fields evaluate(root_.require("evaluate_every"), "evaluate_every", {"steps", "seconds"});
    out.evaluate = {integer_or_none(evaluate, "steps"), real_or_none(evaluate, "seconds")};
    const Fields target(root_.require("target"), "the target",
                        {"metric", "higher_is_better", "validation", "test", "confirm"});
    out.target.metric = read_text(target.require("metric"), "metric");
    out.target.higher_is_better = read_boolean(target.require("higher_is_better"), "higher_is_better");
    out.target.validation = real_or_none(target, "validation");
    out.target.test = real_or_none(target, "test");
    out.target.confirm = static_cast<int>(integer(target, "confirm"));
  }

  const Catalogue* catalogue_;
  Fields root_;
};

/// Nothing where none is set: such configurations and ids are older than this limit.
std::string work_of(const Budget& budget, std::string_view before) {
  return budget.work ? cat(before, *budget.work) : std::string();
}

}  // namespace

std::string_view name(StopRule rule) { return stop_rules[static_cast<std::size_t>(rule)]; }

Component workload_changes(const Component& workload, const Catalogue& catalogue) {
  return changes(workload, catalogue.workload(workload.name).parameters, catalogue);
}

std::string canonical_config(const Cell& cell) {
  std::string out =
      cat("layout: ", config_layout, "\nworkload:\n  module:\n    ", yaml_text(cell.workload.name), ":\n");
  write_parameters(cell.workload, "      ", out);
  out += cat("  version: ", cell.workload_version, "\n  data_version: \"", cell.data_version,
             "\"\n  synthetic: ", cell.synthetic ? "true" : "false", "\nalgorithm:\n  module:\n    ",
             yaml_text(cell.algorithm.name), ":\n");
  write_parameters(cell.algorithm, "      ", out);
  out += cat("  version: ", yaml_text(cell.algorithm_version), "\nlabel: ", yaml_text(cell.label),
             "\nstudy: ", cell.study, "\ntrial: ", cell.trial, "\nroot_seed: ", std::to_string(cell.root_seed),
             "\nseed: ", std::to_string(cell.seed), "\nruleset: ", yaml_text(cell.ruleset), "\n");
  out += cat("budget: {steps: ", optional_text(cell.budget.steps), ", seconds: ", optional_text(cell.budget.seconds),
             work_of(cell.budget, ", work: "), "}\nstep_hint: ", cell.step_hint, "\nstop: ", name(cell.stop),
             "\nevaluate_every: {steps: ", optional_text(cell.evaluate.steps),
             ", seconds: ", optional_text(cell.evaluate.seconds), "}\n");
  out += cat("target: {metric: ", yaml_text(cell.target.metric),
             ", higher_is_better: ", cell.target.higher_is_better ? "true" : "false",
             ", validation: ", optional_text(cell.target.validation), ", test: ", optional_text(cell.target.test),
             ", confirm: ", cell.target.confirm, "}\n");
  out += cat("checkpoint_every: ", cell.checkpoint_every, "\nbackend: ", yaml_text(cell.backend),
             "\nprecision: ", yaml_text(cell.precision), "\nthreads: ", cell.threads, "\n");
  return out;
}

Cell read_canonical_config(const std::string& text, const Catalogue& catalogue) {
  const Tree root = parse_yaml(text, "configuration");
  return ConfigReader(root, catalogue).cell();
}

std::string cell_id(const Cell& cell, const Catalogue& catalogue) {
  const ToYaml yaml;
  // Every line is part of the file format: changing one renames every stored trial.
  std::string identity = cat("workload: ", yaml.component(workload_changes(cell.workload, catalogue)),
                             "\nworkload version: ", cell.workload_version, "\ndata: ", cell.data_version,
                             cell.synthetic ? " synthetic" : "",
                             "\nalgorithm: ", yaml.component(algorithm_changes(cell.algorithm, catalogue)),
                             "\nalgorithm version: ", cell.algorithm_version, "\n");
  identity += cat("study: ", cell.study, "\ntrial: ", cell.trial, "\nseed: ", std::to_string(cell.seed), "\n");
  identity += cat("budget: ", optional_text(cell.budget.steps), " steps ", optional_text(cell.budget.seconds),
                  " seconds", work_of(cell.budget, " work "), "\nstep hint: ", cell.step_hint,
                  "\nstop: ", name(cell.stop), "\nevaluate: ", optional_text(cell.evaluate.steps), " steps ",
                  optional_text(cell.evaluate.seconds), " seconds\n");
  identity += cat("target: ", cell.target.metric,
                  cell.target.higher_is_better ? " >= " : " <= ", optional_text(cell.target.validation), " test ",
                  optional_text(cell.target.test), " confirm ", cell.target.confirm, "\n");
  identity += cat("backend: ", cell.backend, "\nprecision: ", cell.precision, "\nthreads: ", cell.threads, "\n");
  return sha256(identity).substr(0, 20);
}

}  // namespace velo
