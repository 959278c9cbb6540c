// `velo import`: other programs' logs into a store.
#include <ostream>
#include <thread>

#include "harness/cli/scoring_options.hpp"
#include "results/algoperf_store.hpp"

namespace velo {

Verb import_verb() {
  struct Choices {
    std::string format, logs, workloads, sweep;
    std::string ruleset = "external", release = "v0.5", store = "results/store";
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "import",
          .group = "Ask",
          .summary = "Put AlgoPerf's logs into a store, where every other verb finds them",
          .examples = {"velo import algoperf logs/external_tuning --workloads workloads.csv --into results/algoperf",
                       "velo import algoperf results/algoperf_v05/external_tuning.tar.gz --into results/algoperf",
                       "velo import algoperf logs/self_tuning --ruleset self --release v0.6 --sweep self"},
          .declare =
              [=](Options& o) {
                o.required("FORMAT", choices->format, "algoperf");
                o.required("DIR", choices->logs, "folder of submissions, of one submission, or a .tar.gz of it");
                o.value("--workloads", choices->workloads,
                        "the table of workloads (default: workloads.csv in or beside DIR)", "FILE");
                o.choice("--ruleset", choices->ruleset, {"external", "self"}, "how they were tuned");
                o.choice("--release", choices->release, {"v0.5", "v0.6"}, "of AlgoPerf: whose budgets and roles hold");
                o.value("--into", choices->store, "the store, made where it is missing (default results/store)", "DIR");
                o.value("--sweep", choices->sweep, "name of the race (default: that of DIR)", "NAME");
              },
          .action =
              [=](const Console& console) {
                require_algoperf(choices->format);
                const AlgoPerfRules rules{parse_algoperf_release(choices->release), choices->ruleset};
                auto table = AlgoPerfWorkload::read(workload_table(choices->workloads, choices->logs), rules);
                const auto logs =
                    read_algoperf_logs(choices->logs, std::move(table), rules, LogDetail::everything,
                                       static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
                const auto report = import_algoperf(logs, Store::create(choices->store), choices->sweep);
                print_notes(console, {logs.counts()});
                print_notes(console, logs.problems);
                console.err << report.added << " trials added, " << report.changed << " changed, " << report.unchanged
                            << " there already: sweep " << report.sweep << " of " << choices->store << '\n';
                return logs.broken > 0 ? ExitCode::some_failed : ExitCode::ok;
              }};
}

}  // namespace velo
