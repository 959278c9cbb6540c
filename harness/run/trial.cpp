#include "harness/run/trial.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <new>
#include <optional>

#include "harness/component_text.hpp"
#include "harness/run/checkpoint.hpp"
#include "harness/run/phase_clock.hpp"
#include "harness/run/trial_oracle.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/journal.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using WallClock = std::chrono::steady_clock;

double seconds_since(WallClock::time_point start) {
  return std::chrono::duration<double>(WallClock::now() - start).count();
}

/// Largest resident set of this process so far; 0 where the kernel does not say.
std::int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

/// Collects what an algorithm reports, under "observed/".
class Collector : public Observer {
 public:
  explicit Collector(std::vector<NamedValue>& out) : out_(out) {}
  void scalar(std::string_view name, double value) override { out_.push_back({cat("observed/", name), value}); }

 private:
  std::vector<NamedValue>& out_;
};

class Trial {
 public:
  Trial(const TrialRequest& request, const Registry& registry, const Store& store, const TrialHooks& hooks)
      : request_(request),
        cell_(request.cell),
        hooks_(hooks),
        folder_(store.folder(request.run)),
        info_(registry.workload(cell_.workload.name)),
        workload_(info_.make(cell_.workload.parameters, request.data)),
        algorithm_(registry.make(cell_.algorithm)),
        summary_(planned_summary(request, registry)),
        clock_(Phase::eval),
        oracle_(*workload_, info_.offered_by(cell_.workload.parameters), cell_.seed, clock_),
        arena_(workload_->layout(),
               {.examples = workload_->examples(Split::train), .loss_terms = workload_->loss_terms()}) {
    algorithm_->declare(arena_);
    arena_.allocate();
    summary_.parameters = workload_->layout().size();
    summary_.state_bytes = arena_.bytes();
    summary_.status = Status::running;
    summary_.started_at = utc_now();
  }

  TrialSummary run(const Store& store) {
    const bool resumed = resume(store);
    store.write_status(summary_);
    try {
      if (!resumed) begin();
      train();
    } catch (const std::bad_alloc&) {
      fail(StopReason::oom, "out of memory");
    } catch (const Error& error) {
      fail(StopReason::error, error.what());
    }
    finish(store);
    return summary_;
  }

 private:
  // --- beginning ------------------------------------------------------------------------------------------------

  /// Model, algorithm (which may change the initial parameters), first evaluation.
  void begin() {
    if (workload_->batch_size() > workload_->examples(Split::train))
      throw Error(cat("workload '", cell_.workload.name, "' has ", workload_->examples(Split::train),
                      " training examples, fewer than its batch_size of ", workload_->batch_size(),
                      "; set a smaller batch_size"));
    journal_.emplace(JournalWriter::create(folder_.journal()));
    declare_series();
    note("started");
    charge(lost_, {});
    workload_->init(RandomStream(cell_.seed, Purpose::initialisation), oracle_.params(), oracle_.mutable_model_state());
    oracle_.begin_step(progress_at(1));
    clock_.enter(Phase::init);
    algorithm_->init(oracle_, oracle_.params());
    evaluate(oracle_.params(), oracle_.model_state(), false);
    if (hit_step_)
      throw Error(cat("workload '", cell_.workload.name, "' meets its target of ", *cell_.target.validation,
                      " before any training; set a harder target"));
  }

  /// What killed attempts computed after their last checkpoint.
  struct Lost {
    double seconds = 0.0;
    std::int64_t steps = 0;
  };

  [[nodiscard]] static Lost recorded_losses(const JournalContent& journal) {
    Lost sum;
    for (const JournalEvent& event : journal.events) {
      if (event.kind != "lost_work") continue;
      sum.seconds += event.seconds;
      sum.steps += event.step;
    }
    return sum;
  }

  /// Continues a run that has a journal. False when it must start again, for lack of a checkpoint; the journal says what
  /// is lost either way.
  bool resume(const Store& store) {
    if (!std::filesystem::exists(folder_.journal())) return false;
    const TrialSummary before = store.read_status(request_.run);
    summary_.attempt = before.attempt + 1;
    summary_.resumed = before.resumed;
    summary_.started_at = before.started_at;
    const JournalContent journal = read_journal(folder_.journal());
    lost_ = recorded_losses(journal);
    const auto header = load_checkpoint(folder_.checkpoint(), request_.run.cell, oracle_, arena_);
    if (!header) {
      lost_ = {journal.last_seconds(), lost_.steps + journal.last_step()};
      return false;
    }
    ++summary_.resumed;
    clock_ = PhaseClock(Phase::eval, header->seconds);
    lost_ = {std::max(header->lost_seconds, journal.last_seconds() - clock_.charged()),
             lost_.steps + std::max<std::int64_t>(0, journal.last_step() - header->work.steps)};
    journal_.emplace(JournalWriter::resume(folder_.journal(), header->journal_bytes));
    const JournalContent kept = read_journal(folder_.journal());
    declare_series();
    for (const StepRow& row : kept.steps)
      if (!first_loss_ && std::isfinite(row.training_loss)) first_loss_ = row.training_loss;
    for (const EvaluationRow& row : kept.evaluations) recall(row);
    note("resumed");
    charge(lost_, recorded_losses(kept));
    return true;
  }

  /// Puts lost work on the clock; the journal gets what it does not hold yet.
  void charge(const Lost& total, const Lost& recorded) {
    clock_.charge_lost(total.seconds);
    summary_.lost_steps = total.steps;
    if (total.seconds <= recorded.seconds && total.steps <= recorded.steps) return;
    journal_->append(JournalEvent{.kind = "lost_work",
                                  .text = "computed after the last checkpoint by a killed attempt",
                                  .step = total.steps - recorded.steps,
                                  .seconds = total.seconds - recorded.seconds,
                                  .wall_seconds = wall(),
                                  .at = utc_now()});
  }

  /// Takes over an evaluation of an earlier attempt.
  void recall(const EvaluationRow& row) {
    std::vector<Metric> metrics;
    for (const NamedValue& value : row.values)
      if (value.name.rfind("validation/", 0) == 0) metrics.push_back({value.name.substr(11), value.value});
    const auto test = std::find_if(row.values.begin(), row.values.end(),
                                   [&](const NamedValue& v) { return v.name == "test/" + cell_.target.metric; });
    judge(row, metrics);
    if (test != row.values.end()) take_test(test->value);
    oracle_.add_evaluation({row.work.steps, std::move(metrics)});
    ++evaluations_;
  }

  void declare_series() {
    for (const MetricInfo& metric : info_.metrics)
      for (const Split split : {Split::validation, Split::test})
        journal_->declare({cat(name(split), "/", metric.name), metric.unit,
                           metric.higher_is_better ? Direction::higher : Direction::lower});
  }

  // --- the loop -------------------------------------------------------------------------------------------------

  [[nodiscard]] Progress progress_at(std::int64_t step) {
    double elapsed = 0.0;
    if (cell_.budget.steps) elapsed = static_cast<double>(step - 1) / static_cast<double>(*cell_.budget.steps);
    if (cell_.budget.seconds) elapsed = std::max(elapsed, clock_.charged() / *cell_.budget.seconds);
    if (cell_.budget.work)
      elapsed = std::max(elapsed, oracle_.work().charged() / static_cast<double>(*cell_.budget.work));
    return {.step = step, .step_hint = cell_.step_hint, .elapsed = std::min(elapsed, 1.0)};
  }

  void train() {
    Work& work = oracle_.work();
    last_evaluation_ = WallClock::now();
    last_checkpoint_ = WallClock::now();
    std::optional<StopReason> stop = hit_ended() ? std::optional(StopReason::target) : std::nullopt;
    while (!stop) {
      clock_.enter(Phase::step);
      oracle_.begin_step(progress_at(work.steps + 1));
      algorithm_->step(oracle_, oracle_.params());
      ++work.steps;
      clock_.enter(Phase::log);
      log_step();
      stop = why_stop();
      const bool last = stop == StopReason::finished || stop == StopReason::budget;
      if (last || (!stop && evaluation_due())) {
        evaluate_now(last);
        if (hit_ended()) stop = StopReason::target;
      }
      if (!stop && checkpoint_due()) checkpoint();
      if (hooks_.interrupted && hooks_.interrupted()) {
        if (!stop) checkpoint();
        stop = stop.value_or(StopReason::interrupted);
      }
    }
    summary_.stop_reason = stop;
  }

  /// What ends the run after this step, target aside.
  [[nodiscard]] std::optional<StopReason> why_stop() {
    const double loss = oracle_.step_loss();
    if (oracle_.asked() && !std::isfinite(loss)) return StopReason::nan;
    if (oracle_.asked() && !first_loss_) first_loss_ = loss;
    // Eight orders of magnitude above the start: no schedule brings that back.
    if (first_loss_ && loss > 1e8 * std::max(std::abs(*first_loss_), 1.0)) return StopReason::diverged;
    if (request_.enough && oracle_.work().charged() >= *request_.enough) return StopReason::stopped_lossless;
    if (algorithm_->finished()) return StopReason::finished;
    if (cell_.budget.steps && oracle_.work().steps >= *cell_.budget.steps) return StopReason::budget;
    if (cell_.budget.seconds && clock_.charged() >= *cell_.budget.seconds) return StopReason::budget;
    if (cell_.budget.work && oracle_.work().charged() >= static_cast<double>(*cell_.budget.work))
      return StopReason::budget;
    return std::nullopt;
  }

  [[nodiscard]] bool evaluation_due() const {
    if (cell_.evaluate.steps) return oracle_.work().steps % *cell_.evaluate.steps == 0;
    return cell_.evaluate.seconds && seconds_since(last_evaluation_) >= *cell_.evaluate.seconds;
  }

  void evaluate_now(bool last) {
    clock_.enter(Phase::prepare);
    oracle_.begin_prepare();
    algorithm_->prepare_for_eval(oracle_, oracle_.params());
    evaluate(algorithm_->evaluation_params(oracle_.params()), algorithm_->evaluation_model_state(oracle_.model_state()),
             last);
    last_evaluation_ = WallClock::now();
  }

  void evaluate(const ConstVector& params, const ConstVector& model_state, bool last) {
    clock_.enter(Phase::eval);
    EvaluationRow row{.work = oracle_.work(), .seconds = clock_.charged(), .wall_seconds = wall(), .values = {}};
    std::vector<Metric> metrics = workload_->evaluate(params, model_state, Split::validation);
    for (const Metric& metric : metrics) row.values.push_back({cat("validation/", metric.name), metric.value});
    const bool hit = judge(row, metrics);
    if (hit || last) {
      for (const Metric& metric : workload_->evaluate(params, model_state, Split::test)) {
        row.values.push_back({cat("test/", metric.name), metric.value});
        if (metric.name == cell_.target.metric) take_test(metric.value);
      }
    }
    Collector collector(row.values);
    if (row.work.steps > 0) algorithm_->observe(collector);
    clock_.enter(Phase::log);
    journal_->append(row);
    oracle_.add_evaluation({row.work.steps, std::move(metrics)});
    ++evaluations_;
    if (hooks_.progress)
      hooks_.progress({row.work.steps, progress_at(row.work.steps + 1).elapsed, row.seconds,
                       summary_.final_validation.value_or(0.0)});
    if (hooks_.heartbeat && !hooks_.heartbeat())
      throw Error(cat("another process has taken over cell ", request_.run.cell));
  }

  // --- judging --------------------------------------------------------------------------------------------------

  [[nodiscard]] bool better(double a, double b) const { return cell_.target.higher_is_better ? a > b : a < b; }

  /// Compares an evaluation with the target. True when it begins a streak of hits: test is measured there.
  bool judge(const EvaluationRow& row, const std::vector<Metric>& metrics) {
    const auto found =
        std::find_if(metrics.begin(), metrics.end(), [&](const Metric& m) { return m.name == cell_.target.metric; });
    if (found == metrics.end())
      throw Error(cat("workload '", cell_.workload.name, "' has no metric '", cell_.target.metric, "'"));
    const double value = found->value;
    summary_.final_validation.reset();
    if (std::isfinite(value)) {
      summary_.final_validation = value;
      if (!summary_.best_validation || better(value, *summary_.best_validation)) {
        summary_.best_validation = value;
        summary_.best_validation_step = row.work.steps;
      }
    }
    if (!cell_.target.validation || hit_ended()) return false;
    const bool hit = value == *cell_.target.validation || better(value, *cell_.target.validation);
    streak_ = hit ? streak_ + 1 : 0;
    if (!hit) return false;
    if (streak_ == 1) {
      streak_row_ = row;
      streak_evaluation_ = evaluations_ + 1;
      streak_test_.reset();
    }
    if (streak_ == cell_.target.confirm) {
      hit_step_ = streak_row_.work.steps;
      summary_.result = {.reached = true,
                         .reason = StopReason::target,
                         .steps = streak_row_.work.steps,
                         .examples = streak_row_.work.examples,
                         .example_gradients = streak_row_.work.example_gradients,
                         .seconds = streak_row_.seconds,
                         .evaluations = streak_evaluation_,
                         .work = streak_row_.work.charged()};
      summary_.result_test = streak_test_;
    }
    return streak_ == 1;
  }

  void take_test(double value) {
    if (!std::isfinite(value)) return;
    summary_.final_test = value;
    if (streak_ == 1) streak_test_ = value;
    if (streak_ == 1 && hit_step_) summary_.result_test = value;
  }

  [[nodiscard]] bool hit_ended() const { return hit_step_ && cell_.stop != StopRule::budget; }

  // --- records --------------------------------------------------------------------------------------------------

  /// Ten logged steps between evaluations, and each of the first ten.
  void log_step() {
    const std::int64_t step = oracle_.work().steps;
    const std::int64_t every = std::max<std::int64_t>(1, cell_.evaluate.steps.value_or(100) / 10);
    if (step > 10 && step % every != 0) return;
    row_.step = step;
    row_.seconds = clock_.charged();
    row_.training_loss = oracle_.step_loss();
    row_.values.clear();
    Collector collector(row_.values);
    algorithm_->observe(collector);
    journal_->append(row_);
  }

  [[nodiscard]] bool checkpoint_due() const {
    if (cell_.checkpoint_every > 0)
      return evaluations_ > checkpointed_evaluations_ && evaluations_ % cell_.checkpoint_every == 0;
    return seconds_since(last_checkpoint_) >= request_.checkpoint_seconds;
  }

  void checkpoint() {
    clock_.enter(Phase::checkpoint);
    note("checkpoint");
    journal_->sync();
    save_checkpoint(folder_.checkpoint(),
                    {.cell = request_.run.cell,
                     .journal_bytes = journal_->position(),
                     .work = oracle_.work(),
                     .position = oracle_.stream().position(),
                     .batches = oracle_.stream().batches(),
                     .seconds = clock_.seconds(),
                     .lost_seconds = clock_.lost()},
                    oracle_, arena_);
    last_checkpoint_ = WallClock::now();
    checkpointed_evaluations_ = evaluations_;
  }

  void note(const char* kind, const std::string& text = {}) {
    journal_->append(JournalEvent{.kind = kind,
                                  .text = text,
                                  .step = oracle_.work().steps,
                                  .seconds = clock_.charged(),
                                  .wall_seconds = wall(),
                                  .at = utc_now()});
  }

  /// Wall seconds of all attempts.
  [[nodiscard]] double wall() {
    double sum = clock_.lost();
    for (const double seconds : clock_.seconds()) sum += seconds;
    return sum;
  }

  // --- the end --------------------------------------------------------------------------------------------------

  void fail(StopReason reason, const std::string& message) {
    summary_.stop_reason = reason;
    summary_.message = message;
    summary_.status = Status::failed;
  }

  void finish(const Store& store) {
    const StopReason reason = *summary_.stop_reason;
    summary_.work = oracle_.work();
    if (oracle_.asked() && std::isfinite(oracle_.step_loss())) summary_.final_training_loss = oracle_.step_loss();
    if (!summary_.result.reached)
      summary_.result = {.reached = false,
                         .reason = reason,
                         .steps = summary_.work.steps,
                         .examples = summary_.work.examples,
                         .example_gradients = summary_.work.example_gradients,
                         .seconds = clock_.charged(),
                         .evaluations = evaluations_,
                         .work = summary_.work.charged()};
    if (journal_) note("stopped", std::string(name(reason)));
    const auto& spent = clock_.seconds();
    const auto at = [&](Phase phase) { return spent[static_cast<std::size_t>(phase)]; };
    summary_.lost_seconds = clock_.lost();
    summary_.seconds = {.init = at(Phase::init),
                        .data = at(Phase::data),
                        .step = at(Phase::step),
                        .prepare = at(Phase::prepare),
                        .eval = at(Phase::eval),
                        .log = at(Phase::log),
                        .checkpoint = at(Phase::checkpoint),
                        .wall = wall()};
    summary_.peak_memory_bytes = peak_memory_bytes();
    summary_.finished_at = utc_now();
    if (summary_.status == Status::running)
      summary_.status = reason == StopReason::interrupted ? Status::stale : Status::done;
    if (journal_ && reason != StopReason::interrupted) {
      journal_->sync();
      write_trajectory(folder_.trajectory(),
                       make_trajectory(read_journal(folder_.journal()), summary_, read_file(folder_.config())));
    }
    store.write_status(summary_);
    if (summary_.status == Status::done) std::filesystem::remove(folder_.checkpoint());
  }

  const TrialRequest& request_;
  const Cell& cell_;
  const TrialHooks& hooks_;
  RunFolder folder_;
  const WorkloadInfo& info_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<TrainingAlgorithm> algorithm_;
  TrialSummary summary_;
  PhaseClock clock_;
  TrialOracle oracle_;
  StateArena arena_;
  std::optional<JournalWriter> journal_;
  StepRow row_;
  std::optional<double> first_loss_;

  std::int64_t evaluations_ = 0;
  std::int64_t checkpointed_evaluations_ = 0;
  WallClock::time_point last_evaluation_;
  WallClock::time_point last_checkpoint_;

  int streak_ = 0;
  EvaluationRow streak_row_;
  std::int64_t streak_evaluation_ = 0;  // number of that row, from 1
  std::optional<double> streak_test_;
  std::optional<std::int64_t> hit_step_;

  Lost lost_;
};

}  // namespace

TrialSummary planned_summary(const TrialRequest& request, const Registry& registry) {
  const Cell& cell = request.cell;
  TrialSummary s;
  s.id = request.run;
  s.label = cell.label;
  s.workload = cell.workload.name;
  s.workload_parameters = parameters_json(cell.workload);
  s.workload_changes = workload_changes_json(cell.workload, registry);
  s.workload_version = cell.workload_version;
  s.data_version = cell.data_version;
  s.synthetic = cell.synthetic;
  s.algorithm = short_form(cell.algorithm);
  s.algorithm_parameters = parameters_json(cell.algorithm);
  s.algorithm_changes = algorithm_changes_json(cell.algorithm, registry);
  s.algorithm_version = cell.algorithm_version;
  s.study = cell.study;
  s.trial = cell.trial;
  s.root_seed = static_cast<std::int64_t>(cell.root_seed);
  s.seed = cell.seed;
  s.ruleset = cell.ruleset;
  s.division = std::string(name(registry.division(cell.algorithm)));
  s.metric = cell.target.metric;
  s.direction = cell.target.higher_is_better ? Direction::higher : Direction::lower;
  s.validation_target = cell.target.validation;
  s.test_target = cell.target.test;
  s.confirm = cell.target.confirm;
  s.budget_steps = cell.budget.steps;
  s.budget_seconds = cell.budget.seconds;
  s.budget_work = cell.budget.work;
  s.step_hint = cell.step_hint;
  s.stop_rule = cell.stop == StopRule::target ? "target" : cell.stop == StopRule::budget ? "budget" : "lossless";
  s.evaluate_every_steps = cell.evaluate.steps;
  s.evaluate_every_seconds = cell.evaluate.seconds;
  s.isolation = request.isolation;
  s.timeable = request.isolation != Isolation::shared;
  s.fingerprint = request.fingerprint;
  return s;
}

namespace {

/// What is kept of a trial whose workload or algorithm cannot be made as it was asked for.
TrialSummary refused(const TrialRequest& request, const Registry& registry, const Store& store, StopReason reason,
                     const std::string& message) {
  TrialSummary summary = planned_summary(request, registry);
  summary.status = Status::failed;
  summary.stop_reason = summary.result.reason = reason;
  summary.message = message;
  summary.started_at = summary.finished_at = utc_now();
  store.write_status(summary);
  return summary;
}

}  // namespace

TrialSummary run_trial(const TrialRequest& request, const Registry& registry, const Store& store,
                       const TrialHooks& hooks) {
  std::optional<Trial> trial;
  try {
    trial.emplace(request, registry, store, hooks);
  } catch (const std::bad_alloc&) {
    return refused(request, registry, store, StopReason::oom, "out of memory");
  } catch (const Error& error) {
    return refused(request, registry, store, StopReason::error, error.what());
  }
  return trial->run(store);
}

}  // namespace velo
