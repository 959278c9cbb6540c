// `velo bench`: how fast this machine runs what is compiled in.
#include <algorithm>
#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/component_text.hpp"
#include "harness/device/runtime.hpp"
#include "harness/run/algorithm_speed.hpp"
#include "harness/run/foreign_load.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string what;
  std::vector<std::string> names;
  std::int64_t parameters = 25'000'000;
  std::int64_t threads = 0;
  double seconds = 1.0;
  Format format = Format::table;
};

/// With its defaults; wrappers around adamw.
Component standard(const CatalogueAlgorithm& info, const Catalogue& catalogue) {
  Component out{info.name, Parameters::defaults(info.parameters)};
  if (const ParameterSpec* inner = info.inner())
    out.parameters.set(
        inner->name, std::vector<Component>{{"adamw", Parameters::defaults(catalogue.algorithm("adamw").parameters)}});
  return out;
}

/// What has to be asked of a workload is noise here; what layers and parts of a batch saw can be had that way.
bool measurable(const CatalogueAlgorithm& info) {
  return std::ranges::all_of(info.needed_by(Parameters::defaults(info.parameters)), [](const std::string& need) {
    return need == "layer_statistics" || need == "micro_batches";
  });
}

std::vector<const CatalogueAlgorithm*> chosen(const Choices& choices, const Catalogue& catalogue) {
  std::vector<const CatalogueAlgorithm*> out;
  for (const std::string& name : choices.names) out.push_back(&catalogue.algorithm(name));
  if (!out.empty()) return out;
  for (const CatalogueAlgorithm& info : catalogue.algorithms)
    if (measurable(info) && info.name != "null") out.push_back(&info);
  return out;
}

ExitCode bench_algorithms(const Choices& choices, const Console& console) {
  if (choices.parameters < 1) throw Error("--parameters must be at least 1");
  if (choices.seconds < 0) throw Error("--seconds cannot be negative");
  const Catalogue catalogue = catalogue_of(*console.registry);
  const std::vector<const CatalogueAlgorithm*> algorithms = chosen(choices, catalogue);
  const Runtime runtime(static_cast<int>(choices.threads));
  Table table;
  table.columns = {{"algorithm"},
                   {"state_bytes_per_parameter", ColumnType::real},
                   {"least_MB_per_step", ColumnType::real},
                   {"ms_per_step", ColumnType::real},
                   {"ms_slowest_step", ColumnType::real},
                   {"refresh_interval", ColumnType::integer},
                   {"ms_per_refresh", ColumnType::real},
                   {"GB_per_s", ColumnType::real},
                   {"fraction_of_triad", ColumnType::real},
                   {"allocations_later", ColumnType::integer}};
  bool disturbed = false;
  for (const CatalogueAlgorithm* info : algorithms) {
    const Component component = standard(*info, catalogue);
    const AlgorithmSpeed speed = measure_algorithm(component, *console.registry, choices.parameters, choices.seconds);
    std::vector<TableValue> row = {short_form(component), speed.state_bytes_per_parameter, speed.bytes_per_step / 1e6};
    if (speed.foreign_share > ForeignLoad::limit) {
      disturbed = true;
      row.resize(table.columns.size() - 1);
      console.err << cat(info->name, ": others used ", static_cast<int>(100 * speed.foreign_share),
                         " % of the machine: nothing to quote\n");
    } else {
      for (const double value : {1e3 * speed.seconds_per_step, 1e3 * speed.slowest_step}) row.emplace_back(value);
      const bool refreshes = speed.refresh_interval > 0;
      row.push_back(refreshes ? TableValue(speed.refresh_interval) : TableValue());
      row.push_back(refreshes ? TableValue(1e3 * speed.seconds_per_refresh) : TableValue());
      row.emplace_back(speed.bytes_per_second / 1e9);
      row.emplace_back(speed.bytes_per_second / speed.triad_bytes_per_second);
    }
    row.emplace_back(speed.allocations);
    table.rows.push_back(std::move(row));
  }
  print_table(console, choices.format, table);
  return disturbed ? ExitCode::inconclusive : ExitCode::ok;
}

}  // namespace

Verb bench_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "bench",
          .group = "Look around",
          .summary = "Measure the update of each algorithm against memory bandwidth",
          .examples = {"velo bench algorithms", "velo bench algorithms adamw lion --parameters 1000000 --threads 1"},
          .declare =
              [=](Options& o) {
                o.required("WHAT", choices->what, "algorithms");
                o.positionals("NAME", choices->names, "which (default: all whose questions noise can answer)");
                o.value("--parameters", choices->parameters, "parameters of the model");
                o.value("--threads", choices->threads, "threads (default: what OMP_NUM_THREADS says, else all cores)");
                o.value("--seconds", choices->seconds, "how long to measure each", "S");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                if (choices->what != "algorithms")
                  throw Error(cat("`velo bench` measures algorithms, not '", choices->what, "'"));
                return bench_algorithms(*choices, console);
              }};
}

}  // namespace velo
