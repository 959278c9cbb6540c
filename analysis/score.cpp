#include "analysis/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int trapezoid_points = 100;

bool missed(double time) { return !std::isfinite(time); }

}  // namespace

std::string name(Rules rules) {
  switch (rules) {
    case Rules::velodrome:
      return "velodrome";
    case Rules::algoperf_v05:
      return "algoperf-v0.5";
    case Rules::algoperf_v06:
      return "algoperf-v0.6";
  }
  return {};
}

Rules rules_from(const std::string& text) {
  std::vector<std::string> names;
  for (const Rules rules : {Rules::velodrome, Rules::algoperf_v05, Rules::algoperf_v06}) {
    if (text == name(rules)) return rules;
    names.push_back(name(rules));
  }
  throw Error(cat("there are no rules '", text, "'; the rules are ", join_words(names), did_you_mean(text, names)));
}

Selection ScoreOptions::select() const {
  return selection.value_or(rules == Rules::velodrome ? Selection::min_time : Selection::first_evaluation);
}

Integral ScoreOptions::integrate() const {
  return integral.value_or(rules == Rules::velodrome ? Integral::exact : Integral::trapezoid);
}

std::size_t StudyTable::base_count() const {
  std::size_t count = 0;
  for (std::size_t w = 0; w < workloads.size(); ++w) count += held_out_base[w] == w;
  return count;
}

namespace {

/// Positions of names. Trials come sorted, so the last answer is mostly the next.
class Positions {
 public:
  explicit Positions(const std::vector<std::string>& names) : names_(names) {}

  /// names.size() for a name that is not there.
  std::size_t of(const std::string& wanted) {
    if (last_ < names_.size() && names_[last_] == wanted) return last_;
    last_ = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), wanted) - names_.begin());
    return last_;
  }

 private:
  const std::vector<std::string>& names_;
  std::size_t last_ = 0;
};

StudyTable named_table(const std::vector<TrialOutcome>& trials) {
  StudyTable table;
  Positions algorithms(table.algorithms), workloads(table.workloads);
  for (const auto& trial : trials) {
    if (!trial.scored()) continue;
    if (algorithms.of(trial.algorithm) == table.algorithms.size()) table.algorithms.push_back(trial.algorithm);
    if (trial.held_out_of.empty() && workloads.of(trial.workload) == table.workloads.size())
      table.workloads.push_back(trial.workload);
  }
  for (std::size_t w = 0; w < table.workloads.size(); ++w) table.held_out_base.push_back(w);
  for (const auto& trial : trials) {
    if (!trial.scored() || trial.held_out_of.empty() || workloads.of(trial.workload) < table.workloads.size()) continue;
    const std::size_t base = Positions(table.workloads).of(trial.held_out_of);
    if (base == table.workloads.size()) {
      throw Error(cat("held-out workload ", trial.workload, " has no trials of its base workload ", trial.held_out_of));
    }
    table.workloads.push_back(trial.workload);
    table.held_out_base.push_back(base);
  }
  table.at.assign(table.algorithms.size(), std::vector<std::vector<StudyTime>>(table.workloads.size()));
  return table;
}

StudyTime& study_of(std::vector<StudyTime>& studies, std::int64_t number) {
  const auto place = std::lower_bound(studies.begin(), studies.end(), number,
                                      [](const StudyTime& study, std::int64_t n) { return study.study < n; });
  if (place != studies.end() && place->study == number) return *place;
  StudyTime fresh;
  fresh.study = number;
  fresh.watched = not_reached;
  return *studies.insert(place, fresh);
}

/// Equal trials: the first listed stays. Records of an older velo do not number the evaluations; time decides then.
bool better(const TrialOutcome& one, const TrialOutcome& other, const ScoreOptions& options) {
  const bool numbered = one.hit_evaluation >= 0 && other.hit_evaluation >= 0;
  if (options.select() == Selection::first_evaluation && numbered) return one.hit_evaluation < other.hit_evaluation;
  return one.watched(options.clock) < other.watched(options.clock);
}

}  // namespace

std::vector<std::string> notes(const LeftOut& left_out) {
  std::vector<std::string> out;
  const auto count = [](std::size_t n) { return cat(n, n == 1 ? " trial" : " trials"); };
  if (left_out.unmeasured > 0)
    out.push_back(cat(count(left_out.unmeasured), " failed or ", left_out.unmeasured == 1 ? "was" : "were",
                      " cut off and left out"));
  if (left_out.unscored > 0)
    out.push_back(cat(count(left_out.unscored), " on workloads that play no part in scores left out"));
  if (left_out.without_target > 0)
    out.push_back(cat(count(left_out.without_target), " on workloads without a target left out"));
  if (left_out.broke_down > 0)
    out.push_back(cat(count(left_out.broke_down), " broke down (diverged, nan or out of memory) and ",
                      left_out.broke_down == 1 ? "counts" : "count", " as never reaching the target"));
  return out;
}

StudyTable study_table(const std::vector<TrialOutcome>& all, const ScoreOptions& options) {
  require_comparable(all, options.clock, options.overrides);
  StudyTable table = named_table(all);
  Positions algorithms(table.algorithms), workloads(table.workloads);
  std::vector<double> longest(table.workloads.size(), 0);
  std::size_t measured = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& trial = all[i];
    table.left_out.unscored += trial.unscored;
    table.left_out.without_target += !trial.unscored && !trial.has_target();
    if (!trial.scored()) continue;
    if (!trial.measured()) {
      ++table.left_out.unmeasured;
      continue;
    }
    ++measured;
    table.left_out.broke_down += !trial.reached && trial.broke_down() ? 1 : 0;
    const std::size_t w = workloads.of(trial.workload);
    const double watched = trial.watched(options.clock);
    longest[w] = std::max(longest[w], watched);
    StudyTime& study = study_of(table.at[algorithms.of(trial.algorithm)][w], trial.study);
    if (study.trials++ == 0) study.best = i;
    if (trial.reached) {
      if (study.hits++ == 0 || better(trial, all[study.best], options)) study.best = i;
      study.time = all[study.best].watched(options.clock);
    } else if (!trial.broke_down()) {
      study.watched = std::min(study.watched, watched);
    }
  }
  if (measured == 0) {
    std::string counts;
    for (const std::string& note : notes(table.left_out)) counts += cat("; ", note);
    throw Error(cat("there are no finished trials of a workload with a target, so there is nothing to score", counts),
                ExitCode::nothing_measured);
  }
  for (auto& row : table.at) {
    for (std::size_t w = 0; w < row.size(); ++w) {
      for (StudyTime& study : row[w]) study.watched = std::min(study.watched, longest[w]);
    }
  }
  return table;
}

double median(std::vector<double> values) { return median_of(values); }

double median_of(std::vector<double>& values) {
  if (values.empty()) return nan;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Times workload_times(const StudyTable& table) {
  Times times(table.algorithms.size(), std::vector<double>(table.workloads.size()));
  for (std::size_t s = 0; s < times.size(); ++s) {
    for (std::size_t w = 0; w < table.workloads.size(); ++w) {
      std::vector<double> studies;
      for (const StudyTime& study : table.at[s][w]) studies.push_back(study.time);
      times[s][w] = median(studies);
    }
  }
  return times;
}

namespace {

double fastest(const Times& times, std::size_t w) {
  double best = not_reached;
  for (const auto& row : times) {
    if (row[w] < best) best = row[w];
  }
  return best;
}

/// Steps 4 to 6 of AlgoPerf's scoring (score.hpp, Rules): order matters, `fastest` is taken once, before the last step.
void apply_cut_offs(Times& times, const StudyTable& table, const ScoreOptions& options, bool held_out) {
  const std::size_t workloads = table.workloads.size();
  if (held_out) {
    for (auto& row : times) {
      for (std::size_t w = 0; w < workloads; ++w) {
        if (missed(row[table.held_out_base[w]])) row[w] = not_reached;
      }
    }
  }
  for (std::size_t w = 0; w < workloads; ++w) {
    const double limit = options.r_max * fastest(times, w);
    for (auto& row : times) {
      if (row[w] > limit) row[w] = not_reached;
    }
  }
  if (!held_out) return;
  for (auto& row : times) {
    for (std::size_t w = 0; w < workloads; ++w) {
      if (missed(row[w])) row[table.held_out_base[w]] = not_reached;
    }
  }
}

}  // namespace

Times ratios(const Times& workload_times, const StudyTable& table, const ScoreOptions& options) {
  Times times = workload_times;
  if (options.rules != Rules::velodrome) apply_cut_offs(times, table, options, options.rules == Rules::algoperf_v05);
  const std::size_t base = table.base_count();
  Times out(times.size(), std::vector<double>(base, not_reached));
  for (std::size_t w = 0; w < base; ++w) {
    const double best = fastest(times, w);
    for (std::size_t s = 0; s < times.size(); ++s) {
      if (missed(times[s][w])) continue;
      out[s][w] = times[s][w] == best ? 1 : times[s][w] / best;
    }
  }
  return out;
}

double credit(double ratio, double r_max, Integral integral) {
  if (!(ratio <= r_max)) return 0;
  if (integral == Integral::exact) return (r_max - ratio) / (r_max - 1);
  if (ratio <= 1) return 1;
  // A step function that jumps at the first grid point >= ratio, by the trapezoid rule.
  const double spacing = (r_max - 1) / (trapezoid_points - 1);
  int jump = static_cast<int>(std::floor((ratio - 1) / spacing));
  while (1 + jump * spacing < ratio && jump < trapezoid_points - 1) ++jump;
  return (trapezoid_points - 0.5 - jump) / (trapezoid_points - 1);
}

std::vector<double> scores(const Times& all_ratios, const ScoreOptions& options) {
  std::vector<double> out;
  for (const auto& row : all_ratios) {
    double sum = 0;
    for (const double ratio : row) sum += credit(ratio, options.r_max, options.integrate());
    out.push_back(row.empty() ? 0 : sum / static_cast<double>(row.size()));
  }
  return out;
}

double profile(const std::vector<double>& ratios_of_one, double tau) {
  if (ratios_of_one.empty()) return 0;
  const auto within = std::count_if(ratios_of_one.begin(), ratios_of_one.end(), [&](double r) { return r <= tau; });
  return static_cast<double>(within) / static_cast<double>(ratios_of_one.size());
}

std::vector<int> ranks(const std::vector<double>& all) {
  std::vector<int> out;
  out.reserve(all.size());
  for (const double score : all) {
    out.push_back(1 +
                  static_cast<int>(std::count_if(all.begin(), all.end(), [&](double other) { return other > score; })));
  }
  return out;
}

}  // namespace velo::analysis
