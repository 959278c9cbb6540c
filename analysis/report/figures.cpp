#include "analysis/report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "analysis/report/svg.hpp"
#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

std::string time_title(Clock clock) { return clock == Clock::seconds ? "seconds on the clock" : name(clock); }

std::string anchor(std::size_t trial) { return cat("#trial-", trial); }

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(std::floor(share * static_cast<double>(values.size() - 1)))];
}

const TrialOutcome* first_trial_of(const ReportData& data, const std::string& workload) {
  for (const TrialOutcome& trial : data.race.trials) {
    if (trial.workload == workload) return &trial;
  }
  return nullptr;
}

std::vector<Point> profile_points(const std::vector<ProfilePoint>& profile, double ProfilePoint::*value) {
  std::vector<Point> out;
  out.reserve(profile.size());
  for (const ProfilePoint& point : profile) out.push_back({point.tau, point.*value});
  return out;
}

std::vector<Point> band_points(const std::vector<ProfilePoint>& profile, double Interval::*limit) {
  std::vector<Point> out;
  out.reserve(profile.size());
  for (const ProfilePoint& point : profile) out.push_back({point.tau, point.band.*limit});
  return out;
}

Plot profile_plot(const ReportData& data, const Frame& frame, const std::string& description, int ticks) {
  const double r_max = data.board.options.r_max;
  Plot plot(frame, Scale::linear(1, r_max, frame.x0(), frame.x1()), Scale::linear(0, 1, frame.y0(), frame.y1()),
            description);
  plot.x_axis(cat("τ: ", name(data.board.options.clock), " relative to the fastest"), ticks);
  plot.y_axis("share of workloads", 5);
  return plot;
}

}  // namespace

Range metric_range(const ReportData& data, const std::string& workload) {
  const TrialOutcome* any = first_trial_of(data, workload);
  std::vector<double> values;
  for (std::size_t i = 0; i < data.curves.size(); ++i) {
    if (data.race.trials[i].workload != workload) continue;
    for (const double value : data.curves[i].metric) {
      if (std::isfinite(value)) values.push_back(value);
    }
  }
  Range range;
  if (values.empty()) return range;
  range.include(any->target);
  range.include(quantile(values, any->higher_is_better ? 0.12 : 0));
  range.include(quantile(values, any->higher_is_better ? 1 : 0.88));
  return range.padded(0.06);
}

std::string describe(const TrialOutcome& trial, Clock clock) {
  const std::string where = cat(trial.algorithm, ", study ", trial.study, ", trial ", trial.trial, ": ");
  const std::string amount = cat(short_number(trial.watched(clock)), " ", unit(clock));
  return trial.reached ? cat(where, amount) : cat(where, "not reached after ", amount, " (", trial.stop_reason, ")");
}

std::string score_track(const ReportData& data, std::size_t algorithm) {
  const ScoredAlgorithm& entry = data.board.algorithms[algorithm];
  const Scale x = Scale::linear(0, 1, 8, 212);
  std::string out =
      cat("<svg class=\"track\" width=\"220\" height=\"22\" role=\"img\" aria-label=\"score ", rounded(entry.score),
          ", interval ", rounded(entry.interval.low), " to ", rounded(entry.interval.high),
          "\"><line class=\"grid\" x1=\"8\" y1=\"11\" x2=\"212\" y2=\"11\"/>");
  for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    out += cat("<line class=\"grid\" x1=\"", pixel(x(tick)), "\" y1=\"7\" x2=\"", pixel(x(tick)), "\" y2=\"15\"/>");
  }
  out += cat("<line class=\"whisker s", algorithm % 12, "\" x1=\"", pixel(x(entry.interval.low)), "\" y1=\"11\" x2=\"",
             pixel(x(entry.interval.high)), "\" y2=\"11\"/>", marker(x(entry.score), 11, algorithm, Mark::filled, 4.6));
  return out + "</svg>";
}

std::string profile_figure(const ReportData& data, double width) {
  const Frame frame{width, std::min(340.0, 0.72 * width), 56, 18, 14, 48};
  Plot plot = profile_plot(data, frame, "Performance profiles of all algorithms", width > 500 ? 7 : 4);
  for (std::size_t s = 0; s < data.board.profiles.size(); ++s) {
    plot.steps(profile_points(data.board.profiles[s], &ProfilePoint::share), s, "main",
               data.board.algorithms[s].algorithm);
  }
  return plot.svg();
}

std::string score_figure(const ReportData& data, double width) {
  const auto order = data.board.by_rank();
  std::vector<std::string> names;
  std::size_t longest = 4;
  for (const std::size_t s : order) {
    names.push_back(data.board.algorithms[s].algorithm);
    longest = std::max(longest, display_width(names.back()));
  }
  const auto rows = static_cast<double>(order.size());
  const Frame frame{width, 17 * rows + 62, std::min(0.45 * width, 22 + 6.0 * static_cast<double>(longest)), 20, 8, 46};
  Plot plot(frame, Scale::linear(0, 1, frame.x0(), frame.x1()), Scale::linear(-0.6, rows - 0.4, frame.y1(), frame.y0()),
            "Scores with their intervals");
  plot.x_axis(cat("score (", std::lround(100 * data.board.bootstrap.level), " % study bootstrap)"), 5);
  plot.y_names(names);
  for (std::size_t row = 0; row < order.size(); ++row) {
    const ScoredAlgorithm& entry = data.board.algorithms[order[row]];
    const std::string y = pixel(plot.y()(static_cast<double>(row)));
    plot.raw(cat("<line class=\"whisker s", order[row] % 12, "\" x1=\"", pixel(plot.x()(entry.interval.low)),
                 "\" x2=\"", pixel(plot.x()(entry.interval.high)), "\" y1=\"", y, "\" y2=\"", y, "\"/>"));
    plot.mark({entry.score, static_cast<double>(row)}, order[row], Mark::filled,
              cat(entry.algorithm, ": ", rounded(entry.score)));
  }
  return plot.svg();
}

std::string profile_panel(const ReportData& data, std::size_t algorithm) {
  const Frame frame{332, 222, 52, 12, 12, 44};
  const auto& profiles = data.board.profiles;
  Plot plot = profile_plot(data, frame, cat("Performance profile of ", data.board.algorithms[algorithm].algorithm), 4);
  for (std::size_t s = 0; s < profiles.size(); ++s) {
    if (s != algorithm) plot.steps(profile_points(profiles[s], &ProfilePoint::share), s, "ghost");
  }
  plot.band(band_points(profiles[algorithm], &Interval::low), band_points(profiles[algorithm], &Interval::high),
            algorithm);
  plot.steps(profile_points(profiles[algorithm], &ProfilePoint::share), algorithm, "main");
  return plot.svg();
}

namespace {

std::vector<Point> points_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(y[i])) out.push_back({x[i], y[i]});
  }
  return out;
}

}  // namespace

std::string curve_figure(const ReportData& data, const std::string& workload, Clock clock, double width) {
  const TrialOutcome* any = first_trial_of(data, workload);
  const Range metric = metric_range(data, workload);
  double most = 0;
  for (std::size_t i = 0; i < data.curves.size(); ++i) {
    const auto& work = data.curves[i].work(clock);
    if (data.race.trials[i].workload == workload && !work.empty()) most = std::max(most, work.back());
  }
  if (metric.empty() || most == 0) return "";
  const Frame frame{width, std::min(340.0, 0.75 * width), 62, 16, 22, 48};
  Plot plot(frame, Scale::linear(0, 1.02 * most, frame.x0(), frame.x1()),
            Scale::linear(metric.low, metric.high, frame.y0(), frame.y1()),
            cat("Validation ", any->metric, " on ", workload, " against ", name(clock)));
  plot.x_axis(time_title(clock), width > 400 ? 6 : 4);
  plot.y_axis(cat("validation ", any->metric), 6);
  for (std::size_t i = 0; i < data.curves.size(); ++i) {
    const TrialOutcome& trial = data.race.trials[i];
    if (trial.workload != workload) continue;
    plot.line(points_of(data.curves[i].work(clock), data.curves[i].metric), data.series_of(trial.algorithm), "faint",
              describe(trial, clock));
  }
  for (std::size_t s = 0; s < data.board.algorithms.size(); ++s) {
    std::vector<const Curve*> curves;
    for (const std::size_t i : data.trials_of(workload, data.board.algorithms[s].algorithm)) {
      if (!data.curves[i].metric.empty()) curves.push_back(&data.curves[i]);
    }
    const MedianCurve middle = median_curve(curves, clock);
    plot.line(points_of(middle.work, middle.metric), s, "main",
              cat(data.board.algorithms[s].algorithm, ": median of ", curves.size(), " trials"));
  }
  if (std::isfinite(any->target)) {
    plot.horizontal(any->target, cat("target ", rounded(any->target)), "target", any->higher_is_better);
    for (std::size_t i = 0; i < data.race.trials.size(); ++i) {
      const TrialOutcome& trial = data.race.trials[i];
      if (trial.workload != workload || !trial.reached) continue;
      plot.mark({trial.watched(clock), any->target}, data.series_of(trial.algorithm), Mark::filled,
                describe(trial, clock), anchor(i), 3.2);
    }
  }
  return plot.svg();
}

namespace {

/// A scale for times: from 0 where they are of a size, logarithmic where not.
Scale time_scale(const std::vector<double>& times, double from, double to) {
  if (times.empty()) return Scale::linear(0, 1, from, to);
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  if (log_like(times, 20)) return Scale::logarithmic(*least / 1.25, *most * 1.25, from, to);
  return Scale::linear(0, *most * 1.06, from, to);
}

}  // namespace

std::string time_figure(const ReportData& data, std::size_t workload, double width) {
  const Leaderboard& board = data.board;
  const Clock clock = board.options.clock;
  std::vector<std::size_t> order;
  for (const std::size_t s : board.by_rank()) {
    if (board.times[s][workload].studies > 0) order.push_back(s);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return board.times[a][workload].time < board.times[b][workload].time;
  });
  const std::string& title = board.table.workloads[workload];
  std::vector<double> times;
  std::vector<std::string> names;
  std::size_t longest = 4;
  for (const std::size_t s : order) {
    names.push_back(board.algorithms[s].algorithm);
    longest = std::max(longest, display_width(names.back()));
    for (const std::size_t i : data.trials_of(title, names.back())) times.push_back(data.race.trials[i].watched(clock));
  }
  const double left = std::min(200.0, 22 + 6.9 * static_cast<double>(longest));
  const auto rows = static_cast<double>(order.size());
  const Frame frame{width, (width > 500 ? 30 : 17) * rows + 62, left, 20, 8, 46};
  Plot plot(frame, time_scale(times, frame.x0(), frame.x1()), Scale::linear(-0.6, rows - 0.4, frame.y1(), frame.y0()),
            cat("Time to the target of every trial on ", title));
  plot.x_axis(cat(time_title(clock), " to the target"), width > 500 ? 6 : 4);
  plot.y_names(names);
  for (std::size_t row = 0; row < order.size(); ++row) {
    const std::size_t s = order[row];
    const auto y = static_cast<double>(row);
    const WorkloadTime& time = board.times[s][workload];
    if (time.time < not_reached) {
      const double high = time.interval.high < not_reached ? time.interval.high : plot.x().high();
      const std::string tip =
          cat(names[row], ": median ", short_number(time.time), ", interval ", short_number(time.interval.low), " to ",
              time.interval.high < not_reached ? short_number(time.interval.high) : "never");
      plot.raw(cat("<g><title>", escaped(tip), "</title><line class=\"interval s", s % 12, "\" x1=\"",
                   pixel(plot.x()(time.interval.low)), "\" x2=\"", pixel(plot.x()(high)), "\" y1=\"",
                   pixel(plot.y()(y)), "\" y2=\"", pixel(plot.y()(y)), "\"/><line class=\"median s", s % 12, "\" x1=\"",
                   pixel(plot.x()(time.time)), "\" x2=\"", pixel(plot.x()(time.time)), "\" y1=\"",
                   pixel(plot.y()(y) - 9), "\" y2=\"", pixel(plot.y()(y) + 9), "\"/></g>"));
    }
    for (const std::size_t i : data.trials_of(title, names[row])) {
      const TrialOutcome& trial = data.race.trials[i];
      if (!trial.measured()) continue;
      plot.mark({trial.watched(clock), y}, s, trial.reached ? Mark::filled : Mark::hollow, describe(trial, clock),
                anchor(i));
    }
  }
  return plot.svg();
}

namespace {

/// What one panel shows: trials of a workload, x by the hyperparameter, y by the time or by the metric.
struct Sensitivity {
  std::string key;
  std::vector<std::size_t> trials;
  bool numeric = true;
  bool by_time = true;
  std::vector<double> values;      ///< of all the algorithm's trials on all workloads, so that panels share their axis
  std::vector<std::string> words;  ///< of a hyperparameter that is not a number, sorted
  std::vector<double> hits;        ///< times of those that reached the target
  std::vector<double> metrics;

  [[nodiscard]] double x(const TrialOutcome& trial) const {
    const Setting& setting = trial.hyperparameters.at(key);
    if (numeric) return setting.number;
    return static_cast<double>(std::find(words.begin(), words.end(), setting.text) - words.begin());
  }
};

Sensitivity sensitivity(const ReportData& data, const std::string& workload, const std::string& algorithm,
                        const std::string& key) {
  Sensitivity out;
  out.key = key;
  for (std::size_t i = 0; i < data.race.trials.size(); ++i) {
    const TrialOutcome& trial = data.race.trials[i];
    const auto setting = trial.hyperparameters.find(key);
    if (trial.algorithm != algorithm || !trial.measured() || setting == trial.hyperparameters.end()) continue;
    out.numeric = out.numeric && setting->second.numeric;
    out.values.push_back(setting->second.number);
    if (std::find(out.words.begin(), out.words.end(), setting->second.text) == out.words.end()) {
      out.words.push_back(setting->second.text);
    }
    if (trial.workload != workload) continue;
    out.trials.push_back(i);
    if (trial.reached) out.hits.push_back(trial.watched(data.board.options.clock));
    if (std::isfinite(trial.best_metric)) out.metrics.push_back(trial.best_metric);
  }
  std::sort(out.words.begin(), out.words.end());
  out.by_time = out.hits.size() >= 3;
  return out;
}

Scale setting_scale(const Sensitivity& panel, const Frame& frame) {
  if (!panel.numeric) return Scale::linear(-0.5, static_cast<double>(panel.words.size()) - 0.5, frame.x0(), frame.x1());
  const auto [least, most] = std::minmax_element(panel.values.begin(), panel.values.end());
  if (log_like(panel.values, 5)) return Scale::logarithmic(*least / 1.4, *most * 1.4, frame.x0(), frame.x1());
  const Range range = Range{*least, *most}.padded(0.08);
  return Scale::linear(range.low, range.high, frame.x0(), frame.x1());
}

Scale outcome_scale(const Sensitivity& panel, double target, double from, double to) {
  if (panel.by_time) return time_scale(panel.hits, from, to);
  Range range;
  for (const double metric : panel.metrics) range.include(metric);
  range.include(target);
  const Range padded = range.empty() ? Range{0, 1} : range.padded(0.08);
  return Scale::linear(padded.low, padded.high, from, to);
}

/// The strip above the times, in which trials stand that missed the target.
void draw_missed_strip(Plot& plot, const Frame& frame, double height) {
  plot.raw(cat("<rect class=\"missed\" x=\"", pixel(frame.x0()), "\" y=\"", pixel(frame.y1()), "\" width=\"",
               pixel(frame.x1() - frame.x0()), "\" height=\"", pixel(height), "\"/><text class=\"label end\" x=\"",
               pixel(frame.x0() - 8), "\" y=\"", pixel(frame.y1() + height / 2 + 4), "\">missed</text>"));
}

}  // namespace

std::string sensitivity_figure(const ReportData& data, const std::string& workload, const std::string& algorithm,
                               const std::string& key, double width) {
  const Sensitivity panel = sensitivity(data, workload, algorithm, key);
  if (panel.trials.empty()) return "";
  const Clock clock = data.board.options.clock;
  const Frame frame{width, std::min(236.0, 0.75 * width), 70, 12, 12, 46};
  const TrialOutcome& any = data.race.trials[panel.trials.front()];
  const double strip = panel.by_time && panel.hits.size() < panel.trials.size() ? 22 : 0;
  const double gap = strip > 0 ? 4 : 0;
  Plot plot(frame, setting_scale(panel, frame), outcome_scale(panel, any.target, frame.y0(), frame.y1() + strip + gap),
            cat("Effect of ", key, " of ", algorithm, " on ", workload));
  if (panel.numeric) {
    plot.x_axis(key, 5);
  } else {
    plot.x_names(panel.words, key);
  }
  plot.y_axis(panel.by_time ? cat(name(clock), " to target") : cat("best ", any.metric), 4);
  if (strip > 0) draw_missed_strip(plot, frame, strip);
  if (!panel.by_time && std::isfinite(any.target))
    plot.horizontal(any.target, "target", "target", any.higher_is_better);
  const std::size_t s = data.series_of(algorithm);
  for (const std::size_t i : panel.trials) {
    const TrialOutcome& trial = data.race.trials[i];
    const std::string best =
        std::isfinite(trial.best_metric) ? cat("; best ", any.metric, " ", rounded(trial.best_metric)) : "";
    const std::string tip = cat(key, " = ", trial.hyperparameters.at(key).text, "; ", describe(trial, clock), best);
    if (panel.by_time && !trial.reached) {
      plot.mark_at_height(panel.x(trial), frame.y1() + strip / 2, s, Mark::hollow, tip, anchor(i));
    } else if (panel.by_time || std::isfinite(trial.best_metric)) {
      plot.mark({panel.x(trial), panel.by_time ? trial.watched(clock) : trial.best_metric}, s,
                trial.reached ? Mark::filled : Mark::hollow, tip, anchor(i));
    }
  }
  return plot.svg();
}

std::string survival_figure(const ReportData& data, const RaceSurvival& race, const std::string& workload,
                            double width) {
  const Clock clock = data.board.options.clock;
  double horizon = 0;
  std::vector<const TrialSurvival*> cells;
  for (const TrialSurvival& cell : race.cells) {
    if (cell.workload != workload || cell.hits == 0) continue;
    cells.push_back(&cell);
    horizon = cell.mean.horizon;
  }
  if (cells.empty()) return "";
  const Frame frame{width, std::min(280.0, 0.6 * width), 56, 14, 14, 44};
  Plot plot(frame, Scale::linear(0, horizon, frame.x0(), frame.x1()), Scale::linear(0, 1, frame.y0(), frame.y1()),
            cat("Share of trials that have reached the target on ", workload));
  plot.x_axis(time_title(clock), width > 500 ? 6 : 4);
  plot.y_axis("share that reached the target", 5);
  for (const TrialSurvival* cell : cells) {
    std::vector<Point> share{{0, 0}}, low{{0, 0}}, high{{0, 0}};
    const auto add = [&](double time, double survival, const Interval& interval) {
      share.push_back({time, 1 - survival});
      low.push_back({time, 1 - interval.high});
      high.push_back({time, 1 - interval.low});
    };
    SurvivalPoint last{.interval = {1, 1}};
    for (const SurvivalPoint& point : kaplan_meier(cell->times, data.board.bootstrap.level)) {
      if (point.time > horizon) break;
      add(point.time, point.survival, point.interval);
      last = point;
    }
    add(horizon, last.survival, last.interval);
    const std::size_t s = data.series_of(cell->algorithm);
    plot.band(low, high, s);
    plot.steps(share, s, "main",
               cat(cell->algorithm, ": ", cell->hits, " of ", cell->times.size(), " trials reached the target"));
  }
  return plot.svg();
}

const std::vector<std::string>& phases() {
  static const std::vector<std::string> all{"init", "data", "step", "prepare", "eval", "log", "checkpoint"};
  return all;
}

std::string phase_figure(const ReportData& data, const std::string& workload, double width) {
  std::vector<std::string> names;
  std::vector<std::vector<double>> means;
  double most = 0;
  std::size_t longest = 4;
  for (std::size_t s = 0; s < data.board.algorithms.size(); ++s) {
    const std::string& algorithm = data.board.algorithms[s].algorithm;
    const auto trials = data.trials_of(workload, algorithm);
    if (trials.empty()) continue;
    std::vector<double> mean;
    for (const std::string& phase : phases()) {
      double sum = 0;
      for (const std::size_t i : trials) {
        const auto found = data.race.trials[i].phase_seconds.find(phase);
        if (found != data.race.trials[i].phase_seconds.end()) sum += found->second;
      }
      mean.push_back(sum / static_cast<double>(trials.size()));
    }
    names.push_back(algorithm);
    longest = std::max(longest, display_width(algorithm));
    most = std::max(most, std::accumulate(mean.begin(), mean.end(), 0.0));
    means.push_back(std::move(mean));
  }
  if (names.empty() || most == 0) return "";
  const auto rows = static_cast<double>(names.size());
  const Frame frame{
      width, (width > 500 ? 28 : 17) * rows + 60, std::min(200.0, 22 + 6.9 * static_cast<double>(longest)), 20, 8, 46};
  Plot plot(frame, Scale::linear(0, 1.02 * most, frame.x0(), frame.x1()),
            Scale::linear(-0.6, rows - 0.4, frame.y1(), frame.y0()), cat("Seconds of a trial by phase on ", workload));
  plot.x_axis("mean seconds of a trial", width > 500 ? 6 : 4);
  plot.y_names(names);
  for (std::size_t row = 0; row < names.size(); ++row) {
    double at = 0;
    for (std::size_t p = 0; p < phases().size(); ++p) {
      const double seconds = means[row][p];
      if (seconds <= 0) continue;
      plot.bar({at, static_cast<double>(row) - 0.32}, {at + seconds, static_cast<double>(row) + 0.32},
               cat("phase p", p), cat(names[row], ", ", phases()[p], ": ", rounded(seconds, 3), " s"));
      at += seconds;
    }
  }
  return plot.svg();
}

}  // namespace velo::analysis
