// `velo export`: a store's trials as other programs' logs.
#include <ostream>

#include "harness/cli/scoring_options.hpp"
#include "results/algoperf_store.hpp"

namespace velo {

Verb export_verb() {
  struct Choices {
    std::string format, store, target, sweep, framework = "pytorch";
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "export",
          .group = "Ask",
          .summary = "Write a store's trials as AlgoPerf's logs, which its scorer reads",
          .examples = {"velo export algoperf results/store algoperf_logs --sweep quickstart",
                       "velo score --logs algoperf_logs/logs --rules algoperf-v0.6"},
          .declare =
              [=](Options& o) {
                o.required("FORMAT", choices->format, "algoperf");
                o.required("STORE", choices->store, "the store");
                o.required("DIR", choices->target, "new folder: logs/, workloads.csv, workload_targets.json");
                o.value("--sweep", choices->sweep, "only its trials (default: all of the store)", "SWEEP");
                o.choice("--framework", choices->framework, {"jax", "pytorch"}, "what the layout calls ours");
              },
          .action =
              [=](const Console& console) {
                require_algoperf(choices->format);
                const Store store = Store::open(choices->store);
                const std::string sweep = choices->sweep.empty() ? "" : find_sweep(store, choices->sweep);
                const auto report = export_algoperf(store, sweep, choices->target, choices->framework);
                print_notes(console, report.problems);
                console.err << report.trials << " trials written, " << report.without_evaluations
                            << " of them without evaluations, " << report.problems.size() << " left out\n";
                console.out << choices->target << "/logs\n";
                return report.problems.empty() ? ExitCode::ok : ExitCode::some_failed;
              }};
}

}  // namespace velo
