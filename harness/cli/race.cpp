#include "harness/cli/race.hpp"

#include <csignal>
#include <cstdlib>
#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/progress.hpp"
#include "harness/data_set.hpp"
#include "harness/run/build_info.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

std::atomic<bool> stop{false};

/// The first signal asks the trials to checkpoint and end; a second one ends the coordinator, and with it its workers.
extern "C" void ask_to_stop(int signal) {
  if (stop.exchange(true)) std::signal(signal, SIG_DFL);
}

/// Installs a data set that this machine lacks, unless the user forbids it: then reading it names the command.
void provide(const DataSetInfo& set, const std::string& directory, const Console& console) {
  const char* setup = std::getenv("VELO_SETUP");
  const std::string_view allowed = setup == nullptr ? "yes" : setup;
  if (allowed == "no" || allowed == "never" || set.installed(directory)) return;
  try {
    set.install(directory, "", [&](std::string_view line) { console.err << line << '\n'; });
  } catch (const Error& error) {
    throw Error(cat("data set '", set.name, "' is not installed in ", directory, " and cannot be installed: ",
                    error.what(), "; `velo data install ", set.name, " --from DIR` takes it from the original files"));
  }
}

CampaignSettings settings_of(const RaceOptions& options, const Sweep& sweep, const Console& console) {
  CampaignSettings settings;
  settings.pool.workers = static_cast<int>(options.workers > 0 ? options.workers : sweep.executor.workers);
  settings.pool.threads = sweep.executor.threads;
  settings.pool.pin = sweep.executor.pin && settings.pool.workers * settings.pool.threads <= available_cores();
  settings.pool.timeout_seconds = sweep.executor.timeout_seconds;
  settings.program = console.program;
  settings.data_directory = default_data_directory();
  settings.retry_failed = options.retry_failed;
  settings.redo = options.redo;
  settings.fail_fast = options.fail_fast;
  settings.checkpoint_seconds = options.checkpoint_seconds;
  return settings;
}

}  // namespace

std::atomic<bool>& stop_on_signal() {
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  return stop;
}

Sweep load_race_sweep(const RaceOptions& options, MissingData missing, const Console& console) {
  const std::string directory = default_data_directory();
  SweepRequest request{.path = options.sweep,
                       .overrides = options.overrides,
                       .backend = build_backend,
                       .data_directory = directory,
                       .provide_data = {}};
  if (missing == MissingData::install)
    request.provide_data = [&](const std::string& name) {
      provide(data_set(*console.registry, name), directory, console);
    };
  return load_sweep(request, catalogue_of(*console.registry));
}

RaceResult run_race(const RaceOptions& options, const Console& console) {
  const Catalogue catalogue = catalogue_of(*console.registry);
  RaceResult result{
      .sweep = load_race_sweep(options, MissingData::install, console), .tasks = {}, .report = {}, .stopped = false};
  const Store store = Store::create(options.store);
  SweepManifest manifest{.name = result.sweep.name, .source = options.sweep, .cells = {}};
  for (const Cell& cell : result.sweep.cells) {
    result.tasks.push_back({cell, cell_id(cell, catalogue)});
    manifest.cells.push_back({result.tasks.back().id, cell.label});
  }
  store.write_sweep(manifest);

  const CampaignSettings settings = settings_of(options, result.sweep, console);
  std::size_t needed = 0;
  for (const Task& task : result.tasks) needed += needs_work(assess(store, task.id, settings)) ? 1 : 0;
  if (!options.quiet) {
    for (const std::string& note : result.sweep.notes) console.err << cat("note: ", note, "\n");
    console.err << cat(result.sweep.name, ": ", result.tasks.size(), " trials, ", result.tasks.size() - needed,
                       " settled before, ", needed, " to run, ", settings.pool.workers, " at a time with ",
                       settings.pool.threads, settings.pool.threads == 1 ? " thread" : " threads", " each\n");
    if (result.sweep.executor.pin && !settings.pool.pin)
      console.err << cat("there are only ", available_cores(),
                         " cores: the seconds of these runs will not be timeable, their work is\n");
  }

  using Mode = ProgressDisplay::Mode;
  const Mode mode = options.quiet ? Mode::quiet : console.err_is_terminal ? Mode::live : Mode::lines;
  ProgressDisplay display(console.err, mode, result.tasks, needed, settings.pool.workers);
  result.report = run_campaign(result.tasks, store, settings, display.events(), stop_on_signal());
  display.close();
  result.stopped = stop;
  return result;
}

}  // namespace velo
