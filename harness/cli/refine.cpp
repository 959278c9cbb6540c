// `velo refine`: makes a learning-rate schedule of the gradient norms that a finished run recorded.
#include "analysis/refine.hpp"

#include <cmath>
#include <ostream>

#include "harness/cli/verb.hpp"
#include "results/store.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

/// The gradient norms that the algorithm, or one inside it, reported.
const Series& recorded_norms(const Trajectory& trajectory) {
  for (const Series& series : trajectory.steps.series)
    if (series.info.name.ends_with("/grad_norm")) return series;
  throw Error(cat("the run of ", trajectory.summary.label,
                  " recorded no gradient norms; run it as clip_by_global_norm: {max_norm: 1e30, inner: ",
                  trajectory.summary.algorithm, "}"));
}

/// The whole planned length must have been trained, or the schedule's end would be guessed.
void require_whole(const TrialSummary& run) {
  if (run.work.steps < run.step_hint)
    throw Error(cat("the run of ", run.label, " ended after ", run.work.steps, " of ", run.step_hint,
                    " steps; a refined schedule needs a whole one: stop: budget"));
}

}  // namespace

Verb refine_verb() {
  struct Choices {
    std::string run;
    std::string store = "results/store";
    analysis::Refinement how;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "refine",
          .group = "Ask",
          .summary = "Make a learning-rate schedule of the gradient norms a finished run recorded",
          .examples = {"velo refine 3f2a", "velo refine 3f2a --power 1 --points 51"},
          .declare =
              [=](Options& o) {
                o.required("RUN", choices->run, "the beginning of a cell's id, as `velo query` shows it, or CELL/RUN");
                o.value("--power", choices->how.power, "weights are norms to minus this: 2 for SGD, 1 for Adam's kind");
                o.value("--smoothing", choices->how.smoothing, "median window, as a share of the run");
                o.value("--points", choices->how.points, "factors in the table");
                o.store(choices->store);
              },
          .action =
              [=](const Console& console) {
                const analysis::Refinement& how = choices->how;
                if (!(how.power >= 0.0)) throw Error("--power must be at least 0", ExitCode::usage);
                if (!(how.smoothing >= 0.0 && how.smoothing <= 1.0))
                  throw Error("--smoothing must lie in [0, 1]", ExitCode::usage);
                if (how.points < 2) throw Error("--points must be at least 2", ExitCode::usage);
                const Store store = Store::open(choices->store);
                const RunRef run = store.find(choices->run);
                const Trajectory trajectory = read_trajectory(store.folder(run).trajectory());
                const Series& norms = recorded_norms(trajectory);
                require_whole(trajectory.summary);
                const std::vector<double> factors = analysis::refined_factors(
                    analysis::at_every_step(trajectory.steps.at("step"), norms.values, trajectory.summary.step_hint),
                    how);
                console.out << "# " << norms.info.name << " of run " << run.cell << "/" << run.run << " ("
                            << trajectory.summary.label << " on " << trajectory.summary.workload << ", "
                            << trajectory.summary.step_hint << " steps), power " << how.power << ", smoothing "
                            << how.smoothing << "\nschedule: table\nfactors: [";
                // Six digits: a schedule is no more exact, and the text is what a cell is identified by.
                for (std::size_t k = 0; k < factors.size(); ++k)
                  console.out << (k > 0 ? ", " : "") << number_text(std::round(factors[k] * 1e6) * 1e-6);
                console.out << "]\n";
                return ExitCode::ok;
              }};
}

}  // namespace velo
