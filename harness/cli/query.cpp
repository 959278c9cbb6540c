// `velo query`: asks the index in SQL, over a connection that only reads.
#include "harness/cli/print.hpp"
#include "results/index.hpp"

namespace velo {

Verb query_verb() {
  struct Choices {
    std::string sql;
    std::string store = "results/store";
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "query",
          .group = "Ask",
          .summary = "Ask the index of a store in SQL (results/layout.md names its columns)",
          .examples = {"velo query \"SELECT label, study, trial, status, best_validation FROM trials\"",
                       "velo query \"SELECT label, min(steps_to_target) FROM time_to_target GROUP BY label\"",
                       "velo query \"SELECT * FROM best_trials\" --format csv > best.csv",
                       "velo query \"SELECT name FROM sqlite_master\" --format json"},
          .declare =
              [=](Options& o) {
                o.required("SQL", choices->sql, "one statement that only reads");
                o.store(choices->store);
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const TrialIndex index = TrialIndex::open_read_only(Store::open(choices->store));
                print_table(console, choices->format, index.query(choices->sql));
                return ExitCode::ok;
              }};
}

}  // namespace velo
