#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "results/algoperf_store.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/index.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

constexpr std::size_t cell_digits = 20;

std::string yaml_number(const std::optional<double>& value) { return value ? number_text(*value) : "null"; }
std::string yaml_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// What was asked for; its digest is the cell.
std::string config_of(const AlgoPerfTrial& trial, const AlgoPerfLogs& logs) {
  const AlgoPerfWorkload& w = logs.workloads[trial.workload];
  return cat("# From a log of AlgoPerf.\n", "algoperf: ", name(logs.rules.release), "\nruleset: ", logs.rules.ruleset,
             "\nsubmission: ", yaml_text(trial.submission), "\nframework: ", trial.framework,
             "\nworkload: ", yaml_text(w.name), "\nworkload_role: ", name(w.role),
             "\nbase_workload: ", yaml_text(w.base), "\nmetric: ", yaml_text(w.metric),
             "\ndirection: ", name(w.direction), "\nvalidation_target: ", yaml_number(w.validation_target),
             "\ntest_target: ", yaml_number(w.test_target), "\nbudget_seconds: ", yaml_number(w.budget_seconds),
             "\nstudy: ", trial.study, "\ntrial: ", trial.trial, "\nhyperparameters: ", trial.hyperparameters, "\n");
}

Series series(const SeriesInfo& info, std::vector<double> values) { return {info, std::move(values)}; }

/// The columns of one log as the series of a trajectory.
class LogColumns {
 public:
  LogColumns(const AlgoPerfTrial& trial, const AlgoPerfLogs& logs)
      : trial_(trial), workload_(logs.workloads[trial.workload]) {
    for (const AlgoPerfWorkload& w : logs.workloads) directions_.emplace(w.metric, w.direction);
  }

  [[nodiscard]] SeriesGroup evaluations() {
    for (const SeriesInfo& info : evaluation_counters()) add_counter(info);
    for (const char* split : {"validation/", "test/"}) {
      for (const AlgoPerfColumn& column : trial_.columns)
        if (is_metric(column, split)) add_metric(column, std::string_view(split).size());
    }
    std::size_t number = 0;
    for (const AlgoPerfColumn& column : trial_.columns) {
      ++number;
      if (used_.insert(&column).second) add_observed(column, number);
    }
    return std::move(out_);
  }

  /// Words that stand where numbers are expected.
  [[nodiscard]] std::vector<JournalEvent> words(const SeriesGroup& rows) const {
    std::vector<JournalEvent> events;
    for (const AlgoPerfColumn& column : trial_.columns)
      for (const auto& [row, word] : column.words)
        events.push_back({"word", cat(column.name, "=", word), static_cast<std::int64_t>(rows.at("step")[row]),
                          rows.at("seconds")[row], rows.at("wall_seconds")[row], ""});
    return events;
  }

 private:
  const AlgoPerfColumn* find(std::string_view column) const {
    for (const AlgoPerfColumn& candidate : trial_.columns)
      if (candidate.name == column) return &candidate;
    return nullptr;
  }

  void add_counter(const SeriesInfo& info) {
    const AlgoPerfColumn* from = info.name == "step"           ? find("global_step")
                                 : info.name == "wall_seconds" ? find("total_duration")
                                                               : nullptr;
    if (info.name == "seconds") {
      from = find("score");
      if (from == nullptr) from = find("accumulated_submission_time");
    }
    if (from != nullptr) used_.insert(from);
    const double missing = info.unit == "s" ? std::nan("") : 0;
    out_.series.push_back(
        series(info, from != nullptr ? from->values : std::vector<double>(trial_.evaluations, missing)));
    taken_.insert(info.name);
  }

  /// A column of numbers "validation/<metric>": no word, and no count of examples.
  static bool is_metric(const AlgoPerfColumn& column, std::string_view split) {
    return column.name.starts_with(split) && column.name.size() > split.size() && column.words.empty() &&
           column.name.find('/', split.size()) == std::string::npos && !column.name.ends_with("/num_examples");
  }

  void add_metric(const AlgoPerfColumn& column, std::size_t split) {
    if (!taken_.insert(column.name).second) return;
    used_.insert(&column);
    const auto known = directions_.find(column.name.substr(split));
    const std::string metric = column.name.substr(split);
    const Direction direction = metric == workload_.metric   ? workload_.direction
                                : known != directions_.end() ? known->second
                                                             : Direction::none;
    out_.series.push_back(series({column.name, "", direction}, column.values));
  }

  /// Names that HDF5 could not keep apart, or at all, become "column_<n>".
  void add_observed(const AlgoPerfColumn& column, std::size_t number) {
    const std::string& given = column.name;
    const bool sound = !given.empty() && given.front() != '/' && given.back() != '/' &&
                       given.find("//") == std::string::npos && given.find("./") == std::string::npos && given != "." &&
                       std::none_of(taken_.begin(), taken_.end(), [&](const std::string& other) {
                         return other == "observed/" + given || other.starts_with("observed/" + given + "/") ||
                                cat("observed/", given).starts_with(other + "/");
                       });
    const std::string name = sound ? given : cat("column_", number);
    const bool seconds = given.starts_with("accumulated_") && given.ends_with("_time");
    taken_.insert("observed/" + name);
    out_.series.push_back(series({"observed/" + name, seconds ? "s" : "", Direction::none}, column.values));
  }

  const AlgoPerfTrial& trial_;
  const AlgoPerfWorkload& workload_;
  std::map<std::string, Direction> directions_;
  std::set<const AlgoPerfColumn*> used_;
  std::set<std::string> taken_;
  SeriesGroup out_;
};

Trajectory trajectory_of(const AlgoPerfTrial& trial, const AlgoPerfLogs& logs, const std::string& config) {
  Trajectory out;
  out.config = config;
  out.summary = summary_of(trial, logs);
  LogColumns columns(trial, logs);
  out.evaluations = columns.evaluations();
  out.events = columns.words(out.evaluations);
  for (const SeriesInfo& info : step_counters()) out.steps.series.push_back(series(info, {}));
  return out;
}

std::string sweep_name(const AlgoPerfLogs& logs) {
  std::string stem = std::filesystem::path(logs.root).filename().string();
  stem = stem.substr(0, stem.find(".t"));  // .tar.gz, .tgz
  for (char& c : stem)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') c = '_';
  return stem.empty() || stem.front() == '.' ? "algoperf" : stem;
}

void refuse_trained_sweep(const Store& store, const std::string& sweep) {
  const auto known = store.sweeps();
  if (std::find(known.begin(), known.end(), sweep) == known.end()) return;
  const std::string source = store.read_sweep(sweep).source;
  if (source.ends_with(".yaml") || source.ends_with(".yml"))
    throw Error(cat("the sweep '", sweep, "' of '", store.root().string(), "' is that of ", source,
                    "; give the imported trials another name with --sweep"));
}

/// A run folder for the cell, that of a killed import where there is one; nothing when the store has this log already.
/// log.txt is written last, so it says that the others are whole.
std::optional<RunRef> place_for(const Store& store, const std::string& cell, const std::string& origin) {
  const auto runs = store.runs(cell);
  if (runs.empty()) return store.new_run(cell);
  const auto mark = store.folder(runs.back()).log();
  if (!std::filesystem::exists(mark)) return runs.back();
  return read_file(mark) == origin ? std::nullopt : std::optional(store.new_run(cell));
}

void write_run(const Store& store, const RunRef& run, const AlgoPerfTrial& trial, const AlgoPerfLogs& logs,
               const std::string& config) {
  Trajectory trajectory = trajectory_of(trial, logs, config);
  trajectory.summary.id = run;
  const RunFolder folder = store.folder(run);
  replace_file(folder.config(), config, Durability::process);
  if (trial.evaluations > 0) write_trajectory(folder.trajectory(), trajectory, Durability::process);
  replace_file(folder.status(), summary_to_json(trajectory.summary), Durability::process);
}

}  // namespace

AlgoPerfImport import_algoperf(const AlgoPerfLogs& logs, const Store& store, std::string sweep) {
  AlgoPerfImport report;
  report.sweep = sweep.empty() ? sweep_name(logs) : std::move(sweep);
  refuse_trained_sweep(store, report.sweep);
  SweepManifest manifest{report.sweep, logs.root, {}};
  std::vector<RunRef> fresh;
  std::vector<std::string> origins;
  for (const AlgoPerfTrial& trial : logs.trials) {
    const std::string config = config_of(trial, logs);
    const std::string cell = sha256(config).substr(0, cell_digits);
    manifest.cells.push_back({cell, trial.submission});
    const bool known = !store.runs(cell).empty();
    make_folder(store.cell_folder(cell));
    const auto claim = store.claim(cell);
    if (!claim) {
      throw Error(cat("cell ", cell, " (", trial.folder,
                      ") is being worked on by another process; import again when it ended"));
    }
    std::string origin = cat("imported from ", trial.folder, ", sha256 ", trial.digest, "\n");
    const auto run = place_for(store, cell, origin);
    if (!run) {
      ++report.unchanged;
      continue;
    }
    write_run(store, *run, trial, logs, config);
    known ? ++report.changed : ++report.added;
    fresh.push_back(*run);
    origins.push_back(std::move(origin));
  }
  sync_file_system(store.root());  // thousands of single flushes would take minutes
  for (std::size_t i = 0; i < fresh.size(); ++i)
    replace_file(store.folder(fresh[i]).log(), origins[i], Durability::process);
  store.write_sweep(manifest);
  const bool indexed = std::filesystem::exists(store.index_file());
  TrialIndex index = TrialIndex::open(store);
  const IndexReport indexing = indexed ? index.ingest(fresh) : index.rebuild();
  if (!indexing.problems.empty()) throw Error(indexing.problems.front());
  index.refresh_sweeps();
  return report;
}

}  // namespace velo
