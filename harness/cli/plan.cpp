// `velo plan`: what a sweep would run, and why; or how many studies it takes to see a difference.
#include "harness/sweep/plan.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <ostream>

#include "analysis/equivalence.hpp"
#include "analysis/seed_plan.hpp"
#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/race.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  RaceOptions race;
  bool trials = false;
  std::string detect;  ///< empty: plan cells, not studies
  std::string clock = "example-gradients";
  analysis::PlanOptions seeds;
  Format format = Format::table;
};

std::string action(Need need) { return needs_work(need) ? "run" : "leave"; }

TableValue rounded(const std::optional<double>& seconds) {
  return seconds ? TableValue(std::round(*seconds * 10.0) / 10.0) : TableValue{};
}

/// One row for each workload, algorithm and reason; then the pairs that do not fit.
Table summary_table(const Sweep& sweep, const Plan& plan) {
  struct Row {
    std::size_t first = 0;
    std::int64_t trials = 0;
    std::optional<double> seconds;
  };
  std::map<std::string, Row> rows;
  std::vector<const PlannedTrial*> order;
  for (const PlannedTrial& trial : plan.trials) {
    const Cell& cell = sweep.cells[trial.cell];
    Row& row = rows[cat(cell.workload.name, "\n", cell.label, "\n", action(trial.need), "\n", trial.reason)];
    if (row.trials++ == 0) {
      row.first = order.size();
      order.push_back(&trial);
    }
    if (trial.seconds) row.seconds = row.seconds.value_or(0.0) + *trial.seconds;
  }
  Table table{{{"workload", ColumnType::text},
               {"algorithm", ColumnType::text},
               {"trials", ColumnType::integer},
               {"action", ColumnType::text},
               {"why", ColumnType::text},
               {"seconds", ColumnType::real}},
              std::vector<std::vector<TableValue>>(order.size())};
  for (const auto& [key, row] : rows) {
    const PlannedTrial& trial = *order[row.first];
    const Cell& cell = sweep.cells[trial.cell];
    table.rows[row.first] = {cell.workload.name, cell.label,   row.trials,
                             action(trial.need), trial.reason, rounded(row.seconds)};
  }
  for (const LeftOut& pair : sweep.left_out)
    table.rows.push_back({pair.workload, pair.label, std::int64_t{0}, "refuse", pair.sentence, TableValue{}});
  return table;
}

Table trial_table(const Sweep& sweep, const Plan& plan) {
  Table table{{{"cell", ColumnType::text},
               {"workload", ColumnType::text},
               {"algorithm", ColumnType::text},
               {"study", ColumnType::integer},
               {"trial", ColumnType::integer},
               {"parameters", ColumnType::text},
               {"action", ColumnType::text},
               {"why", ColumnType::text},
               {"seconds", ColumnType::real}},
              {}};
  for (const PlannedTrial& trial : plan.trials) {
    const Cell& cell = sweep.cells[trial.cell];
    table.rows.push_back({trial.id, cell.workload.name, cell.label, cell.study, cell.trial, trial.changes,
                          action(trial.need), trial.reason, rounded(trial.seconds)});
  }
  return table;
}

std::string closing_line(const Sweep& sweep, const Plan& plan) {
  std::string out = cat(sweep.name, ": ", plan.trials.size(), " trials, ", plan.to_run, " to run");
  if (const std::size_t n = sweep.left_out.size(); n > 0)
    out += cat(", ", n, n == 1 ? " pair refused" : " pairs refused");
  if (plan.to_run == 0) return out;
  if (!plan.seconds) return cat(out, "; no past run tells how long they take");
  out += cat("; about ", std::ceil(*plan.seconds), " s with ", sweep.executor.workers,
             sweep.executor.workers == 1 ? " worker" : " workers");
  return plan.unknown == 0 ? out : cat(out, ", not counting ", plan.unknown, " of unknown length");
}

ExitCode plan_cells(const Console& console, const Choices& choices) {
  if (choices.race.sweep.empty()) throw Error("SWEEP is required: velo plan SWEEP, or velo plan --detect 5%");
  const Sweep sweep = load_race_sweep(choices.race, MissingData::refuse, console);
  std::optional<Store> store;
  if (std::filesystem::exists(choices.race.store)) store = Store::open(choices.race.store);
  CampaignSettings settings;
  settings.retry_failed = choices.race.retry_failed;
  settings.redo = choices.race.redo;
  const Plan plan = make_plan(sweep, store ? &*store : nullptr, settings, *console.registry);
  print_table(console, choices.format, choices.trials ? trial_table(sweep, plan) : summary_table(sweep, plan));
  for (const std::string& note : sweep.notes) console.err << cat("note: ", note, "\n");
  console.err << closing_line(sweep, plan) << '\n';
  return ExitCode::ok;
}

ExitCode plan_studies(const Console& console, const Choices& choices) {
  ScoringOptions race;
  race.store = choices.race.store;
  race.sweep = choices.race.sweep;
  race.clock = choices.clock;
  analysis::PlanOptions options = choices.seeds;
  options.detect = analysis::fraction_from(choices.detect, "--detect");
  const auto plan = analysis::plan_seeds(race.load().trials, race.score_options(), options);
  print_table(console, choices.format, analysis::seed_table(plan));
  (choices.format == Format::table ? console.out : console.err) << analysis::plan_sentence(plan) << '\n';
  print_notes(console, analysis::notes(plan));
  return plan.answered() ? ExitCode::ok : ExitCode::inconclusive;
}

}  // namespace

Verb plan_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "plan",
          .group = "Prepare",
          .summary = "Show what a sweep would run, and why, or how many studies a difference takes",
          .examples = {"velo plan configs/sweeps/quickstart.yaml", "velo plan race.yaml --trials --set studies=1",
                       "velo plan quickstart --detect 5% --power 0.9"},
          .declare =
              [=](Options& o) {
                o.positional("SWEEP", choices->race.sweep,
                             "the sweep file; with --detect a stored sweep (default: the only one)");
                o.list("--set", choices->race.overrides, "set a value: adamw.lr=0.1, studies=1", "PATH=VALUE");
                o.store(choices->race.store);
                o.flag("--retry-failed", choices->race.retry_failed, "plan failed trials again");
                o.flag("--redo", choices->race.redo, "plan everything again, done or not");
                o.flag("--trials", choices->trials, "one row for each trial");
                o.value("--detect", choices->detect,
                        "say how many studies show a difference of X, from the spread of the stored ones", "X%");
                o.value("--power", choices->seeds.power, "with --detect: the probability to see it", "P");
                o.value("--level", choices->seeds.level, "with --detect: 1 - the chance of a false alarm", "P");
                o.choice("--clock", choices->clock, {"example-gradients", "steps", "seconds"},
                         "with --detect: what times are counted in");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                return choices->detect.empty() ? plan_cells(console, *choices) : plan_studies(console, *choices);
              }};
}

}  // namespace velo
