// `velo compare`: is A faster than B?
#include <ostream>

#include "analysis/summary.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"

namespace velo {

namespace {

ExitCode exit_code(analysis::Verdict verdict) {
  switch (verdict) {
    case analysis::Verdict::faster:
      return ExitCode::ok;
    case analysis::Verdict::slower:
      return ExitCode::verdict;
    case analysis::Verdict::inconclusive:
      return ExitCode::inconclusive;
  }
  return ExitCode::inconclusive;
}

}  // namespace

Verb compare_verb() {
  struct Choices {
    ScoringOptions race;
    std::string a, b;
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {
      .name = "compare",
      .group = "Ask",
      .summary = "Speedup of algorithm A over B; exit status 0 faster, 1 slower, 4 inconclusive, 5 nothing measured",
      .examples = {"velo compare nadamw adamw", "velo compare sam sgd --sweep quickstart --clock seconds",
                   "velo compare lion adamw --format json"},
      .declare =
          [=](Options& o) {
            o.required("A", choices->a, "label of the candidate");
            o.required("B", choices->b, "label of the one it is compared with");
            o.value("--sweep", choices->race.sweep, "name or YAML file of the sweep (default: the only one)", "SWEEP");
            choices->race.declare(o);
            o.format(choices->format);
          },
      .action =
          [=](const Console& console) {
            const auto race = choices->race.load();
            const auto comparison = analysis::compare(race.trials, choices->a, choices->b,
                                                      choices->race.score_options(), choices->race.bootstrap_options());
            print_table(console, choices->format, analysis::comparison_table(comparison));
            (choices->format == Format::table ? console.out : console.err)
                << analysis::verdict_sentence(comparison) << '\n';
            print_notes(console, race.notes);
            print_notes(console, analysis::notes(comparison));
            return exit_code(comparison.verdict);
          }};
}

}  // namespace velo
