#include "harness/executors/campaign.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <map>

#include "harness/component_text.hpp"
#include "results/files.hpp"
#include "results/index.hpp"
#include "results/text.hpp"

namespace velo {

std::string_view name(Need need) {
  constexpr std::array<std::string_view, 7> names = {"new", "resume", "retry", "redo", "done", "failed", "elsewhere"};
  return names[static_cast<std::size_t>(need)];
}

bool needs_work(Need need) {
  return need == Need::fresh || need == Need::resume || need == Need::retry || need == Need::redo;
}

std::string progress_line(std::int64_t step, double fraction, double seconds, double validation) {
  return cat("progress ", step, " ", fraction, " ", seconds, " ", validation);
}

Need assess(const Store& store, const std::string& cell, const CampaignSettings& settings) {
  const auto claim = store.claim_state(cell);
  if (claim && claim->alive) return Need::elsewhere;
  const auto run = store.current_run(cell);
  if (!run) return Need::fresh;
  switch (store.observed_status(store.read_status(*run))) {
    case Status::done:
      return settings.redo ? Need::redo : Need::done;
    case Status::failed:
      return settings.retry_failed || settings.redo ? Need::retry : Need::failed;
    case Status::planned:
      return Need::fresh;
    case Status::running:
    case Status::stale:
      return Need::resume;
  }
  return Need::fresh;
}

namespace {

/// The folder in which a cell's trial will run or go on. Made under the cell's claim, which the worker then takes.
RunRef run_folder(const Store& store, const Task& task, Need need) {
  const auto current = store.current_run(task.id);
  const bool goes_on = current && (need == Need::resume || need == Need::fresh);
  const auto claim = store.claim(task.id);
  RunRef run = goes_on ? *current : store.new_run(task.id);
  // A coordinator may have been killed between making the folder and writing into it.
  const auto config = store.folder(run).config();
  if (!std::filesystem::exists(config)) replace_file(config, canonical_config(task.cell));
  return run;
}

class Campaign {
 public:
  Campaign(const std::vector<Task>& tasks, const Store& store, const CampaignSettings& settings,
           const CampaignEvents& events, std::atomic<bool>& stop)
      : tasks_(tasks),
        store_(store),
        settings_(settings),
        events_(events),
        stop_(stop),
        index_(TrialIndex::open(store)) {}

  CampaignReport run() {
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
      const Need need = assess(store_, tasks_[task].id, settings_);
      if (needs_work(need)) {
        add_job(task, need);
      } else {
        ++report_.skipped;
        if (need == Need::done) note_result(task, store_.read_status(*store_.current_run(tasks_[task].id)));
      }
    }
    PoolEvents pool_events;
    pool_events.starting = [this](std::size_t job, std::vector<std::string>& command) {
      const std::size_t task = job_tasks_[job];
      if (tasks_[task].cell.stop != StopRule::lossless) return;
      const auto best = best_of_study_.find(study_key(task));
      if (best == best_of_study_.end()) return;
      command.insert(command.end(), {"--enough", number_text(best->second)});
    };
    pool_events.started = [this](std::size_t job) {
      if (events_.started) events_.started(job_tasks_[job]);
    };
    pool_events.line = [this](std::size_t job, const std::string& line) { read_line(job_tasks_[job], line); };
    pool_events.finished = [this](std::size_t job, const JobEnd& end) { finish(job, end); };
    pool_events.tick = events_.tick;
    run_pool(settings_.pool, jobs_, pool_events, stop_);
    index_.refresh_sweeps();
    return report_;
  }

 private:
  void add_job(std::size_t task, Need need) {
    const RunRef run = run_folder(store_, tasks_[task], need);
    jobs_.push_back(
        {.command = {settings_.program, "trial", "--out", store_.root().string(), "--run", run.text(), "--data",
                     settings_.data_directory, "--isolation", settings_.pool.pin ? "pinned" : "shared",
                     "--checkpoint-seconds", number_text(settings_.checkpoint_seconds)},
         .log = store_.folder(run).log().string()});
    runs_.push_back(run);
    job_tasks_.push_back(task);
  }

  /// What the trials of one study share.
  [[nodiscard]] std::string study_key(std::size_t task) const {
    const Cell& cell = tasks_[task].cell;
    return cat(cell.label, "\n", cell.workload.name, parameters_json(cell.workload), "\n", cell.study);
  }

  void note_result(std::size_t task, const TrialSummary& summary) {
    if (summary.stop_reason == StopReason::stopped_lossless) ++report_.stopped_lossless;
    if (summary.status != Status::done || !summary.result.reached) return;
    const auto [best, first] = best_of_study_.emplace(study_key(task), summary.work_to_result());
    if (!first) best->second = std::min(best->second, summary.work_to_result());
  }

  void read_line(std::size_t task, const std::string& line) {
    long long step = 0;
    double fraction = 0.0;
    double seconds = 0.0;
    double validation = 0.0;
    if (std::sscanf(line.c_str(), "progress %lld %lf %lf %lf", &step, &fraction, &seconds, &validation) == 4 &&
        events_.progress)
      events_.progress(task, step, fraction, seconds, validation);
  }

  void finish(std::size_t job, const JobEnd& end) {
    if (end.exit_code == worker_exit_elsewhere) {
      ++report_.skipped;
      return;
    }
    const RunRef& run = runs_[job];
    TrialSummary summary = settle(run, end);
    index_.ingest(run);
    note_result(job_tasks_[job], summary);
    ++report_.ran;
    if (summary.status == Status::failed) {
      ++report_.failed;
      if (settings_.fail_fast) stop_ = true;
    }
    if (summary.status == Status::stale) ++report_.interrupted;
    if (events_.finished) events_.finished(job_tasks_[job], summary);
  }

  /// The run's status after its process has ended: a worker that was killed could not write it itself.
  TrialSummary settle(const RunRef& run, const JobEnd& end) {
    const bool written = std::filesystem::exists(store_.folder(run).status());
    TrialSummary summary = written ? store_.read_status(run) : TrialSummary{};
    summary.id = run;
    if (summary.status != Status::running && summary.status != Status::planned) return summary;
    const bool timed_out = end.signal == SIGKILL && settings_.pool.timeout_seconds > 0;
    summary.stop_reason = stop_ || end.signal == SIGTERM ? StopReason::interrupted
                          : timed_out                    ? StopReason::timeout
                          : end.signal == SIGKILL        ? StopReason::interrupted
                                                         : StopReason::error;
    summary.status = summary.stop_reason == StopReason::interrupted ? Status::stale : Status::failed;
    if (end.signal == SIGKILL && !timed_out) {
      summary.message = "its process was killed, by hand or for memory; `velo run` again resumes it";
    } else if (end.signal != 0) {
      summary.message =
          cat("its process was ended by signal ", end.signal, "; see ", store_.folder(run).log().string());
    } else {
      summary.message =
          cat("its process ended with status ", end.exit_code, "; see ", store_.folder(run).log().string());
    }
    summary.result.reason = *summary.stop_reason;
    summary.peak_memory_bytes = std::max(summary.peak_memory_bytes, end.peak_memory_bytes);
    store_.write_status(summary);
    return summary;
  }

  const std::vector<Task>& tasks_;
  const Store& store_;
  const CampaignSettings& settings_;
  const CampaignEvents& events_;
  std::atomic<bool>& stop_;
  TrialIndex index_;
  std::vector<Job> jobs_;
  std::vector<RunRef> runs_;
  std::vector<std::size_t> job_tasks_;
  std::map<std::string, double> best_of_study_;  ///< least work to the target
  CampaignReport report_;
};

}  // namespace

CampaignReport run_campaign(const std::vector<Task>& tasks, const Store& store, const CampaignSettings& settings,
                            const CampaignEvents& events, std::atomic<bool>& stop) {
  return Campaign(tasks, store, settings, events, stop).run();
}

}  // namespace velo
