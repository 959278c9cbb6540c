// `velo index`: makes the index of a store anew from its files.
#include <ostream>

#include "harness/cli/verb.hpp"
#include "results/index.hpp"

namespace velo {

Verb index_verb() {
  struct Choices {
    std::string store = "results/store";
    std::vector<std::string> merge;
    bool dump = false;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "index",
          .group = "Ask",
          .summary = "Make the index of a store anew from its files",
          .examples = {"velo index", "velo index --out /scratch/store",
                       "velo index --merge laptop/store --merge box/store", "velo index --dump > index.txt"},
          .declare =
              [=](Options& o) {
                o.store(choices->store);
                o.list("--merge", choices->merge, "first copy the runs and sweeps of another store into this one",
                       "DIR");
                o.flag("--dump", choices->dump, "print every row as text, ordered by key");
              },
          .action =
              [=](const Console& console) {
                const Store store = Store::open(choices->store);
                for (const std::string& other : choices->merge)
                  console.err << "copied " << store.merge_from(Store::open(other)) << " runs from " << other << '\n';
                TrialIndex index = TrialIndex::open(store);
                const IndexReport report = index.rebuild();
                for (const std::string& problem : report.problems) console.err << "left out: " << problem << '\n';
                console.err << "indexed " << report.runs << " runs in " << store.index_file().string() << '\n';
                if (choices->dump) console.out << index.dump();
                if (!report.problems.empty()) return ExitCode::some_failed;
                return report.runs > 0 ? ExitCode::ok : ExitCode::nothing_measured;
              }};
}

}  // namespace velo
