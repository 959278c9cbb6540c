// `velo compare`: is A faster than B, or at least no slower than by a margin?
#include <ostream>

#include "analysis/equivalence.hpp"
#include "analysis/summary.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/text.hpp"

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

ExitCode exit_code(analysis::Standing standing) {
  switch (standing) {
    case analysis::Standing::improved:
    case analysis::Standing::equivalent:
      return ExitCode::ok;
    case analysis::Standing::regressed:
      return ExitCode::verdict;
    case analysis::Standing::inconclusive:
      return ExitCode::inconclusive;
  }
  return ExitCode::inconclusive;
}

struct Choices {
  ScoringOptions race;
  std::string a, b, margin;
  std::string burden = "margin";
  Format format = Format::table;
  bool footer = false;
};

/// The answer: a table, a sentence and notes, those of reading the race first.
void print_answer(const Console& console, const Choices& choices, const Table& table, const std::string& sentence,
                  const analysis::Race& race, const std::vector<std::string>& notes) {
  const std::string asked = choices.race.question(
      "compare", cat(choices.a, " ", choices.b, " ", choices.race.sweep, " ", choices.margin, " ", choices.burden));
  const analysis::Provenance provenance = analysis::provenance_of(race, asked);
  if (choices.format == Format::table) {
    print_table(console, choices.format, table);
    console.out << sentence << '\n';
    print_provenance(console, choices.format, provenance);
  } else {
    print_sourced(console, choices.format, choices.footer, table, provenance);
    console.err << sentence << '\n';
  }
  print_notes(console, race.notes);
  print_notes(console, notes);
}

ExitCode ask_difference(const Console& console, const Choices& choices) {
  const auto race = choices.race.load();
  const auto comparison = analysis::compare(race.trials, choices.a, choices.b, choices.race.score_options(),
                                            choices.race.bootstrap_options());
  print_answer(console, choices, analysis::comparison_table(comparison), analysis::verdict_sentence(comparison), race,
               analysis::notes(comparison));
  return exit_code(comparison.verdict);
}

ExitCode ask_equivalence(const Console& console, const Choices& choices) {
  analysis::EquivalenceOptions options;
  options.margin = analysis::fraction_from(choices.margin, "--margin");
  options.level = choices.race.level;
  options.burden = choices.burden == "zero" ? analysis::Burden::zero : analysis::Burden::margin;
  const auto race = choices.race.load();
  const auto report = analysis::equivalence(race.trials, choices.a, choices.b, choices.race.score_options(), options);
  print_answer(console, choices, analysis::equivalence_table(report), analysis::verdict_sentence(report), race,
               analysis::notes(report));
  return exit_code(report.overall.standing);
}

}  // namespace

Verb compare_verb() {
  auto choices = std::make_shared<Choices>();
  return {
      .name = "compare",
      .group = "Ask",
      .summary = "Speedup of algorithm A over B; exit status 0 faster, 1 slower, 4 inconclusive, 5 nothing measured",
      .examples = {"velo compare nadamw adamw", "velo compare sam sgd --sweep quickstart --clock seconds",
                   "velo compare new_adamw adamw --margin 5%", "velo compare lion adamw --format json"},
      .declare =
          [=](Options& o) {
            o.required("A", choices->a, "label of the candidate");
            o.required("B", choices->b, "label of the one it is compared with");
            o.value("--sweep", choices->race.sweep, "name or YAML file of the sweep (default: the only one)", "SWEEP");
            choices->race.declare(o);
            o.value("--margin", choices->margin,
                    "test equivalence: slower or faster by less than this is no difference; exit status 0 improved or "
                    "equivalent, 1 regressed, 4 inconclusive",
                    "X%");
            o.choice("--burden", choices->burden, {"margin", "zero"},
                     "with --margin, what improved and regressed have to exclude at the level");
            declare_sourced(o, choices->format, choices->footer);
          },
      .action =
          [=](const Console& console) {
            return choices->margin.empty() ? ask_difference(console, *choices) : ask_equivalence(console, *choices);
          }};
}

}  // namespace velo
