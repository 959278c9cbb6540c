// `velo score`: who won, and how sure that is.
#include <ostream>

#include "analysis/aggregate.hpp"
#include "analysis/best_of_k.hpp"
#include "analysis/kwise_ranking.hpp"
#include "analysis/mean_ranks.hpp"
#include "analysis/provenance.hpp"
#include "analysis/queries.hpp"
#include "analysis/summary.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"

namespace velo {

namespace {

void print_all(const Console& console, const analysis::Summary& summary) {
  print_table(console, Format::table, summary.times);
  console.out << '\n';
  print_table(console, Format::table, summary.scores);
}

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

}  // namespace

Verb score_verb() {
  struct Choices {
    ScoringOptions race;
    std::string show = "all";
    Format format = Format::table;
  };
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
                         {"all", "scores", "times", "ranks", "pool", "best-of-k", "profiles", "kwise", "iqm",
                          "improvement", "mean-ranks", "order"},
                         "which table (csv and json give one: scores by default)");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const auto options = choices->race.score_options();
                const auto race = choices->race.load();
                const std::string& show = choices->show;
                auto bootstrap = choices->race.bootstrap_options();
                bootstrap.profiles = show == "profiles";
                const auto summary = analysis::summarize(race, options, bootstrap);
                std::vector<std::string> beside;
                const auto print_answer = [&](analysis::Answer answer) {
                  print_table(console, choices->format, answer.table);
                  beside = std::move(answer.notes);
                  if (options.rules != analysis::Rules::velodrome)
                    beside.emplace_back("study times as they are: the rules' cut-offs count in scores only");
                };
                if (show == "all" && choices->format == Format::table) {
                  print_all(console, summary);
                } else if (show == "times") {
                  print_table(console, choices->format, summary.times, best_times(summary));
                } else if (show == "ranks") {
                  print_table(console, choices->format, analysis::rank_table(summary.board));
                } else if (show == "pool") {
                  print_table(console, choices->format, analysis::pool_table(summary.board));
                } else if (show == "kwise") {
                  print_table(console, choices->format, analysis::kwise_table(race.trials, options));
                } else if (show == "iqm") {
                  print_answer(analysis::iqm_answer(summary.board.table, bootstrap));
                } else if (show == "improvement") {
                  print_answer(analysis::improvement_answer(summary.board.table, bootstrap));
                } else if (show == "mean-ranks") {
                  print_answer(analysis::mean_rank_answer(summary.board.table, bootstrap));
                } else if (show == "order") {
                  print_answer(analysis::order_answer(summary.board.table, bootstrap));
                } else if (show == "profiles") {
                  print_table(console, choices->format, analysis::profile_table(summary.board));
                } else if (show == "best-of-k") {
                  print_table(console, choices->format, analysis::best_of_k_table(race.trials, options));
                } else {
                  print_table(console, choices->format, summary.scores, best_scores(summary));
                }
                const std::string origin =
                    sentence(analysis::provenance_of(race, choices->race.command("score", choices->race.sweep)));
                if (choices->format == Format::table)
                  console.err << origin << '\n';
                else
                  print_footer(console, choices->format, origin);
                print_notes(console, summary.notes);
                print_notes(console, beside);
                return ExitCode::ok;
              }};
}

}  // namespace velo
