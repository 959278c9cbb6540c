// `velo run`: from a sweep file to scored results.
#include <ostream>

#include "harness/cli/race.hpp"
#include "harness/cli/show_results.hpp"
#include "harness/cli/until_decided.hpp"
#include "results/text.hpp"

namespace velo {

Verb run_verb() {
  struct Choices {
    RaceOptions race;
    UntilChoices until;
    bool no_report = false;
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  const auto run = [=](const Console& console) {
    if (!choices->until.until.empty())
      return run_until_decided(choices->race, choices->until, choices->format, console);
    const RaceResult result = run_race(choices->race, console);
    if (result.stopped) {
      console.err << cat("stopped; ", result.report.interrupted,
                         " trials keep their place and the same command goes on from there\n");
      return ExitCode::some_failed;
    }
    if (result.report.stopped_lossless > 0 && !choices->race.quiet)
      console.err << cat(result.report.stopped_lossless,
                         " trials were stopped where they could no longer change the score\n");
    show_results(Store::open(choices->race.store), result.sweep.name, choices->format, !choices->no_report, console);
    return result.report.failed > 0 ? ExitCode::some_failed : ExitCode::ok;
  };
  return {.name = "run",
          .group = "Race",
          .summary = "Run a sweep: train what is missing, then print times and scores and write the report",
          .examples = {"velo run configs/sweeps/quickstart.yaml",
                       "velo run sweep.yaml --set adamw.lr=1.0e-3 --set studies=1",
                       "velo run sweep.yaml --retry-failed --out /data/store",
                       "velo run two.yaml --until decided --margin 2% --max-studies 40"},
          .declare =
              [=](Options& o) {
                RaceOptions& race = choices->race;
                o.required("SWEEP", race.sweep, "the sweep file");
                o.list("--set", race.overrides, "override a value of the file, by its path", "PATH=VALUE");
                o.store(race.store);
                o.value("-j,--workers", race.workers, "trials at a time (default: what the file's executor says)");
                o.flag("--retry-failed", race.retry_failed, "run failed trials again");
                o.flag("--redo", race.redo, "run everything again, as new runs of the same cells");
                o.flag("--fail-fast", race.fail_fast, "start nothing new after the first failed trial");
                o.value("--checkpoint-seconds", race.checkpoint_seconds, "wall seconds between checkpoints", "S");
                choices->until.declare(o);
                o.flag("--no-report", choices->no_report, "do not write the report");
                o.flag("-q,--quiet", race.quiet, "no progress");
                o.format(choices->format);
              },
          .action = run};
}

}  // namespace velo
