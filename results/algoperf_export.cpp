#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "results/algoperf_store.hpp"
#include "results/csv.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

/// Letters, digits, '.', '_' and '-': AlgoPerf's scorer reads names as patterns.
std::string file_name(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    if (plain) out += c;
    if (!plain && !out.empty() && out.back() != '_') out += '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out.empty() || out.front() == '.' ? cat("_", out) : out;
}

/// "fashion_mnist_mlp" and what differs from its defaults: "fashion_mnist_mlp_width_64".
std::string workload_name(const TrialSummary& s) {
  const auto changes = nlohmann::json::parse(s.workload_changes, nullptr, false);
  std::string out = s.workload;
  if (changes.is_object() && !changes.empty()) out += cat("_", changes.dump());
  return file_name(out);
}

/// Names that must stay apart once they are file names.
class Names {
 public:
  std::string of(const std::string& kind, const std::string& original, const std::string& name) {
    const auto [known, fresh] = originals_.try_emplace(name, original);
    if (!fresh && known->second != original)
      throw Error(cat("the ", kind, "s '", known->second, "' and '", original, "' would share the folder name '", name,
                      "'; export them one at a time"));
    return name;
  }

 private:
  std::map<std::string, std::string> originals_;
};

// ---- eval_measurements.csv ----

/// One column to be: heading and the text of every row.
using TextColumns = std::map<std::string, std::vector<std::string>>;

std::string number_field(double value) { return std::isnan(value) ? "" : number_text(value); }

void add_column(TextColumns& out, const std::string& heading, std::span<const double> values) {
  const bool nothing = std::all_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  if (nothing && heading == "total_duration") return;
  auto& column = out[heading];
  column.clear();
  for (const double value : values) column.push_back(number_field(value));
}

/// Words of an imported log go back to their rows: the first of the same step and time whose field is empty.
void restore_words(TextColumns& out, const Trajectory& trajectory) {
  const auto step = trajectory.evaluations.at("step"), seconds = trajectory.evaluations.at("seconds");
  for (const JournalEvent& event : trajectory.events) {
    const auto equals = event.text.rfind('=');
    if (event.kind != "word" || equals == std::string::npos) continue;
    const auto column = out.find(event.text.substr(0, equals));
    if (column == out.end()) continue;
    for (std::size_t row = 0; row < column->second.size(); ++row) {
      const bool here = static_cast<std::int64_t>(step[row]) == event.step && seconds[row] == event.seconds;
      if (!here || !column->second[row].empty()) continue;
      column->second[row] = csv_field(event.text.substr(equals + 1));
      break;
    }
  }
}

std::string measurements_of(const Trajectory& trajectory) {
  TextColumns columns;  // in alphabetical order, as AlgoPerf's runner writes them
  for (const Series& series : trajectory.evaluations.series) {
    const std::string& name = series.info.name;
    if (name.starts_with("validation/") || name.starts_with("test/")) add_column(columns, name, series.values);
    if (name.starts_with("observed/")) add_column(columns, name.substr(9), series.values);
  }
  const SeriesGroup& rows = trajectory.evaluations;
  add_column(columns, "global_step", rows.at("step"));
  add_column(columns, "score", rows.at("seconds"));
  add_column(columns, "total_duration", rows.at("wall_seconds"));
  if (!columns.contains("accumulated_submission_time"))
    add_column(columns, "accumulated_submission_time", rows.at("seconds"));
  restore_words(columns, trajectory);
  std::string text;
  for (const auto& [heading, values] : columns) text += cat(text.empty() ? "" : ",", csv_field(heading));
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    char separator = '\n';
    for (const auto& [heading, values] : columns) {
      text += separator + values[row];
      separator = ',';
    }
  }
  return text + '\n';
}

// ---- the tables ----

std::string optional_field(const std::optional<double>& value) { return value ? number_text(*value) : ""; }

std::string workload_table(const std::map<std::string, TrialSummary>& workloads) {
  std::string text =
      "workload,base_workload,role_v05,role_v06,metric,direction,validation_target,test_target,max_runtime_v05_"
      "external_s,"
      "max_runtime_v05_self_s,max_runtime_v06_external_s,max_runtime_v06_self_s,eval_period_s,step_hint_v05,"
      "step_hint_v06,num_params_pytorch\n";
  for (const auto& [name, s] : workloads) {
    const std::string role(velo::name(s.workload_role)), budget = optional_field(s.budget_seconds),
                                                         hint = number_text(s.step_hint);
    text +=
        cat(name, ",", s.base_workload.empty() ? name : s.base_workload, ",", role, ",", role, ",", csv_field(s.metric),
            ",", s.direction == Direction::higher ? "max" : "min", ",", optional_field(s.validation_target), ",",
            optional_field(s.test_target), ",", budget, ",", budget, ",", budget, ",", budget, ",",
            optional_field(s.evaluate_every_seconds), ",", hint, ",", hint, ",", number_text(s.parameters), "\n");
  }
  return text;
}

/// What AlgoPerf's scorer takes as --workload_targets (scoring/config.py of submissions_algorithms).
std::string scorer_targets(const std::map<std::string, TrialSummary>& workloads) {
  nlohmann::ordered_json base = nlohmann::ordered_json::array(), held_out = base;
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& [name, s] : workloads) {
    if (s.workload_role == WorkloadRole::base) base.push_back(name);
    if (s.workload_role == WorkloadRole::held_out) held_out.push_back(name);
    all[name] = {{"target_metric_name", s.metric},
                 {"validation_target_value", *s.validation_target},
                 {"step_hint", s.step_hint}};
  }
  return nlohmann::ordered_json{{"benchmark_version", "velodrome"},
                                {"base_workloads", base},
                                {"held_out_workloads", held_out},
                                {"workloads", all}}
             .dump(2) +
         "\n";
}

std::vector<std::pair<std::string, std::string>> cells_of(const Store& store, const std::string& sweep) {
  std::vector<std::pair<std::string, std::string>> cells;
  if (sweep.empty()) {
    for (const std::string& cell : store.cells()) cells.emplace_back(cell, "");
  } else {
    for (const SweepEntry& entry : store.read_sweep(sweep).cells) cells.emplace_back(entry.cell, entry.label);
  }
  return cells;
}

class Exporter {
 public:
  Exporter(const Store& store, fs::path target, std::string framework)
      : store_(store), target_(std::move(target)), framework_(std::move(framework)) {}

  void put(const std::string& cell, const std::string& label) {
    const auto run = store_.current_run(cell);
    if (!run) return;
    try {
      const TrialSummary summary = store_.read_status(*run);
      if (usable(summary)) write(summary, label);
    } catch (const Error& problem) {
      report_.problems.push_back(cat(problem.what(), "; the trial is left out"));
    }
  }

  AlgoPerfExport finish() {
    if (report_.trials == 0) {
      throw Error(cat("there is nothing to export in '", store_.root().string(), "'",
                      report_.problems.empty() ? "" : cat("; ", report_.problems.front())),
                  ExitCode::nothing_measured);
    }
    replace_file(target_ / "workloads.csv", workload_table(workloads_));
    replace_file(target_ / "workload_targets.json", scorer_targets(workloads_));
    return std::move(report_);
  }

 private:
  bool usable(const TrialSummary& s) {
    const std::string who = cat(s.label.empty() ? s.algorithm : s.label, " on ", s.workload, ", study ", s.study,
                                ", trial ", s.trial, " (", s.id.text(), ")");
    if (!s.validation_target) {
      report_.problems.push_back(cat(who, " has no target and is left out"));
      return false;
    }
    if (s.status != Status::done && s.status != Status::failed) {
      report_.problems.push_back(cat(who, " has not ended (", name(s.status), ") and is left out"));
      return false;
    }
    return true;
  }

  void write(const TrialSummary& s, const std::string& label) {
    const std::string entry = !label.empty() ? label : s.label.empty() ? s.algorithm : s.label;
    const std::string submission = submissions_.of("label", entry, file_name(entry));
    const std::string workload = names_.of("workload", s.workload + s.workload_changes, workload_name(s));
    const bool imported = s.fingerprint.backend == "jax" || s.fingerprint.backend == "pytorch";
    const fs::path folder = target_ / "logs" / submission / cat("study_", s.study) /
                            cat(workload, "_", imported ? s.fingerprint.backend : framework_) / cat("trial_", s.trial);
    if (!folders_.insert(folder.string()).second)
      throw Error(cat(entry, " has study ", s.study, ", trial ", s.trial, " on ", s.workload,
                      " more than once; export one sweep at a time"));
    const fs::path file = store_.folder(s.id).trajectory();
    const bool evaluated = fs::exists(file);
    const Trajectory trajectory = evaluated ? read_trajectory(file) : Trajectory{};
    make_folder(folder);
    replace_file(folder / "hparams.json", nlohmann::ordered_json::parse(s.algorithm_parameters).dump(2),
                 Durability::process);
    if (trajectory.evaluations.rows() > 0) {
      replace_file(folder / "eval_measurements.csv", measurements_of(trajectory), Durability::process);
    } else {
      ++report_.without_evaluations;
    }
    ++report_.trials;
    keep_workload(workload, s);
  }

  void keep_workload(const std::string& workload, const TrialSummary& s) {
    const auto [known, fresh] = workloads_.try_emplace(workload, s);
    if (!fresh && known->second.validation_target != s.validation_target)
      throw Error(cat("workload ", workload, " was run with targets ", *known->second.validation_target, " and ",
                      *s.validation_target, "; export one sweep at a time"));
  }

  const Store& store_;
  fs::path target_;
  std::string framework_;
  Names submissions_, names_;
  std::set<std::string> folders_;
  std::map<std::string, TrialSummary> workloads_;
  AlgoPerfExport report_;
};

}  // namespace

AlgoPerfExport export_algoperf(const Store& store, const std::string& sweep, const fs::path& target,
                               const std::string& framework) {
  if (fs::exists(target / "logs") && !fs::is_empty(target / "logs"))
    throw Error(cat("'", (target / "logs").string(), "' is not empty; export into a new folder"));
  make_folder(target);
  Exporter exporter(store, target, framework);
  for (const auto& [cell, label] : cells_of(store, sweep)) exporter.put(cell, label);
  return exporter.finish();
}

}  // namespace velo
