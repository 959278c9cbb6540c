// `velo explain`: where a value of a sweep comes from.
#include "harness/sweep/explain.hpp"

#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"

namespace velo {

namespace {

struct Choices {
  std::string sweep;
  std::string path;
  std::vector<std::string> overrides;
  Format format = Format::table;
};

}  // namespace

Verb explain_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "explain",
          .group = "Prepare",
          .summary = "Show every place that gives a value of a sweep, and which one decides",
          .examples = {"velo explain configs/sweeps/quickstart.yaml adamw.lr",
                       "velo explain race.yaml budget.steps --set budget.steps=100"},
          .declare =
              [=](Options& o) {
                o.required("SWEEP", choices->sweep, "the sweep file");
                o.required("PATH", choices->path, "what --set would take: adamw.lr, budget.steps, studies, adamw");
                o.list("--set", choices->overrides, "set a value, as in velo run", "PATH=VALUE");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                Table table;
                for (const char* column : {"entry", "key", "value", "source", "place", "decides"})
                  table.columns.push_back({column, ColumnType::text});
                for (const ExplainedLayer& layer :
                     explain(choices->sweep, choices->overrides, choices->path, catalogue_of(*console.registry)))
                  table.rows.push_back({layer.subject, layer.key, layer.value, layer.source, layer.place,
                                        std::string(layer.decides ? "yes" : "")});
                print_table(console, choices->format, table);
                return ExitCode::ok;
              }};
}

}  // namespace velo
