#include "harness/cli/until_decided.hpp"

#include <algorithm>
#include <ostream>

#include "analysis/compare.hpp"
#include "analysis/equivalence.hpp"
#include "analysis/load.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

ExitCode exit_code(analysis::Decision decision) {
  switch (decision) {
    case analysis::Decision::faster:
    case analysis::Decision::equivalent:
      return ExitCode::ok;
    case analysis::Decision::slower:
      return ExitCode::verdict;
    case analysis::Decision::go_on:
    case analysis::Decision::undecided:
      return ExitCode::inconclusive;
  }
  return ExitCode::inconclusive;
}

/// The two entries, by default those of a sweep that has no others.
void name_the_two(analysis::UntilOptions& options, const std::vector<std::string>& labels) {
  if (options.candidate.empty() && options.baseline.empty() && labels.size() == 2) {
    options.candidate = labels[0];
    options.baseline = labels[1];
  }
  if (options.candidate.empty() || options.baseline.empty())
    throw Error(cat("the sweep has the entries ", join_words(labels),
                    "; say which two to compare with --candidate and "
                    "--baseline"));
  (void)analysis::position_of(labels, options.candidate);
  (void)analysis::position_of(labels, options.baseline);
}

}  // namespace

void UntilChoices::declare(Options& o) {
  o.choice(
      "--until", until, {"decided"},
      "run studies until two entries can be told apart; exit status 0 faster or equivalent, 1 slower, 4 undecided");
  o.value("--candidate", options.candidate, "with --until: the entry that is judged (default: the first of two)",
          "LABEL");
  o.value("--baseline", options.baseline, "with --until: the entry it is compared with (default: the second of two)",
          "LABEL");
  o.value("--look-every", options.look_every, "with --until: studies between looks");
  o.value("--max-studies", options.max_studies,
          "with --until: studies at which to give up; the looks are planned by it");
  o.value("--margin", margin, "with --until: a smaller difference than this is equivalence", "X%");
  o.value("--level", options.level, "with --until: 1 - the chance of a false decision over all looks", "P");
  o.choice("--clock", clock, {"example-gradients", "steps", "seconds"}, "with --until: what times are counted in");
}

ExitCode run_until_decided(RaceOptions race, UntilChoices choices, Format format, const Console& console) {
  analysis::UntilOptions& options = choices.options;
  if (!choices.margin.empty()) options.margin = analysis::fraction_from(choices.margin, "--margin");
  if (!choices.clock.empty()) options.score.clock = analysis::clock_from(choices.clock);
  for (const std::string& set : race.overrides)
    if (set.starts_with("studies=")) throw Error("--until decides how many studies there are; leave --set studies out");
  if (race.redo)
    throw Error("--until goes on from the studies that are stored; --redo would run each again at every look");
  race.overrides.push_back(cat("studies=", options.max_studies));
  name_the_two(options, load_race_sweep(race, MissingData::install, console).labels);
  options.check();

  analysis::UntilAnswer answer;
  std::vector<std::string> race_notes;
  std::size_t failed = 0;
  const auto looks = options.looks(options.max_studies);
  for (const std::int64_t studies : looks) {
    race.overrides.back() = cat("studies=", studies);
    const RaceResult result = run_race(race, console);
    failed += result.report.failed;
    if (result.stopped) {
      console.err << "stopped; the same command goes on from there\n";
      return ExitCode::some_failed;
    }
    const auto stored = analysis::load_race(Store::open(race.store), result.sweep.name, TrialDetail::results);
    answer = analysis::judge_looks(stored.trials, options, studies);
    race_notes = stored.notes;
    if (!race.quiet) console.err << analysis::decision_sentence(answer) << '\n';
    if (answer.decision != analysis::Decision::go_on) break;
  }
  print_table(console, format, analysis::look_table(answer));
  (format == Format::table ? console.out : console.err) << analysis::decision_sentence(answer) << '\n';
  print_notes(console, race_notes);
  print_notes(console, analysis::notes(answer));
  if (failed > 0) console.err << "note: " << cat(failed, failed == 1 ? " trial" : " trials", " failed\n");
  return exit_code(answer.decision);
}

}  // namespace velo
