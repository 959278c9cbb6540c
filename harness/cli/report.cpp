// `velo report`: the race as one HTML page.
#include <ostream>

#include "harness/cli/scoring_options.hpp"
#include "harness/cli/show_results.hpp"

namespace velo {

Verb report_verb() {
  struct Choices {
    ScoringOptions race;
    std::string file;
  };
  auto choices = std::make_shared<Choices>();
  const auto report = [=](const Console& console) {
    const ScoringOptions& options = choices->race;
    if (!options.logs.empty())
      throw Error("a report draws curves from a store; `velo import algoperf` makes one of the logs");
    analysis::Race race = options.load(TrialDetail::everything);
    const std::string sweep = race.sweep;
    const std::filesystem::path file =
        choices->file.empty() ? report_file(options.store, sweep) : std::filesystem::path(choices->file);
    make_report(std::move(race), options.score_options(), options.bootstrap_options(),
                options.command("report", sweep.empty() ? "--all" : sweep), file, console);
    console.out << file.string() << '\n';
    return ExitCode::ok;
  };
  return {
      .name = "report",
      .group = "Ask",
      .summary = "Write a race as one HTML page that opens offline, and print its path",
      .examples = {"velo report", "velo report quickstart --file race.html", "velo report quickstart --clock seconds"},
      .declare =
          [=](Options& o) {
            o.positional("SWEEP", choices->race.sweep, "name or YAML file of the sweep (default: the only one)");
            o.value("--file", choices->file, "where to write it (default: reports/SWEEP/report.html in the store)",
                    "FILE");
            choices->race.declare(o);
          },
      .action = report};
}

}  // namespace velo
