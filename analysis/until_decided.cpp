#include "analysis/until_decided.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/compare.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr std::size_t candidate = 0, baseline = 1;  // in a table of the two

/// The candidate first.
StudyTable two_of(const std::vector<TrialOutcome>& trials, const UntilOptions& options) {
  StudyTable table = studies_of_two(trials, options.candidate, options.baseline, options.score);
  if (table.algorithms.size() == 2 && table.algorithms[candidate] != options.candidate) {
    std::swap(table.algorithms[0], table.algorithms[1]);
    std::swap(table.at[0], table.at[1]);
  }
  bool common = false;
  for (std::size_t w = 0; table.algorithms.size() == 2 && w < table.base_count(); ++w)
    common = common || (!table.at[candidate][w].empty() && !table.at[baseline][w].empty());
  if (!common)
    throw Error(cat("there is no workload with finished trials of both ", options.candidate, " and ", options.baseline),
                ExitCode::nothing_measured);
  return table;
}

const StudyTime* find(const std::vector<StudyTime>& studies, std::int64_t number) {
  const auto place =
      std::find_if(studies.begin(), studies.end(), [&](const StudyTime& s) { return s.study == number; });
  return place == studies.end() ? nullptr : &*place;
}

/// log t(b)/t(a), cut to what is certain where one of them missed.
double log_speedup(const StudyTime& a, const StudyTime& b, StudyPairs& counts) {
  const bool missed_a = a.time == not_reached, missed_b = b.time == not_reached;
  counts.both_missed += missed_a && missed_b;
  counts.one_missed += missed_a != missed_b;
  if ((missed_a && missed_b) || a.time == b.time) return 0;
  if (a.lower_bound() == 0 || b.lower_bound() == 0)
    throw Error(cat("study ", a.study, " has a time of 0 on one side, so there is no ratio of times"));
  const double ratio = std::log(b.lower_bound()) - std::log(a.lower_bound());
  return missed_a ? std::min(ratio, 0.0) : missed_b ? std::max(ratio, 0.0) : ratio;
}

Decision decide(const SequentialAnswer& answer, double margin) {
  const double edge = std::log1p(margin);
  if (answer.interval.low > edge) return Decision::faster;
  if (answer.interval.high < -edge) return Decision::slower;
  if (answer.interval.low > -edge && answer.interval.high < edge) return Decision::equivalent;
  return Decision::go_on;
}

}  // namespace

std::string name(Decision decision) {
  switch (decision) {
    case Decision::go_on:
      return "go on";
    case Decision::faster:
      return "faster";
    case Decision::slower:
      return "slower";
    case Decision::equivalent:
      return "equivalent";
    case Decision::undecided:
      return "undecided";
  }
  return {};
}

void UntilOptions::check() const {
  if (candidate == baseline)
    throw Error(cat("'", candidate, "' is compared with itself; name two entries of the sweep"));
  if (look_every < 2) throw Error(cat("a look needs 2 new studies or more, not ", look_every));
  if (max_studies < look_every)
    throw Error(cat("there cannot be at most ", max_studies, " studies when the first look comes after ", look_every));
  if (!(margin >= 0 && margin < not_reached)) throw Error(cat("a margin is 0 or more, not ", margin));
}

std::vector<std::int64_t> UntilOptions::looks(std::int64_t studies) const {
  std::vector<std::int64_t> out;
  for (std::int64_t n = look_every; n < max_studies; n += look_every)
    if (n <= studies) out.push_back(n);
  if (max_studies <= studies) out.push_back(max_studies);
  return out;
}

StudyPairs study_pairs(const StudyTable& two, std::int64_t studies) {
  StudyPairs out;
  for (std::int64_t study = 0; study < studies; ++study) {
    double sum = 0;
    std::size_t workloads = 0;
    bool complete = true;
    StudyPairs counts = out;
    for (std::size_t w = 0; w < two.base_count(); ++w) {
      const auto &mine = two.at[candidate][w], &theirs = two.at[baseline][w];
      if (mine.empty() || theirs.empty()) continue;
      const StudyTime *a = find(mine, study), *b = find(theirs, study);
      complete = complete && a != nullptr && b != nullptr;
      if (!complete) break;
      sum += log_speedup(*a, *b, counts);
      ++workloads;
    }
    if (!complete || workloads == 0) {
      ++out.incomplete;
      continue;
    }
    out = std::move(counts);
    out.log_speedups.push_back(sum / static_cast<double>(workloads));
  }
  return out;
}

UntilAnswer judge_looks(const std::vector<TrialOutcome>& trials, const UntilOptions& options, std::int64_t studies) {
  options.check();
  const StudyTable table = two_of(trials, options);
  UntilAnswer out;
  out.options = options;
  std::vector<StudyPairs> samples;
  std::vector<std::size_t> sizes;
  for (const std::int64_t n : options.looks(studies)) {
    StudyPairs pairs = study_pairs(table, n);
    if (const std::size_t size = pairs.log_speedups.size(); size >= 2 && (sizes.empty() || size > sizes.back())) {
      out.looks.push_back({.studies = n, .pairs = size, .answer = {}});
      sizes.push_back(size);
      samples.push_back(pairs);
    }
    out.pairs = std::move(pairs);
  }
  if (!sizes.empty()) {
    const auto plan = sequential_plan_of_pairs(sizes, static_cast<std::size_t>(options.max_studies), options.level);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      LookTaken& look = out.looks[k];
      look.answer = look_at(samples[k].log_speedups, plan, k);
      look.decision = decide(look.answer, options.margin);
      if (look.decision == Decision::go_on) continue;
      out.decision = look.decision;
      out.pairs = samples[k];
      out.looks.resize(k + 1);
      return out;
    }
  }
  if (studies >= options.max_studies) {
    out.decision = Decision::undecided;
    if (!out.looks.empty()) out.looks.back().decision = Decision::undecided;
  }
  return out;
}

Table look_table(const UntilAnswer& answer) {
  Table table{{{"look", ColumnType::integer},
               {"studies", ColumnType::integer},
               {"pairs", ColumnType::integer},
               {"speedup", ColumnType::real},
               {"low", ColumnType::real},
               {"high", ColumnType::real},
               {"p_value", ColumnType::real},
               {"needed", ColumnType::real},
               {"decision", ColumnType::text}},
              {}};
  for (std::size_t k = 0; k < answer.looks.size(); ++k) {
    const LookTaken& look = answer.looks[k];
    table.rows.push_back({static_cast<std::int64_t>(k + 1), look.studies, static_cast<std::int64_t>(look.pairs),
                          std::exp(look.answer.mean), std::exp(look.answer.interval.low),
                          std::exp(look.answer.interval.high), look.answer.p_value, look.answer.nominal,
                          name(look.decision)});
  }
  return table;
}

std::string decision_sentence(const UntilAnswer& answer) {
  const UntilOptions& o = answer.options;
  const std::string at_most = cat(" of at most ", o.max_studies, " studies");
  if (answer.looks.empty()) return cat(o.candidate, " against ", o.baseline, ": no look yet, undecided");
  const LookTaken& last = answer.looks.back();
  const std::string margin = o.margin > 0 ? cat(", margin ", rounded(100 * o.margin), " %") : "";
  return cat(o.candidate, " against ", o.baseline, margin, ": ", name(answer.decision), "; ",
             rounded(std::exp(last.answer.mean)), " times as fast in ", name(o.score.clock), " (",
             std::lround(100 * o.level), " % interval, adjusted for the looks, ",
             rounded(std::exp(last.answer.interval.low)), " to ", rounded(std::exp(last.answer.interval.high)),
             ") after ", last.studies, at_most, ", look ", answer.looks.size());
}

std::vector<std::string> notes(const UntilAnswer& answer) {
  std::vector<std::string> out;
  const auto& pairs = answer.pairs;
  out.push_back(
      cat("the interval covers at its level over all looks together; the speedup at which a race stops early "
          "lies, on average, further from 1 than the true one"));
  if (pairs.incomplete > 0)
    out.push_back(cat(pairs.incomplete, pairs.incomplete == 1 ? " study" : " studies",
                      " failed or was not run on every workload, and is left out"));
  if (pairs.one_missed > 0)
    out.push_back(cat(pairs.one_missed, pairs.one_missed == 1 ? " target was" : " targets were",
                      " missed by one of the two, which counts as the time it was watched: its difference is at least "
                      "that large"));
  if (pairs.both_missed > 0)
    out.push_back(cat(pairs.both_missed, pairs.both_missed == 1 ? " target was" : " targets were",
                      " missed by both, which counts as no difference"));
  return out;
}

}  // namespace velo::analysis
