#include "results/summaries.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "results/sqlite.hpp"

namespace velo {

namespace {

using sqlite::Statement;
constexpr double never = std::numeric_limits<double>::infinity();
constexpr std::size_t most_bins = 10;
constexpr std::size_t most_steps = 256;
constexpr std::int64_t grid_steps = 64;

/// What the summaries need of a run.
struct RunRow {
  std::int64_t id = 0, machine = 0, digest = 0, study = 0;
  bool done = false, broke_down = false, failed = false, hit = false, timeable = false;
  std::string reason;
  double steps = 0, work = 0, seconds = 0;
  std::optional<double> best;
  std::array<double, 6> spent{};  // on the clock, data, step, prepare, eval, wall
  std::int64_t total_steps = 0, total_example_gradients = 0, parameters = 0, state_bytes = 0, peak_memory = 0;
  std::string started, settings;
};

constexpr const char* run_columns =
    "id, machine, digest, study, status, coalesce(stop_reason, ''), target_reached, timeable, steps_to_result, "
    "work_to_result, seconds_to_result, best_validation, "
    "init_seconds + data_seconds + step_seconds + prepare_seconds + lost_seconds, data_seconds, step_seconds, "
    "prepare_seconds, eval_seconds, wall_seconds, steps, example_gradients, parameters, state_bytes, "
    "peak_memory_bytes, "
    "started_at, algorithm_changes";

RunRow read_run(const Statement& rows) {
  RunRow run;
  run.id = rows.whole(0);
  run.machine = rows.whole(1);
  run.digest = rows.whole(2);
  run.study = rows.whole(3);
  const auto status = rows.view(4);
  run.reason = rows.text(5);
  run.done = status == "done";
  run.broke_down = run.reason == "diverged" || run.reason == "nan" || run.reason == "oom";
  run.failed = status == "failed" || run.broke_down;
  run.hit = rows.whole(6) != 0 && run.done;
  run.timeable = rows.whole(7) != 0;
  run.steps = rows.real(8);
  run.work = rows.real(9);
  run.seconds = rows.real(10);
  if (!rows.is_null(11) && std::isfinite(rows.real(11))) run.best = rows.real(11);
  for (int i = 0; i < 6; ++i) run.spent[static_cast<std::size_t>(i)] = rows.real(12 + i);
  run.total_steps = rows.whole(18);
  run.total_example_gradients = rows.whole(19);
  run.parameters = rows.whole(20);
  run.state_bytes = rows.whole(21);
  run.peak_memory = rows.whole(22);
  run.started = rows.text(23);
  run.settings = rows.text(24);
  return run;
}

/// Of sorted values; linear between order statistics.
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low == high ? low : low + (place - static_cast<double>(below)) * (high - low);
}

struct Spread {
  double median = never, low = never, high = never;
};

Spread spread(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double a = values[(n - 1) / 2], b = values[n / 2];
  return {a == b ? a : (a + b) / 2, values.front(), values.back()};
}

/// SQL has no word for a time that was not reached: it is empty.
void bind_reached(Statement& s, double value) { std::isfinite(value) ? s.bind(value) : s.bind_null(); }

void flatten(const nlohmann::json& node, const std::string& path, std::vector<std::pair<std::string, double>>& out) {
  if (node.is_number()) {
    if (const double value = node.get<double>(); std::isfinite(value)) out.emplace_back(path, value);
  } else if (node.is_object()) {
    for (const auto& [key, value] : node.items()) flatten(value, path.empty() ? key : cat(path, ".", key), out);
  }
}

class Summarizer {
 public:
  Summarizer(sqlite3* database, const std::string& s)
      : read_runs_(database,
                   cat("SELECT ", run_columns, " FROM ", s, ".runs WHERE entry = ? AND speaks ORDER BY cell")),
        count_runs_(database, cat("SELECT count(*) FROM ", s, ".runs WHERE entry = ?")),
        direction_(database, "SELECT direction FROM entries JOIN races ON races.id = race WHERE entries.id = ?"),
        commit_(database, "SELECT git_commit, hardware_class FROM machines WHERE id = ?"),
        read_points_(database, "SELECT metric, step, value FROM points WHERE run_id = ? ORDER BY metric, step"),
        put_summary_(database, cat("INSERT INTO ", s,
                                   ".entry_summaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                                   "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")),
        put_failure_(database, cat("INSERT INTO ", s, ".failure_summaries VALUES (?, ?, ?, ?)")),
        put_setting_(database, cat("INSERT INTO ", s, ".setting_summaries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")),
        put_curve_(database, cat("INSERT INTO ", s, ".curve_summaries VALUES (?, ?, ?, ?, ?, ?, ?)")),
        forget_{Statement(database, cat("DELETE FROM ", s, ".entry_summaries WHERE entry = ?")),
                Statement(database, cat("DELETE FROM ", s, ".failure_summaries WHERE entry = ?")),
                Statement(database, cat("DELETE FROM ", s, ".setting_summaries WHERE entry = ?")),
                Statement(database, cat("DELETE FROM ", s, ".curve_summaries WHERE entry = ?"))} {}

  void refresh(std::int64_t entry) {
    for (Statement& forget : forget_) {
      forget.bind(entry);
      forget.run();
    }
    entry_ = entry;
    runs_.clear();
    read_runs_.bind(entry);
    while (read_runs_.step()) runs_.push_back(read_run(read_runs_));
    read_runs_.again();
    if (runs_.empty()) return;
    direction_.bind(entry);
    higher_ = direction_.step() && direction_.view(0) == "higher";
    direction_.again();
    put_summary();
    put_failures();
    put_settings();
    put_curves();
  }

 private:
  struct Machine {
    std::string commit, hardware_class;
  };

  const Machine& machine(std::int64_t id) {
    const auto [known, added] = machines_.try_emplace(id);
    if (added) {
      commit_.bind(id);
      if (commit_.step()) known->second = {commit_.text(0), commit_.text(1)};
      commit_.again();
    }
    return known->second;
  }

  [[nodiscard]] bool better(double a, double b) const { return higher_ ? a > b : a < b; }

  void put_summary() {
    struct Study {
      double work = never, steps = never, seconds = never;
    };
    std::map<std::int64_t, Study> studies;
    std::set<std::string> classes;
    const RunRow *best = nullptr, *first = &runs_.front(), *last = first;
    std::int64_t done = 0, failed = 0, hits = 0, steps = 0, gradients = 0, memory = 0;
    std::uint64_t digest = 0;
    double state = -1;
    bool timeable = true;
    std::array<double, 6> spent{};
    for (const RunRow& run : runs_) {
      done += run.done && !run.failed ? 1 : 0;
      failed += run.failed ? 1 : 0;
      hits += run.hit ? 1 : 0;
      if (run.done || run.broke_down) {
        Study& study = studies[run.study];
        if (run.hit) {
          study.work = std::min(study.work, run.work);
          study.steps = std::min(study.steps, run.steps);
          study.seconds = std::min(study.seconds, run.seconds);
        }
        timeable = timeable && run.timeable;
        classes.insert(machine(run.machine).hardware_class);
      }
      if (run.best && (best == nullptr || better(*run.best, *best->best))) best = &run;
      if (run.started < first->started) first = &run;
      if (run.started >= last->started) last = &run;
      for (std::size_t i = 0; i < spent.size(); ++i) spent[i] += run.spent[i];
      steps += run.total_steps;
      gradients += run.total_example_gradients;
      memory = std::max(memory, run.peak_memory);
      if (run.parameters > 0)
        state = std::max(state, static_cast<double>(run.state_bytes) / static_cast<double>(run.parameters));
      digest += static_cast<std::uint64_t>(run.digest);
    }
    std::vector<double> study_work, study_steps, study_seconds;
    // Logs that others wrote may not count what was asked for: no time then, rather than none at all.
    const bool counted =
        std::none_of(runs_.begin(), runs_.end(), [](const RunRow& run) { return run.hit && run.work <= 0; });
    for (const auto& [study, times] : studies) {
      if (counted) study_work.push_back(times.work);
      study_steps.push_back(times.steps);
      study_seconds.push_back(times.seconds);
    }
    const auto reached = std::count_if(study_steps.begin(), study_steps.end(), [](double t) { return t < never; });
    const auto trials = static_cast<std::int64_t>(runs_.size());

    count_runs_.bind(entry_);
    count_runs_.step();
    Statement& put = put_summary_;
    for (const std::int64_t value : {entry_, count_runs_.whole(0), trials, done, failed, trials - done - failed, hits,
                                     static_cast<std::int64_t>(studies.size()), static_cast<std::int64_t>(reached)})
      put.bind(value);
    count_runs_.again();
    for (const Spread& time : {spread(study_work), spread(study_steps), spread(study_seconds)})
      for (const double value : {time.median, time.low, time.high}) bind_reached(put, value);
    put.bind(timeable);
    put.bind(static_cast<std::int64_t>(classes.size()));
    best != nullptr ? put.bind(best->id) : put.bind_null();
    for (const double value : spent) put.bind(value);
    put.bind(steps);
    put.bind(gradients);
    state < 0 ? put.bind_null() : put.bind(state);
    put.bind(memory);
    const std::string first_commit = machine(first->machine).commit, last_commit = machine(last->machine).commit;
    put.bind(first->started);
    put.bind(first_commit);
    put.bind(last->started);
    put.bind(last_commit);
    put.bind(static_cast<std::int64_t>(digest));
    put.run();
  }

  void put_failures() {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> reasons;  // how many, the first
    for (const RunRow& run : runs_) {
      if (!run.failed) continue;
      auto& [count, example] =
          reasons.try_emplace(run.reason.empty() ? "unknown" : run.reason, 0, run.id).first->second;
      ++count;
    }
    for (const auto& [reason, found] : reasons) {
      put_failure_.bind(entry_);
      put_failure_.bind(reason);
      put_failure_.bind(found.first);
      put_failure_.bind(found.second);
      put_failure_.run();
    }
  }

  void put_settings() {
    std::map<std::string, std::vector<std::pair<double, const RunRow*>>> values;
    std::vector<std::pair<std::string, double>> found;
    for (const RunRow& run : runs_) {
      if (!run.done && !run.broke_down) continue;
      found.clear();
      flatten(nlohmann::json::parse(run.settings, nullptr, false), "", found);
      for (const auto& [parameter, value] : found) values[parameter].emplace_back(value, &run);
    }
    for (auto& [parameter, at] : values) {
      std::stable_sort(at.begin(), at.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      if (at.front().first < at.back().first) put_bins(parameter, at);
    }
  }

  void put_bins(const std::string& parameter, const std::vector<std::pair<double, const RunRow*>>& at) {
    std::size_t distinct = 1;
    for (std::size_t i = 1; i < at.size(); ++i) distinct += at[i].first != at[i - 1].first ? 1 : 0;
    std::int64_t bin = 0;
    for (std::size_t begin = 0; begin < at.size();) {
      // Equal values stay together.
      std::size_t end = begin + 1;
      if (distinct > most_bins) {
        const auto next = static_cast<std::size_t>(bin + 1) * at.size() / most_bins;
        end = std::max(end, std::min(next, at.size()));
      }
      while (end < at.size() && at[end].first == at[end - 1].first) ++end;
      put_bin(parameter, bin++, at, begin, end);
      begin = end;
    }
  }

  void put_bin(const std::string& parameter, std::int64_t bin, const std::vector<std::pair<double, const RunRow*>>& at,
               std::size_t begin, std::size_t end) {
    const double worst = higher_ ? -never : never;
    std::vector<double> outcomes;
    std::int64_t hits = 0;
    double best = worst;
    for (std::size_t i = begin; i < end; ++i) {
      const double value = at[i].second->best.value_or(worst);
      if (better(value, best)) best = value;
      outcomes.push_back(value);
      hits += at[i].second->hit ? 1 : 0;
    }
    Statement& put = put_setting_;
    put.bind(entry_);
    put.bind(parameter);
    put.bind(bin);
    put.bind(at[begin].first);
    put.bind(at[end - 1].first);
    put.bind(static_cast<std::int64_t>(end - begin));
    put.bind(hits);
    bind_reached(put, best);
    bind_reached(put, spread(std::move(outcomes)).median);
    put.run();
  }

  struct Point {
    std::int64_t step;
    double value;
  };

  void put_curves() {
    std::map<std::int64_t, std::vector<std::vector<Point>>> curves;  // by metric, one a run
    for (const RunRow& run : runs_) {
      read_points_.bind(run.id);
      std::vector<Point>* curve = nullptr;
      std::int64_t current = -1;
      while (read_points_.step()) {
        if (curve == nullptr || read_points_.whole(0) != current) {
          current = read_points_.whole(0);
          curve = &curves[current].emplace_back();
        }
        curve->push_back({read_points_.whole(1), read_points_.real(2)});
      }
      read_points_.again();
    }
    for (auto& [metric, all] : curves) put_curve(metric, all);
  }

  void put_curve(std::int64_t metric, const std::vector<std::vector<Point>>& curves) {
    std::vector<Point> points;
    for (const auto& curve : curves) points.insert(points.end(), curve.begin(), curve.end());
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return a.step != b.step ? a.step < b.step : a.value < b.value; });
    std::size_t distinct = 1;
    for (std::size_t i = 1; i < points.size(); ++i) distinct += points[i].step != points[i - 1].step ? 1 : 0;
    if (distinct > most_steps) {
      put_grid(metric, curves, points.back().step);
      return;
    }
    std::vector<double> values;
    for (std::size_t i = 0; i < points.size(); ++i) {
      values.push_back(points[i].value);
      if (i + 1 < points.size() && points[i + 1].step == points[i].step) continue;
      put_step(metric, points[i].step, values);
      values.clear();
    }
  }

  void put_grid(std::int64_t metric, const std::vector<std::vector<Point>>& curves, std::int64_t last) {
    std::vector<double> values;
    for (std::int64_t k = 1; k <= grid_steps; ++k) {
      const std::int64_t step = last * k / grid_steps;
      for (const auto& curve : curves) {
        const auto after = std::upper_bound(curve.begin(), curve.end(), step,
                                            [](std::int64_t s, const Point& point) { return s < point.step; });
        if (after != curve.begin() && curve.back().step >= step) values.push_back(std::prev(after)->value);
      }
      if (values.empty()) continue;
      std::sort(values.begin(), values.end());
      put_step(metric, step, values);
      values.clear();
    }
  }

  void put_step(std::int64_t metric, std::int64_t step, const std::vector<double>& sorted) {
    Statement& put = put_curve_;
    put.bind(entry_);
    put.bind(metric);
    put.bind(step);
    put.bind(static_cast<std::int64_t>(sorted.size()));
    for (const double p : {0.25, 0.5, 0.75}) put.bind(quantile(sorted, p));
    put.run();
  }

  Statement read_runs_, count_runs_, direction_, commit_, read_points_;
  Statement put_summary_, put_failure_, put_setting_, put_curve_;
  std::array<Statement, 4> forget_;
  std::map<std::int64_t, Machine> machines_;
  std::int64_t entry_ = 0;
  bool higher_ = false;
  std::vector<RunRow> runs_;
};

}  // namespace

void refresh_summaries(sqlite3* database, const std::string& schema, const std::vector<std::int64_t>& entries) {
  if (entries.empty()) return;
  Summarizer summarizer(database, schema);
  for (const std::int64_t entry : entries) summarizer.refresh(entry);
}

}  // namespace velo
