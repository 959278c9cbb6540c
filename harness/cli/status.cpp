// `velo status`: how far the sweeps of a store are, read from the files (a running campaign need not be asked).
#include <algorithm>
#include <map>
#include <ostream>

#include "harness/cli/print.hpp"
#include "harness/cli/verb.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Counts {
  std::int64_t asked = 0, done = 0, reached = 0, running = 0, interrupted = 0, failed = 0, waiting = 0;
  std::int64_t peak_memory_bytes = 0;  ///< of the largest trial
};

Counts count(const Store& store, const std::vector<SweepEntry>& cells, std::vector<std::string>& troubles) {
  Counts n;
  for (const SweepEntry& entry : cells) {
    ++n.asked;
    const auto run = store.current_run(entry.cell);
    if (!run || !std::filesystem::exists(store.folder(*run).status())) {
      ++n.waiting;
      continue;
    }
    const TrialSummary summary = store.read_status(*run);
    n.peak_memory_bytes = std::max(n.peak_memory_bytes, summary.peak_memory_bytes);
    switch (store.observed_status(summary)) {
      case Status::planned:
        ++n.waiting;
        break;
      case Status::running:
        ++n.running;
        break;
      case Status::stale:
        ++n.interrupted;
        break;
      case Status::failed:
        ++n.failed;
        troubles.push_back(cat(entry.label, " on ", summary.workload, ", study ", summary.study, " trial ",
                               summary.trial, " (", run->text(), "): ", summary.message));
        break;
      case Status::done:
        ++n.done;
        n.reached += summary.result.reached ? 1 : 0;
        break;
    }
  }
  return n;
}

}  // namespace

Verb status_verb() {
  struct Choices {
    std::string sweep;
    std::string store = "results/store";
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "status",
          .group = "Race",
          .summary = "Show how far the sweeps of a store are",
          .examples = {"velo status", "velo status quickstart --format json"},
          .declare =
              [=](Options& o) {
                o.positional("SWEEP", choices->sweep, "one sweep by name (default: all)");
                o.store(choices->store);
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const Store store = Store::open(choices->store);
                const auto sweeps = choices->sweep.empty() ? store.sweeps() : std::vector<std::string>{choices->sweep};
                if (sweeps.empty())
                  throw Error(cat("store ", choices->store, " holds no sweep yet"), ExitCode::nothing_measured);
                Table table;
                table.columns = {{"sweep", ColumnType::text},
                                 {"trials", ColumnType::integer},
                                 {"done", ColumnType::integer},
                                 {"reached", ColumnType::integer},
                                 {"running", ColumnType::integer},
                                 {"interrupted", ColumnType::integer},
                                 {"failed", ColumnType::integer},
                                 {"waiting", ColumnType::integer},
                                 {"peak_memory_MB", ColumnType::integer}};
                std::vector<std::string> troubles;
                for (const std::string& name : sweeps) {
                  const Counts n = count(store, store.read_sweep(name).cells, troubles);
                  table.rows.push_back({name, n.asked, n.done, n.reached, n.running, n.interrupted, n.failed, n.waiting,
                                        n.peak_memory_bytes / 1'000'000});
                }
                print_table(console, choices->format, table);
                for (const std::string& trouble : troubles) console.err << trouble << '\n';
                return ExitCode::ok;
              }};
}

}  // namespace velo
