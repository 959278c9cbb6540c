// `velo diff`: compares two stores cell by cell, timings and provenance aside.
#include <ostream>

#include "harness/cli/print.hpp"
#include "results/diff.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

Table to_table(const std::vector<Difference>& differences) {
  Table table;
  for (const char* column : {"cell", "entry", "what", "difference"})
    table.columns.push_back({column, ColumnType::text});
  for (const auto& [cell, label, what, text] : differences) table.rows.push_back({cell, label, what, text});
  return table;
}

}  // namespace

Verb diff_verb() {
  struct Choices {
    std::string a;
    std::string b;
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "diff",
          .group = "Ask",
          .summary = "Compare two stores bit by bit, timings and provenance aside",
          .examples = {"velo diff results/store other/store", "velo diff before after --format csv"},
          .declare =
              [=](Options& o) {
                o.required("A", choices->a, "a store");
                o.required("B", choices->b, "another");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const StoreDifference result = diff_stores(Store::open(choices->a), Store::open(choices->b));
                if (result.differences.empty() && result.compared == 0)
                  throw Error(cat("neither '", choices->a, "' nor '", choices->b, "' holds a run to compare"),
                              ExitCode::nothing_measured);
                print_table(console, choices->format, to_table(result.differences));
                console.err << "compared " << result.compared << " cells present in both: " << result.differences.size()
                            << " differences\n";
                return result.differences.empty() ? ExitCode::ok : ExitCode::verdict;
              }};
}

}  // namespace velo
