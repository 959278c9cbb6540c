#include "analysis/report/payload.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "analysis/report/figures.hpp"
#include "analysis/report/thin.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double tolerance = 1.0 / 400;  // of the drawn range: under a pixel

std::string number(double value, int digits = 6) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 40> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, digits).ptr;
  return {buffer.data(), end};
}

/// Whole numbers in full, others rounded.
std::string amount(double value) {
  const bool whole = value == std::round(value) && std::abs(value) < 1e15;
  return whole ? number_text(static_cast<std::int64_t>(value)) : number(value, 8);
}

std::string text(std::string_view words) {
  std::string out;
  for (const char c : json_string(words)) c == '<' ? out += "\\u003c" : out += c;
  return out;
}

template <typename Items, typename Write>
std::string array(const Items& items, const Write& write) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += write(item);
  }
  return out + "]";
}

std::string key(std::string_view name) { return cat("\"", name, "\":"); }

/// Words that occur often, stored once.
class Words {
 public:
  std::string position(const std::string& word) {
    const auto found = std::find(words_.begin(), words_.end(), word);
    const auto at = found - words_.begin();
    if (found == words_.end()) words_.push_back(word);
    return cat(static_cast<std::int64_t>(at));
  }
  [[nodiscard]] std::string json() const { return array(words_, text); }

 private:
  std::vector<std::string> words_;
};

std::string clocks(const ReportData& data) {
  return array(std::array{Clock::example_gradients, Clock::steps, Clock::seconds}, [&](Clock clock) {
    std::string refused;
    try {
      require_comparable(data.race.trials, clock, data.board.options.overrides);
    } catch (const Error& error) {
      refused = error.what();
    }
    return cat("{", key("name"), text(name(clock)), ",", key("unit"), text(unit(clock)), ",", key("refused"),
               text(refused), "}");
  });
}

std::string rules(const Leaderboard& board) {
  const ScoreOptions& options = board.options;
  return cat("{", key("clock"), text(name(options.clock)), ",", key("rules"), text(name(options.rules)), ",",
             key("r_max"), number(options.r_max), ",", key("selection"),
             options.select() == Selection::min_time ? "\"min-time\"" : "\"first-evaluation\"", ",", key("integral"),
             options.integrate() == Integral::exact ? "\"exact\"" : "\"trapezoid\"", ",", key("level"),
             number(board.bootstrap.level), ",", key("resamples"), board.bootstrap.resamples, ",", key("coverage"),
             text(board.coverage_note()), "}");
}

/// The scored workloads, as the board orders them, then those that play no part in scores.
std::vector<std::string> all_workloads(const ReportData& data) {
  std::vector<std::string> all = data.board.table.workloads;
  for (const TrialOutcome& trial : data.race.trials) {
    if (std::find(all.begin(), all.end(), trial.workload) == all.end()) all.push_back(trial.workload);
  }
  return all;
}

std::string workloads(const ReportData& data, const std::vector<std::string>& all) {
  std::string out = "[";
  for (std::size_t w = 0; w < all.size(); ++w) {
    const auto any = std::find_if(data.race.trials.begin(), data.race.trials.end(),
                                  [&](const TrialOutcome& trial) { return trial.workload == all[w]; });
    const bool scored = w < data.board.table.workloads.size();
    const Range range = metric_range(data, all[w]);
    out += cat(w == 0 ? "" : ",", "{", key("name"), text(all[w]), ",", key("base"),
               scored ? data.board.table.held_out_base[w] : w, ",", key("scored"), scored ? "true" : "false", ",",
               key("metric"), text(any->metric), ",", key("higher"), any->higher_is_better ? "true" : "false", ",",
               key("target"), number(any->target, 8), ",", key("low"), number(range.empty() ? 0 : range.low), ",",
               key("high"), number(range.empty() ? 1 : range.high), "}");
  }
  return out + "]";
}

std::string setting(const TrialOutcome& trial, const std::string& name) {
  const auto found = trial.hyperparameters.find(name);
  if (found == trial.hyperparameters.end()) return "null";
  return found->second.numeric && std::isfinite(found->second.number) ? number(found->second.number, 7)
                                                                      : text(found->second.text);
}

/// Every hyperparameter that differs anywhere among the trials of one algorithm.
std::set<std::string> searched_anywhere(const ReportData& data) {
  std::set<std::string> out;
  for (const std::string& algorithm : data.board.table.algorithms) {
    for (const std::string& name : data.searched(algorithm)) out.insert(name);
  }
  return out;
}

std::string trials(const ReportData& data, const std::vector<std::string>& all) {
  const auto& trials = data.race.trials;
  Words ends, commits, hardware;
  const auto column = [&](std::string_view name, const auto& write) { return cat(key(name), array(trials, write)); };
  std::string out = "{";
  out += column("w", [&](const TrialOutcome& t) {
    return cat(static_cast<std::int64_t>(std::find(all.begin(), all.end(), t.workload) - all.begin()));
  });
  out += "," + column("a", [&](const TrialOutcome& t) { return cat(data.series_of(t.algorithm)); });
  out += "," + column("study", [](const TrialOutcome& t) { return cat(t.study); });
  out += "," + column("trial", [](const TrialOutcome& t) { return cat(t.trial); });
  out += "," + column("measured", [](const TrialOutcome& t) { return t.measured() ? "1" : "0"; });
  out += "," + column("reached", [](const TrialOutcome& t) { return t.reached ? "1" : "0"; });
  out += "," + column("broke", [](const TrialOutcome& t) { return t.broke_down() ? "1" : "0"; });
  out += "," + column("resumed", [](const TrialOutcome& t) { return t.resumed ? "1" : "0"; });
  out += "," + column("hit", [](const TrialOutcome& t) { return cat(t.hit_evaluation); });
  out += "," + column("end", [&](const TrialOutcome& t) {
           return ends.position(t.stop_reason.empty() ? t.status : t.stop_reason);
         });
  out += "," +
         cat(key("time"), array(std::array{Clock::example_gradients, Clock::steps, Clock::seconds}, [&](Clock clock) {
               return array(trials, [&](const TrialOutcome& t) { return amount(t.watched(clock)); });
             }));
  out += "," + column("best", [](const TrialOutcome& t) { return number(t.best_metric, 7); });
  out += "," + column("phases", [](const TrialOutcome& t) {
           if (t.phase_seconds.empty()) return std::string("0");
           return array(phases(), [&](const std::string& phase) {
             const auto found = t.phase_seconds.find(phase);
             return found == t.phase_seconds.end() ? std::string("0") : number(found->second, 4);
           });
         });
  out += "," + column("cell", [](const TrialOutcome& t) { return text(t.cell); });
  out += "," + column("run", [](const TrialOutcome& t) { return text(t.run); });
  out += "," + column("commit", [&](const TrialOutcome& t) { return commits.position(t.commit); });
  out += "," + column("hardware", [&](const TrialOutcome& t) { return hardware.position(t.hardware_class); });
  out += "," + column("started", [](const TrialOutcome& t) { return text(t.started); });
  out += "," + key("settings") + "{";
  std::string separator;
  for (const std::string& name : searched_anywhere(data)) {
    out += cat(separator, text(name), ":", array(trials, [&](const TrialOutcome& t) { return setting(t, name); }));
    separator = ",";
  }
  return cat(out, "},", key("ends"), ends.json(), ",", key("commits"), commits.json(), ",", key("hardwares"),
             hardware.json(), "}");
}

std::string differences(const std::vector<double>& values, const std::vector<std::size_t>& kept) {
  double before = 0;
  return array(kept, [&](std::size_t i) {
    // Differences of rounded values, so that errors do not add up.
    const double value = values[i] == std::round(values[i]) ? values[i] : std::round(values[i] * 1e4) / 1e4;
    const double step = value - before;
    before = value;
    return amount(std::round(step * 1e4) / 1e4);
  });
}

std::string example_gradients(const Curve& curve, const std::vector<std::size_t>& kept) {
  const std::size_t last = kept.back();
  const double factor = curve.steps[last] > 0 ? curve.example_gradients[last] / curve.steps[last] : 0;
  const bool proportional = std::all_of(
      kept.begin(), kept.end(), [&](std::size_t i) { return curve.example_gradients[i] == factor * curve.steps[i]; });
  return proportional ? amount(factor) : differences(curve.example_gradients, kept);
}

std::string curves(const ReportData& data) {
  std::map<std::string, double> allowed;
  std::string out = "[";
  for (std::size_t i = 0; i < data.curves.size(); ++i) {
    const TrialOutcome& trial = data.race.trials[i];
    const Curve& curve = data.curves[i];
    if (i > 0) out += ',';
    if (curve.metric.empty()) {
      out += '0';
      continue;
    }
    const auto [at, fresh] = allowed.try_emplace(trial.workload);
    if (fresh) {
      const Range range = metric_range(data, trial.workload);
      at->second = range.empty() ? 0 : tolerance * (range.high - range.low);
    }
    std::optional<std::size_t> hit;
    if (trial.hit_evaluation >= 0) hit = static_cast<std::size_t>(trial.hit_evaluation);
    const auto kept = thinned(curve, at->second, hit);
    out += cat("[", differences(curve.steps, kept), ",", differences(curve.seconds, kept), ",",
               example_gradients(curve, kept), ",",
               array(kept, [&](std::size_t k) { return number(curve.metric[k], 5); }), "]");
  }
  return out + "]";
}

std::string board(const Leaderboard& board) {
  const auto& entries = board.algorithms;
  const auto each = [&](const auto& pick) {
    return array(entries, [&](const ScoredAlgorithm& e) { return number(pick(e), 8); });
  };
  const auto of_profile = [&](const auto& pick) {
    return array(board.profiles, [&](const std::vector<ProfilePoint>& profile) {
      return array(profile, [&](const ProfilePoint& p) { return number(pick(p), 4); });
    });
  };
  return cat(
      "{", key("score"), each([](const auto& e) { return e.score; }), ",", key("low"),
      each([](const auto& e) { return e.interval.low; }), ",", key("high"),
      each([](const auto& e) { return e.interval.high; }), ",", key("rank_probability"),
      array(entries,
            [](const ScoredAlgorithm& e) { return array(e.rank_probability, [](double p) { return number(p, 4); }); }),
      ",", key("taus"),
      board.profiles.empty() ? "[]"
                             : array(board.profiles.front(), [](const ProfilePoint& p) { return number(p.tau, 6); }),
      ",", key("share"), of_profile([](const ProfilePoint& p) { return p.share; }), ",", key("band_low"),
      of_profile([](const ProfilePoint& p) { return p.band.low; }), ",", key("band_high"),
      of_profile([](const ProfilePoint& p) { return p.band.high; }), "}");
}

}  // namespace

std::string payload(const ReportData& data) {
  const auto all = all_workloads(data);
  std::string algorithms = "[";
  for (const std::string& label : data.board.table.algorithms) {
    const auto any = std::find_if(data.race.trials.begin(), data.race.trials.end(),
                                  [&](const TrialOutcome& trial) { return trial.algorithm == label; });
    algorithms += cat(algorithms.size() > 1 ? "," : "", "{", key("name"), text(label), ",", key("rule"),
                      text(any->algorithm_version), "}");
  }
  return cat("{", key("clocks"), clocks(data), ",\n", key("rules"), rules(data.board), ",\n", key("phases"),
             array(phases(), text), ",\n", key("algorithms"), algorithms, "],\n", key("workloads"),
             workloads(data, all), ",\n", key("trials"), trials(data, all), ",\n", key("curves"), curves(data), ",\n",
             key("board"), board(data.board), ",\n", key("store"), text(data.race.store), "}");
}

}  // namespace velo::analysis
