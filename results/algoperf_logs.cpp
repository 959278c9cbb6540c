#include "results/algoperf_logs.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "results/csv.hpp"
#include "results/error.hpp"
#include "results/file_tree.hpp"
#include "results/files.hpp"
#include "results/parallel.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::string_view measurements = "eval_measurements.csv";
constexpr std::string_view hyperparameter_file = "hparams.json";

/// The number behind `prefix`, when the text is that and digits.
std::optional<std::int64_t> numbered(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return {};
  text.remove_prefix(prefix.size());
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  return std::stoll(std::string(text));
}

/// "ogbg_gelu_jax" -> "ogbg_gelu", "jax"; nothing when no framework ends it.
std::optional<std::pair<std::string, std::string>> workload_and_framework(const std::string& folder) {
  for (const std::string framework : {"jax", "pytorch"}) {
    if (folder.size() > framework.size() + 1 && folder.ends_with("_" + framework))
      return std::pair(folder.substr(0, folder.size() - framework.size() - 1), framework);
  }
  return {};
}

}  // namespace

std::string_view name(AlgoPerfRelease release) { return release == AlgoPerfRelease::v05 ? "v0.5" : "v0.6"; }

AlgoPerfRelease parse_algoperf_release(std::string_view text) {
  for (const AlgoPerfRelease release : {AlgoPerfRelease::v05, AlgoPerfRelease::v06})
    if (text == name(release)) return release;
  throw Error(cat("'", text, "' is not a release of AlgoPerf; the releases are v0.5 and v0.6"));
}

// ---- the table of workloads ----

namespace {

/// One row of the table, by column names.
class WorkloadRow {
 public:
  WorkloadRow(const CsvText& csv, std::size_t row, const std::string& file) : csv_(csv), row_(row), file_(file) {}

  [[nodiscard]] std::string text(const std::string& column) const {
    const auto at = csv_.column(column);
    return at ? std::string(csv_.field(row_, *at)) : std::string();
  }
  [[nodiscard]] std::optional<double> number(const std::string& column) const {
    const std::string given = text(column);
    const auto value = csv_number(given);
    if (!value)
      throw Error(cat("column '", column, "' of workload ", text("workload"), " in '", file_, "' is not a number: '",
                      given, "'"));
    return std::isnan(*value) ? std::nullopt : value;
  }
  [[nodiscard]] std::int64_t whole(const std::string& column) const {
    return static_cast<std::int64_t>(number(column).value_or(0));
  }

 private:
  const CsvText& csv_;
  std::size_t row_;
  const std::string& file_;
};

Direction direction_of(const WorkloadRow& row, const std::string& file) {
  const std::string word = row.text("direction");
  if (word == "min") return Direction::lower;
  if (word == "max") return Direction::higher;
  throw Error(
      cat("the direction of workload ", row.text("workload"), " in '", file, "' is 'min' or 'max', not '", word, "'"));
}

WorkloadRole role_of(const std::string& word) {
  if (word.empty() || word == "base") return WorkloadRole::base;
  return word.starts_with("held_out") ? WorkloadRole::held_out : WorkloadRole::unscored;
}

}  // namespace

std::vector<AlgoPerfWorkload> AlgoPerfWorkload::read(const std::filesystem::path& table, const AlgoPerfRules& rules) {
  const std::string file = table.string(), text = read_file(table);
  CsvText csv;
  csv.parse(text, file);
  for (const std::string needed : {"workload", "metric", "direction", "validation_target"}) {
    if (!csv.column(needed)) throw Error(cat("the workload table '", file, "' has no column '", needed, "'"));
  }
  const std::string release = rules.release == AlgoPerfRelease::v05 ? "v05" : "v06";
  std::vector<AlgoPerfWorkload> workloads;
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    const WorkloadRow row(csv, i, file);
    AlgoPerfWorkload w;
    w.name = row.text("workload");
    w.role = role_of(row.text("role_" + release));
    if (const std::string base = row.text("base_workload"); base != w.name) w.base = base;
    w.metric = row.text("metric");
    w.direction = direction_of(row, file);
    w.validation_target = row.number("validation_target");
    w.test_target = row.number("test_target");
    w.budget_seconds = row.number(cat("max_runtime_", release, "_", rules.ruleset, "_s"));
    w.evaluate_every_seconds = row.number("eval_period_s");
    w.step_hint = row.whole("step_hint_" + release);
    w.parameters = row.whole("num_params_pytorch");
    for (const auto& other : workloads)
      if (other.name == w.name) throw Error(cat("workload ", w.name, " is twice in '", file, "'"));
    workloads.push_back(std::move(w));
  }
  return workloads;
}

// ---- one trial ----

namespace {

/// Reads trials; one object a thread.
class TrialReader {
 public:
  TrialReader(const FileTree& tree, const std::vector<AlgoPerfWorkload>& workloads, LogDetail detail)
      : tree_(tree), workloads_(workloads), detail_(detail) {}

  /// Fills in what the trial's files say. False when there are no evaluations at all; throws Error for an unusable
  /// file of evaluations. A damaged file of hyperparameters goes to `problems`.
  bool read(AlgoPerfTrial& trial, std::vector<std::string>& problems) {
    const std::string file = cat(trial.folder, "/", measurements);
    const auto text = tree_.read(file, memory_);
    if (text) read_evaluations(trial, *text, file);
    if (detail_ == LogDetail::everything) {
      trial.digest = sha256(text.value_or(""));
      read_hyperparameters(trial, problems);
    }
    return text.has_value();
  }

 private:
  std::size_t required(const std::string& column, const std::string& file, const std::string& why = "") const {
    if (const auto at = csv_.column(column)) return *at;
    throw Error(cat("'", file, "' is not a log of AlgoPerf's evaluations: it has no column '", column, "'", why));
  }

  double number(std::size_t row, std::size_t column, const std::string& file) const {
    if (const auto value = csv_number(csv_.field(row, column))) return *value;
    throw Error(cat("line ", row + 2, " of '", file, "' has '", csv_.field(row, column), "' for a number in column '",
                    csv_.heading(column), "'"));
  }

  void read_evaluations(AlgoPerfTrial& trial, std::string_view text, const std::string& file) {
    csv_.parse(text, file);
    const AlgoPerfWorkload& workload = workloads_[trial.workload];
    const std::size_t step = required("global_step", file);
    const auto score = csv_.column("score");
    const std::size_t seconds = score ? *score : required("accumulated_submission_time", file);
    const std::size_t metric =
        required("validation/" + workload.metric, file, cat(", the target metric of ", workload.name));
    const bool higher = workload.direction == Direction::higher;
    const auto better = [&](double a, double b) { return higher ? a > b : a < b; };
    trial.evaluations = csv_.rows();
    for (std::size_t row = 0; row < csv_.rows(); ++row) {
      const double value = number(row, metric, file);
      const AlgoPerfEvaluation here{row, static_cast<std::int64_t>(finite(row, step, file)), finite(row, seconds, file),
                                    value};
      const bool hit = workload.validation_target &&
                       (value == *workload.validation_target || better(value, *workload.validation_target));
      if (hit && !trial.hit) trial.hit = here;
      if (!std::isnan(value) && (!trial.best || better(value, trial.best->metric))) trial.best = here;
      trial.last = here;
    }
    if (detail_ == LogDetail::everything) keep_columns(trial);
  }

  double finite(std::size_t row, std::size_t column, const std::string& file) const {
    const double value = number(row, column, file);
    if (std::isfinite(value) && value >= 0) return value;
    throw Error(cat("line ", row + 2, " of '", file, "' has no usable value in column '", csv_.heading(column), "': '",
                    csv_.field(row, column), "'"));
  }

  void keep_columns(AlgoPerfTrial& trial) const {
    for (std::size_t c = 0; c < csv_.columns(); ++c) {
      AlgoPerfColumn& column = trial.columns.emplace_back();
      column.name = csv_.heading(c);
      for (std::size_t row = 0; row < csv_.rows(); ++row) {
        const auto value = csv_number(csv_.field(row, c));
        column.values.push_back(value.value_or(std::nan("")));
        if (!value) column.words.emplace_back(row, csv_.field(row, c));
      }
    }
  }

  void read_hyperparameters(AlgoPerfTrial& trial, std::vector<std::string>& problems) {
    const std::string file = cat(trial.folder, "/", hyperparameter_file);
    const auto text = tree_.read(file, memory_);
    if (!text) return;
    trial.digest = sha256(cat(trial.digest, *text));
    const auto object = nlohmann::ordered_json::parse(*text, nullptr, false);
    if (object.is_object()) {
      trial.hyperparameters = object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    } else {
      problems.push_back(cat("'", file, "' is not a JSON object; the trial is read without its hyperparameters"));
    }
  }

  const FileTree& tree_;
  const std::vector<AlgoPerfWorkload>& workloads_;
  LogDetail detail_;
  CsvText csv_;
  std::string memory_;
};

// ---- the tree ----

/// Evaluations that lie where none belong.
struct Stray {
  std::string submission, place;
  std::string workload;  ///< that the table lacks; empty: the folder is none of a workload's
  std::size_t files = 0;
};

/// One folder of a study, and what was found in it.
struct Study {
  std::string submission, folder;
  std::int64_t number = 0;
  std::vector<AlgoPerfTrial> trials;
  std::vector<Stray> strays;
  std::vector<std::string> problems;
  std::size_t files = 0, broken = 0;
};

std::size_t count_measurements(const FileTree& tree, const std::string& folder) {
  std::size_t count = 0;
  for (const auto& [entry, is_folder] : tree.list(folder)) {
    count += entry == measurements;
    if (is_folder) count += count_measurements(tree, cat(folder, "/", entry));
  }
  return count;
}

std::size_t position(const std::vector<AlgoPerfWorkload>& workloads, const std::string& wanted) {
  const auto same = [&](const AlgoPerfWorkload& w) { return w.name == wanted; };
  return static_cast<std::size_t>(std::find_if(workloads.begin(), workloads.end(), same) - workloads.begin());
}

class TreeReader {
 public:
  TreeReader(const FileTree& tree, AlgoPerfLogs& logs, LogDetail detail) : tree_(tree), logs_(logs), detail_(detail) {}

  void read(int threads) {
    find_studies();
    std::atomic<std::size_t> next = 0;
    for_each_index(threads, threads, [&](std::int64_t) {
      TrialReader reader(tree_, logs_.workloads, detail_);
      for (std::size_t i = next++; i < studies_.size(); i = next++) read_study(studies_[i], reader);
    });
    gather();
  }

 private:
  void find_studies() {
    const auto top = tree_.list("");
    const bool one = std::any_of(top.begin(), top.end(), [](const auto& e) { return numbered(e.name, "study_"); });
    if (one) return find_studies(tree_.name(), "");
    for (const auto& [entry, is_folder] : top)
      if (is_folder) find_studies(entry, entry);
  }

  void find_studies(const std::string& submission, const std::string& folder) {
    for (const auto& [entry, is_folder] : tree_.list(folder)) {
      const std::string place = folder.empty() ? entry : cat(folder, "/", entry);
      if (!is_folder) {
        if (entry == measurements) strays_.push_back({submission, folder, "", 1});
      } else if (const auto number = numbered(entry, "study_")) {
        studies_.push_back({submission, place, *number, {}, {}, {}});
      } else if (const std::size_t files = count_measurements(tree_, place)) {
        strays_.push_back({submission, entry, "", files});
      }
    }
  }

  void read_study(Study& study, TrialReader& reader) const {
    try {
      const std::string shelf = study.folder.substr(study.folder.rfind('/') + 1);
      for (const auto& [entry, is_folder] : tree_.list(study.folder)) {
        const std::string place = cat(study.folder, "/", entry);
        const auto names = workload_and_framework(entry);
        const bool known = names && position(logs_.workloads, names->first) < logs_.workloads.size();
        if (is_folder && known) {
          read_workload(study, place, *names, reader);
        } else if (const std::size_t files = is_folder ? count_measurements(tree_, place) : entry == measurements) {
          study.strays.push_back({study.submission, cat(shelf, "/", entry), names ? names->first : "", files});
        }
      }
    } catch (const Error& problem) {
      study.problems.emplace_back(problem.what());
      ++study.broken;
    }
  }

  void read_workload(Study& study, const std::string& folder, const std::pair<std::string, std::string>& names,
                     TrialReader& reader) const {
    for (const auto& [entry, is_folder] : tree_.list(folder)) {
      const std::string place = cat(folder, "/", entry);
      const auto number = numbered(entry, "trial_");
      if (is_folder && number) {
        AlgoPerfTrial trial;
        trial.submission = study.submission;
        trial.framework = names.second;
        trial.workload = position(logs_.workloads, names.first);
        trial.study = study.number;
        trial.trial = *number;
        trial.folder = place;
        try {
          study.files += reader.read(trial, study.problems);
          study.trials.push_back(std::move(trial));
        } catch (const Error& problem) {
          study.problems.push_back(cat(problem.what(), "; the trial is left out"));
          ++study.files;
          ++study.broken;
        }
      } else if (const std::size_t files = is_folder ? count_measurements(tree_, place) : entry == measurements) {
        study.strays.push_back({study.submission, place.substr(study.submission.size() + 1), "", files});
      }
    }
  }

  void gather() {
    for (Study& study : studies_) {
      std::move(study.trials.begin(), study.trials.end(), std::back_inserter(logs_.trials));
      std::move(study.strays.begin(), study.strays.end(), std::back_inserter(strays_));
      std::move(study.problems.begin(), study.problems.end(), std::back_inserter(logs_.problems));
      logs_.files += study.files;
      logs_.broken += study.broken;
    }
    logs_.files_left_out = logs_.broken;
    const auto place = [](const AlgoPerfTrial& t) {
      return std::tie(t.submission, t.workload, t.study, t.trial, t.folder);
    };
    std::sort(logs_.trials.begin(), logs_.trials.end(),
              [&](const AlgoPerfTrial& a, const AlgoPerfTrial& b) { return place(a) < place(b); });
    settle_doubles();
    for (const AlgoPerfTrial& trial : logs_.trials) logs_.without_evaluations += trial.evaluations == 0;
    tell_strays();
  }

  /// Trials of the same number, by another framework or as trial_01: one speaks when the others say the same or
  /// nothing; none does when they contradict each other.
  void settle_doubles() {
    std::vector<AlgoPerfTrial> kept;
    auto& all = logs_.trials;
    for (std::size_t first = 0, end = 0; first < all.size(); first = end) {
      const auto place = [&](std::size_t i) {
        return std::tie(all[i].submission, all[i].workload, all[i].study, all[i].trial);
      };
      std::size_t speaker = first;
      bool agreed = true;
      std::vector<std::string> folders;
      for (end = first; end < all.size() && place(end) == place(first); ++end) {
        folders.push_back(all[end].folder);
        if (all[end].evaluations == 0) continue;
        if (all[speaker].evaluations == 0) speaker = end;
        agreed = agreed && same_evaluations(all[speaker], all[end]);
      }
      if (end == first + 1) {
        kept.push_back(std::move(all[first]));
        continue;
      }
      std::size_t files = 0;
      for (std::size_t i = first; i < end; ++i) files += all[i].evaluations > 0;
      logs_.problems.push_back(cat(join_words(folders), " are the same trial",
                                   agreed ? "; " : " with different content; ", agreed ? all[speaker].folder : "none",
                                   " is used"));
      logs_.files_left_out += agreed && files > 0 ? files - 1 : files;
      if (!agreed) logs_.broken += files;
      if (agreed) kept.push_back(std::move(all[speaker]));
    }
    all = std::move(kept);
  }

  [[nodiscard]] bool same_evaluations(const AlgoPerfTrial& a, const AlgoPerfTrial& b) const {
    std::string left, right;
    return &a == &b ||
           tree_.read(cat(a.folder, "/", measurements), left) == tree_.read(cat(b.folder, "/", measurements), right);
  }

  void tell_strays() {
    std::map<std::pair<std::string, std::string>, std::vector<Stray>> groups;  // missing workload or submission
    for (const Stray& stray : strays_) {
      logs_.files += stray.files;
      logs_.files_left_out += stray.files;
      groups[{stray.workload, stray.workload.empty() ? stray.submission : ""}].push_back(stray);
    }
    std::vector<std::string> names;
    for (const auto& workload : logs_.workloads) names.push_back(workload.name);
    for (const auto& [key, group] : groups) {
      std::size_t files = 0;
      std::vector<std::string> places;
      for (const Stray& stray : group) {
        files += stray.files;
        if (places.size() < 2)
          places.push_back(key.first.empty() ? stray.place : cat(stray.submission, "/", stray.place));
      }
      if (group.size() > places.size()) places.push_back(cat(group.size() - places.size(), " more"));
      const std::string what = cat(files, files == 1 ? " evaluation file" : " evaluation files");
      logs_.problems.push_back(
          key.first.empty()
              ? cat(key.second, ": ", what, files == 1 ? " lies" : " lie", " in folders without a workload (",
                    join_words(places), ") and ", files == 1 ? "is" : "are", " left out")
              : cat("workload '", key.first, "' is not in the table of workloads", did_you_mean(key.first, names), ": ",
                    what, " (", join_words(places), ") ", files == 1 ? "is" : "are", " left out"));
    }
  }

  const FileTree& tree_;
  AlgoPerfLogs& logs_;
  LogDetail detail_;
  std::vector<Study> studies_;
  std::vector<Stray> strays_;
};

}  // namespace

std::string AlgoPerfLogs::counts() const {
  std::string out = cat(files, files == 1 ? " evaluation file: " : " evaluation files: ", files - files_left_out,
                        " read, ", files_left_out, " left out");
  if (without_evaluations > 0)
    out += cat("; ", without_evaluations, without_evaluations == 1 ? " trial" : " trials", " without evaluations");
  return out;
}

AlgoPerfLogs read_algoperf_logs(const std::filesystem::path& root, std::vector<AlgoPerfWorkload> workloads,
                                const AlgoPerfRules& rules, LogDetail detail, int threads) {
  const auto tree = FileTree::open(root);
  AlgoPerfLogs logs;
  logs.root = tree->root();
  logs.rules = rules;
  logs.workloads = std::move(workloads);
  TreeReader(*tree, logs, detail).read(std::max(threads, 1));
  if (logs.trials.empty()) {
    const std::string why = logs.problems.empty() ? "" : cat("; ", logs.problems.front());
    throw Error(cat("there is no trial of AlgoPerf below '", logs.root,
                    "': it should hold SUBMISSION/study_0/WORKLOAD_FRAMEWORK/trial_1/eval_measurements.csv", why),
                ExitCode::nothing_measured);
  }
  return logs;
}

// ---- as velo's record has it ----

namespace {

const AlgoPerfColumn* find(const AlgoPerfTrial& trial, std::string_view column) {
  for (const AlgoPerfColumn& candidate : trial.columns)
    if (candidate.name == column) return &candidate;
  return nullptr;
}

std::optional<double> value_at(const AlgoPerfTrial& trial, const std::string& column, std::size_t row) {
  const AlgoPerfColumn* found = find(trial, column);
  if (found == nullptr || std::isnan(found->values[row])) return {};
  return found->values[row];
}

StopReason reason_of(const AlgoPerfTrial& trial, const AlgoPerfWorkload& workload) {
  if (trial.hit) return StopReason::target;
  if (std::isnan(trial.last->metric)) return StopReason::nan;
  // The runner looks at the budget when it evaluates, so the last evaluation lies within one period of it.
  const double reach = trial.last->seconds + workload.evaluate_every_seconds.value_or(0);
  return workload.budget_seconds && reach >= *workload.budget_seconds ? StopReason::budget : StopReason::unknown;
}

}  // namespace

TrialSummary summary_of(const AlgoPerfTrial& trial, const AlgoPerfLogs& logs) {
  const AlgoPerfWorkload& workload = logs.workloads[trial.workload];
  TrialSummary s;
  s.label = s.algorithm = trial.submission;
  s.workload = workload.name;
  s.workload_role = workload.role;
  s.base_workload = workload.base;
  s.algorithm_parameters = s.algorithm_changes = trial.hyperparameters;
  s.study = trial.study;
  s.trial = trial.trial;
  s.ruleset = logs.rules.ruleset;
  s.metric = workload.metric;
  s.direction = workload.direction;
  s.validation_target = workload.validation_target;
  s.test_target = workload.test_target;
  s.budget_seconds = workload.budget_seconds;
  s.evaluate_every_seconds = workload.evaluate_every_seconds;
  s.step_hint = workload.step_hint;
  s.parameters = workload.parameters;
  s.isolation = Isolation::exclusive;
  s.timeable = true;
  s.fingerprint.hardware_class = cat("algoperf ", name(logs.rules.release));
  s.fingerprint.backend = trial.framework;
  s.fingerprint.threads = 0;
  s.fingerprint.precision.clear();
  if (!trial.last) {
    s.status = Status::failed;
    s.stop_reason = s.result.reason = StopReason::unknown;
    s.message = "the log has no evaluations";
    return s;
  }
  const std::size_t end = trial.last->row;
  const AlgoPerfEvaluation& decisive = trial.hit ? *trial.hit : *trial.last;
  s.status = Status::done;
  s.stop_reason = reason_of(trial, workload);
  s.result = {.reached = trial.hit.has_value(),
              .reason = *s.stop_reason,
              .steps = decisive.step,
              .seconds = decisive.seconds,
              .evaluations = static_cast<std::int64_t>(decisive.row + 1)};
  if (trial.best) {
    s.best_validation = trial.best->metric;
    s.best_validation_step = trial.best->step;
  }
  if (!std::isnan(trial.last->metric)) s.final_validation = trial.last->metric;
  s.final_test = value_at(trial, "test/" + workload.metric, end);
  if (trial.hit) s.result_test = value_at(trial, "test/" + workload.metric, trial.hit->row);
  s.work.steps = trial.last->step;
  s.seconds.step = trial.last->seconds;
  s.seconds.eval = value_at(trial, "accumulated_eval_time", end).value_or(0);
  s.seconds.log = value_at(trial, "accumulated_logging_time", end).value_or(0);
  s.seconds.wall = value_at(trial, "total_duration", end).value_or(0);
  return s;
}

}  // namespace velo
