// `velo score`: who won, and how sure that is.
#include <ostream>
#include <utility>

#include "analysis/aggregate.hpp"
#include "analysis/best_of_k.hpp"
#include "analysis/kwise_ranking.hpp"
#include "analysis/mean_ranks.hpp"
#include "analysis/queries.hpp"
#include "analysis/summary.hpp"
#include "analysis/trial_survival.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// The best time of each workload and the best score, with whoever's interval meets it.
analysis::Marks best_times(const analysis::Summary& summary) {
  const std::string clock = summary.board.options.clock == analysis::Clock::seconds ? "seconds"
                            : summary.board.options.clock == analysis::Clock::steps ? "steps"
                                                                                    : "example_gradients";
  return analysis::best_of(summary.times, {{clock, "lower", "low", "high"}}, {"workload"});
}
analysis::Marks best_scores(const analysis::Summary& summary) {
  return analysis::best_of(summary.scores, {{"score", "higher", "low", "high"}}, {});
}

struct Choices {
  ScoringOptions race;
  std::string show = "all";
  Format format = Format::table;
  bool footer = false;
};

/// What `--show` names. Its notes are beside those of the summary.
struct Shown {
  Table table;
  analysis::Marks marks = {};
  std::vector<std::string> notes = {};
};

Shown shown(const std::string& show, const analysis::Race& race, const analysis::Summary& summary,
            const analysis::BootstrapOptions& bootstrap) {
  const analysis::ScoreOptions& options = summary.board.options;
  const auto answer = [&](analysis::Answer given) {
    if (options.rules != analysis::Rules::velodrome)
      given.notes.emplace_back("study times as they are: the rules' cut-offs count in scores only");
    return Shown{.table = std::move(given.table), .notes = std::move(given.notes)};
  };
  if (show == "times") return {summary.times, best_times(summary)};
  if (show == "ranks") return {analysis::rank_table(summary.board)};
  if (show == "pool") return {analysis::pool_table(summary.board)};
  if (show == "profiles") return {analysis::profile_table(summary.board)};
  if (show == "kwise") return {analysis::kwise_table(race.trials, options)};
  if (show == "best-of-k") return {analysis::best_of_k_table(race.trials, options)};
  if (show == "survival") return answer(analysis::survival_answer(race.trials, options, bootstrap.level));
  if (show == "iqm") return answer(analysis::iqm_answer(summary.board.table, bootstrap));
  if (show == "improvement") return answer(analysis::improvement_answer(summary.board.table, bootstrap));
  if (show == "mean-ranks") return answer(analysis::mean_rank_answer(summary.board.table, bootstrap));
  if (show == "order") return answer(analysis::order_answer(summary.board.table, bootstrap));
  return {summary.scores, best_scores(summary)};
}

ExitCode score(const Console& console, const Choices& choices) {
  const auto options = choices.race.score_options();
  const auto race = choices.race.load();
  auto bootstrap = choices.race.bootstrap_options();
  bootstrap.profiles = choices.show == "profiles";
  const auto summary = analysis::summarize(race, options, bootstrap);
  if (choices.show == "all" && choices.format == Format::table) {
    print_table(console, choices.format, summary.times);
    console.out << '\n';
  }
  const Shown answer = shown(choices.show, race, summary, bootstrap);
  print_sourced(
      console, choices.format, choices.footer, answer.table,
      analysis::provenance_of(race, choices.race.question("score", cat(choices.race.sweep, " ", choices.show))),
      answer.marks);
  print_notes(console, summary.notes);
  print_notes(console, answer.notes);
  return ExitCode::ok;
}

}  // namespace

Verb score_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "score",
          .group = "Ask",
          .summary = "Times to the target and scores of a race, with intervals",
          .examples = {"velo score", "velo score quickstart --clock seconds", "velo score quickstart --show pool",
                       "velo score quickstart --show scores --format json", "velo score --all --rules algoperf-v0.6"},
          .declare =
              [=](Options& o) {
                o.positional("SWEEP", choices->race.sweep, "name or YAML file of the sweep (default: the only one)");
                choices->race.declare(o);
                o.choice("--show", choices->show,
                         {"all", "scores", "times", "ranks", "pool", "best-of-k", "profiles", "survival", "kwise",
                          "iqm", "improvement", "mean-ranks", "order"},
                         "which table (csv and json give one: scores by default)");
                declare_sourced(o, choices->format, choices->footer);
              },
          .action = [=](const Console& console) { return score(console, *choices); }};
}

}  // namespace velo
