// Parallel coordinates: what good settings have in common when more than one hyperparameter was searched.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "analysis/report/figures.hpp"
#include "analysis/report/svg.hpp"
#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double missed_at = 1.12;  // above the axes

struct Axis {
  std::string key, low, high;                ///< what stands at its ends
  std::function<double(std::size_t)> place;  ///< of a trial: 0 to 1, missed_at, or NaN where it has no value
};

Scale unit_scale(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return log_like(values, 5) ? Scale::logarithmic(*least, *most, 0, 1) : Scale::linear(*least, *most, 0, 1);
}

/// Whether a hyperparameter has several values among these trials: the race may have searched it elsewhere only.
bool differs(const ReportData& data, const std::vector<std::size_t>& trials, const std::string& key) {
  std::set<std::string> values;
  for (const std::size_t i : trials) {
    const auto& settings = data.race.trials[i].hyperparameters;
    if (const auto found = settings.find(key); found != settings.end()) values.insert(found->second.text);
  }
  return values.size() > 1;
}

Axis setting_axis(const ReportData& data, const std::vector<std::size_t>& trials, const std::string& key) {
  std::vector<double> numbers;
  std::vector<std::string> words;
  bool numeric = true;
  for (const std::size_t i : trials) {
    const auto& settings = data.race.trials[i].hyperparameters;
    const auto found = settings.find(key);
    if (found == settings.end()) continue;
    numeric = numeric && found->second.numeric;
    numbers.push_back(found->second.number);
    words.push_back(found->second.text);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  const auto with_setting = [&data, key](auto place) {
    return [&data, key, place](std::size_t i) {
      const auto& settings = data.race.trials[i].hyperparameters;
      const auto found = settings.find(key);
      return found == settings.end() ? std::nan("") : place(found->second);
    };
  };
  if (numeric) {
    const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
    return {key, short_number(*least), short_number(*most),
            with_setting([scale = unit_scale(numbers)](const Setting& s) { return scale(s.number); })};
  }
  return {key, words.front(), words.back(), with_setting([words](const Setting& s) {
            const auto at = std::lower_bound(words.begin(), words.end(), s.text) - words.begin();
            return static_cast<double>(at) / static_cast<double>(words.size() - 1);
          })};
}

}  // namespace

std::string parallel_figure(const ReportData& data, const std::string& workload, const std::string& algorithm,
                            double width) {
  const Clock clock = data.board.options.clock;
  std::vector<std::size_t> trials = data.trials_of(workload, algorithm);
  std::erase_if(trials, [&](std::size_t i) { return !data.race.trials[i].measured(); });
  std::vector<double> times;
  for (const std::size_t i : trials)
    if (data.race.trials[i].reached) times.push_back(data.race.trials[i].watched(clock));
  std::vector<std::string> keys = data.searched(algorithm);
  std::erase_if(keys, [&](const std::string& key) { return !differs(data, trials, key); });
  if (keys.empty() || times.empty()) return "";

  std::vector<Axis> axes;
  for (const std::string& key : keys) axes.push_back(setting_axis(data, trials, key));
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  axes.push_back({"time to target", short_number(*least), short_number(*most),
                  [&data, clock, scale = unit_scale(times)](std::size_t i) {
                    const TrialOutcome& trial = data.race.trials[i];
                    return trial.reached ? scale(trial.watched(clock)) : missed_at;
                  }});
  const auto last = static_cast<double>(axes.size() - 1);
  // The fastest last, on top of the others.
  std::sort(trials.begin(), trials.end(),
            [&](std::size_t i, std::size_t j) { return axes.back().place(i) > axes.back().place(j); });

  const Frame frame{width, std::min(236.0, 0.75 * width), 44, 52, 44, 22};
  Plot plot(frame, Scale::linear(0, last, frame.x0(), frame.x1()), Scale::linear(0, missed_at, frame.y0(), frame.y1()),
            cat("Hyperparameters of ", algorithm, " on ", workload, " in parallel coordinates"));
  const std::size_t s = data.series_of(algorithm);
  bool missed = false;
  for (const std::size_t i : trials) {
    const TrialOutcome& trial = data.race.trials[i];
    missed = missed || !trial.reached;
    std::vector<Point> points;
    std::string tip = describe(trial, clock);
    for (std::size_t a = 0; a < axes.size(); ++a)
      if (const double y = axes[a].place(i); std::isfinite(y)) points.push_back({static_cast<double>(a), y});
    for (const std::string& key : keys)
      if (const auto found = trial.hyperparameters.find(key); found != trial.hyperparameters.end())
        tip += cat("; ", key, " = ", found->second.text);
    const double place = axes.back().place(i);
    plot.line(points, s, trial.reached ? cat("main quick", static_cast<int>(std::min(2.0, 3 * place))) : "ghost", tip);
  }
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const double x = plot.x()(static_cast<double>(a));
    const auto text = [&](double y, const std::string& words, const char* style) {
      plot.raw(
          cat("<text class=\"", style, " mid\" x=\"", pixel(x), "\" y=\"", pixel(y), "\">", escaped(words), "</text>"));
    };
    plot.raw(cat("<line class=\"axis\" x1=\"", pixel(x), "\" y1=\"", pixel(plot.y()(0)), "\" x2=\"", pixel(x),
                 "\" y2=\"", pixel(plot.y()(1)), "\"/>"));
    text(frame.y1() - 12 - 14 * static_cast<double>(a % 2), axes[a].key, "title");
    text(plot.y()(1) - 4, axes[a].high, "label halo");
    text(plot.y()(0) + 14, axes[a].low, "label");
  }
  if (missed)
    plot.raw(
        cat("<text class=\"label\" x=\"", pixel(frame.x1() + 5), "\" y=\"", pixel(frame.y1() + 4), "\">missed</text>"));
  return plot.svg();
}

}  // namespace velo::analysis
