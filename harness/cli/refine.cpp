// `velo refine`: makes a learning-rate schedule of the gradient norms that a finished run recorded.
#include "analysis/refine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "harness/cli/verb.hpp"
#include "results/store.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

struct Choices {
  std::string run;
  std::string store = "results/store";
  std::string norm = "l2";
  double power = std::numeric_limits<double>::infinity();  ///< by the norm
  analysis::Refinement how;
};

/// The gradient norms that the algorithm, or one inside it, reported.
const Series& recorded_norms(const Trajectory& trajectory, const std::string& norm) {
  for (const Series& series : trajectory.steps.series)
    if (series.info.name.ends_with(norm == "l1" ? "/grad_norm_l1" : "/grad_norm") &&
        std::any_of(series.values.begin(), series.values.end(), [](double value) { return !std::isnan(value); }))
      return series;
  throw Error(cat("the run of ", trajectory.summary.label, " recorded no ", norm,
                  " norms of gradients; run it as gradient_norms: {inner: ", trajectory.summary.algorithm, "}"));
}

analysis::Refinement refinement(const Choices& choices) {
  analysis::Refinement how = choices.how;
  how.power = !std::isinf(choices.power) ? choices.power : choices.norm == "l1" ? 1.0 : 2.0;
  if (!(how.power >= 0.0)) throw Error("--power must be at least 0", ExitCode::usage);
  if (!(how.smoothing >= 0.0 && how.smoothing <= 1.0)) throw Error("--smoothing must lie in [0, 1]", ExitCode::usage);
  if (how.points < 2) throw Error("--points must be at least 2", ExitCode::usage);
  return how;
}

/// The whole planned length must have been trained, or the schedule's end would be guessed.
void require_whole(const TrialSummary& run) {
  if (run.work.steps < run.step_hint)
    throw Error(cat("the run of ", run.label, " ended after ", run.work.steps, " of ", run.step_hint,
                    " steps; a refined schedule needs a whole one: stop: budget"));
}

}  // namespace

Verb refine_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "refine",
          .group = "Ask",
          .summary = "Make a learning-rate schedule of the gradient norms a finished run recorded",
          .examples = {"velo refine 3f2a", "velo refine 3f2a --norm l1 --points 51"},
          .declare =
              [=](Options& o) {
                o.required("RUN", choices->run, "the beginning of a cell's id, as `velo query` shows it, or CELL/RUN");
                o.choice("--norm", choices->norm, {"l2", "l1"}, "which: l2 for SGD, l1 for Adam's kind");
                o.value("--power", choices->power, "weights are norms to minus this (default: 2 for l2, 1 for l1)");
                o.value("--smoothing", choices->how.smoothing, "median window, as a share of the run");
                o.value("--points", choices->how.points, "factors in the table");
                o.store(choices->store);
              },
          .action =
              [=](const Console& console) {
                const analysis::Refinement how = refinement(*choices);
                const Store store = Store::open(choices->store);
                const RunRef run = store.find(choices->run);
                const Trajectory trajectory = read_trajectory(store.folder(run).trajectory());
                const Series& norms = recorded_norms(trajectory, choices->norm);
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
