#include "analysis/load.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

void flatten(const nlohmann::json& node, const std::string& path, std::map<std::string, Setting>& out) {
  if (node.is_structured() && !node.empty()) {
    for (const auto& [key, value] : node.items()) flatten(value, path.empty() ? key : cat(path, ".", key), out);
    return;
  }
  if (path.empty()) return;
  Setting setting;
  setting.numeric = node.is_number();
  if (setting.numeric) setting.number = node.get<double>();
  setting.text = node.is_string()  ? node.get<std::string>()
                 : setting.numeric ? number_text(setting.number)
                                   : node.dump();
  out[path] = setting;
}

/// "name{a=1, b=2}", or the bare name for the default variant.
std::string variant_name(const std::string& workload, const std::string& changes) {
  std::string inside;
  for (const auto& [key, setting] : flatten_settings(changes)) {
    inside += cat(inside.empty() ? "" : ", ", key, "=", setting.text);
  }
  return inside.empty() ? workload : cat(workload, "{", inside, "}");
}

/// Whether a run speaks for its cell rather than another one of which is known whether it is done.
bool speaks_before(const TrialSummary& run, const std::string& other, bool other_done) {
  return std::tuple(run.status == Status::done, run.id.run) > std::tie(other_done, other);
}

/// The place of every trial's text among all different ones: few for so many trials, and numbers compare faster.
std::vector<std::size_t> ranks(const std::vector<TrialOutcome>& trials, std::string TrialOutcome::*text) {
  std::map<std::string_view, std::size_t> places;
  for (const TrialOutcome& trial : trials) places.try_emplace(trial.*text);
  std::size_t next = 0;
  for (auto& [word, place] : places) place = next++;
  std::vector<std::size_t> out;
  out.reserve(trials.size());
  for (const TrialOutcome& trial : trials) out.push_back(places[trial.*text]);
  return out;
}

/// By workload, label, study and trial. Trials are large: their places are sorted, and each is moved once, along the
/// cycles of the permutation, without a second list.
void sort_trials(std::vector<TrialOutcome>& trials) {
  std::vector<std::size_t> from(trials.size());
  std::iota(from.begin(), from.end(), std::size_t{0});
  {
    const auto workloads = ranks(trials, &TrialOutcome::workload), algorithms = ranks(trials, &TrialOutcome::algorithm);
    const auto key = [&](std::size_t i) {
      const TrialOutcome& t = trials[i];
      return std::tie(workloads[i], algorithms[i], t.study, t.trial, t.cell);
    };
    std::sort(from.begin(), from.end(), [&](std::size_t i, std::size_t j) { return key(i) < key(j); });
  }
  for (std::size_t start = 0; start < from.size(); ++start) {
    if (from[start] == start) continue;
    TrialOutcome first = std::move(trials[start]);
    std::size_t place = start;
    while (from[place] != start) {
      trials[place] = std::move(trials[from[place]]);
      place = std::exchange(from[place], place);
    }
    trials[place] = std::move(first);
    from[place] = place;
  }
}

using Labels = std::unordered_map<std::string, std::string>;  // by cell

/// Counts what could not be read of the cells (all of them: null), and says why the first of it could not. The trials are
/// still ordered by cell.
void count_unreadable(Race& race, const TrialIndex& index, const Labels* cells) {
  std::string reason, last;
  for (const auto& row : index.query("SELECT cell, reason FROM left_out ORDER BY cell, run").rows) {
    const std::string& cell = std::get<std::string>(row[0]);
    if (cells != nullptr && !cells->contains(cell)) continue;
    if (race.unreadable++ == 0) reason = std::get<std::string>(row[1]);
    const auto found = std::lower_bound(race.trials.begin(), race.trials.end(), cell,
                                        [](const TrialOutcome& trial, const std::string& c) { return trial.cell < c; });
    const bool spoken_for = found != race.trials.end() && found->cell == cell;
    if (cell != last && !spoken_for && race.not_run > 0) --race.not_run;
    last = cell;
  }
  if (race.unreadable > 0)
    race.notes.push_back(
        cat(race.unreadable, race.unreadable == 1 ? " run" : " runs", " could not be read and left out: ", reason));
}

}  // namespace

std::map<std::string, Setting> flatten_settings(const std::string& json) {
  std::map<std::string, Setting> out;
  if (json == "{}") return out;
  flatten(nlohmann::json::parse(json), "", out);
  return out;
}

TrialOutcome outcome_of(const TrialSummary& s) {
  TrialOutcome out;
  out.workload = variant_name(s.workload, s.workload_changes);
  out.workload_version = static_cast<int>(s.workload_version);
  if (s.workload_role == WorkloadRole::held_out) out.held_out_of = s.base_workload;
  out.unscored = s.workload_role == WorkloadRole::unscored;
  out.algorithm = s.label.empty() ? s.algorithm : s.label;
  out.algorithm_version = s.algorithm_version;
  out.division = s.division;
  out.study = s.study;
  out.trial = s.trial;
  out.hyperparameters = flatten_settings(s.algorithm_parameters);
  out.status = name(s.status);
  out.stop_reason = s.stop_reason ? std::string(name(*s.stop_reason)) : "";
  out.reached = s.result.reached;
  if (out.reached) out.hit_evaluation = s.result.evaluations - 1;
  out.steps = static_cast<double>(s.result.steps);
  out.example_gradients = s.work_to_result();
  out.seconds = s.result.seconds;
  out.metric = s.metric;
  out.higher_is_better = s.direction == Direction::higher;
  if (s.validation_target) out.target = *s.validation_target;
  if (s.best_validation) out.best_metric = *s.best_validation;
  if (s.seconds.wall > 0) {  // else they were not read
    out.phase_seconds = {{"init", s.seconds.init},
                         {"data", s.seconds.data},
                         {"step", s.seconds.step},
                         {"prepare", s.seconds.prepare},
                         {"eval", s.seconds.eval},
                         {"log", s.seconds.log},
                         {"checkpoint", s.seconds.checkpoint}};
  }
  out.timeable = s.timeable;
  out.resumed = s.resumed > 0;
  out.hardware_class = s.fingerprint.hardware_class;
  if (s.parameters > 0) {
    out.state_bytes_per_parameter = static_cast<double>(s.state_bytes) / static_cast<double>(s.parameters);
  }
  out.cell = s.id.cell;
  out.run = s.id.run;
  out.commit = s.fingerprint.git_commit;
  out.started = s.started_at;
  return out;
}

Race load_race(const Store& store, const std::string& sweep, TrialDetail detail, const std::string& where) {
  Race race;
  race.sweep = sweep;
  race.store = store.root().string();
  Labels labels;
  if (!sweep.empty()) {
    SweepManifest manifest = store.read_sweep(sweep);
    race.source = manifest.source;
    for (SweepEntry& entry : manifest.cells) labels[std::move(entry.cell)] = std::move(entry.label);
  }
  race.trials.reserve(labels.size());
  bool done = false;  // whether the run that speaks for the last cell so far is
  TrialIndex index = TrialIndex::open_read_only(store);
  if (!where.empty()) (void)index.narrow(where);
  index.each_trial("", detail, [&](TrialSummary& run) {  // by cell, then run
    const auto label = labels.find(run.id.cell);
    if (!sweep.empty() && label == labels.end()) return;
    const bool again = !race.trials.empty() && race.trials.back().cell == run.id.cell;
    race.superseded += again ? 1 : 0;
    if (again && !speaks_before(run, race.trials.back().run, done)) return;
    done = run.status == Status::done;
    if (again) race.trials.pop_back();
    TrialOutcome& outcome = race.trials.emplace_back(outcome_of(run));
    outcome.sweep = sweep;
    if (label != labels.end() && !label->second.empty()) outcome.algorithm = label->second;
    if (detail == TrialDetail::everything) outcome.path = store.folder(run.id).path.string();
  });
  race.asked = sweep.empty() ? race.trials.size() : labels.size();
  race.not_run = race.asked - std::min(race.asked, race.trials.size());
  count_unreadable(race, index, sweep.empty() ? nullptr : &labels);
  if (!where.empty()) {
    if (!sweep.empty() && race.not_run > 0)
      race.notes.push_back(cat(race.not_run, " of the ", race.asked,
                               " cells of the sweep were not run or do not meet '", where, "' and are left out"));
    race.asked = race.trials.size();
    race.not_run = 0;
  }
  if (race.not_run > 0)
    race.notes.push_back(cat(race.not_run, " of ", race.asked, " cells of the sweep have not been run yet"));
  if (race.trials.empty()) {
    const std::string why =
        !where.empty()
            ? cat("no trial of ", sweep.empty() ? cat("the store ", race.store) : cat("the sweep '", sweep, "'"),
                  " meets '", where, "'")
        : sweep.empty() ? cat("the store ", race.store, " has no runs")
                        : cat("no cell of the sweep '", sweep, "' has been run in ", race.store);
    throw Error(race.unreadable > 0 ? cat(why, "; ", race.notes.front()) : why, ExitCode::nothing_measured);
  }
  sort_trials(race.trials);
  return race;
}

Race race_of(const AlgoPerfLogs& logs) {
  Race race;
  race.store = logs.root;
  race.notes.push_back(logs.counts());
  race.notes.insert(race.notes.end(), logs.problems.begin(), logs.problems.end());
  std::vector<bool> run(logs.workloads.size());
  for (const AlgoPerfTrial& trial : logs.trials) {
    race.trials.push_back(outcome_of(summary_of(trial, logs)));
    race.trials.back().path = trial.folder;
    run[trial.workload] = true;
  }
  race.asked = race.trials.size();
  std::vector<std::string> missing;
  for (std::size_t w = 0; w < run.size(); ++w)
    if (!run[w] && logs.workloads[w].role == WorkloadRole::base) missing.push_back(logs.workloads[w].name);
  if (!missing.empty()) {
    race.notes.push_back(
        cat("nobody has trials on ", join_words(missing),
            ", which AlgoPerf counts: its program refuses such a pool, and scores here are over the others"));
  }
  return race;
}

}  // namespace velo::analysis
