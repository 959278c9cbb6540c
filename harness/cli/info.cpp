// `velo info`: what one algorithm or workload is and can be told.
#include <cmath>
#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/sweep/entries.hpp"
#include "harness/sweep/module_files.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string name;
  Format format = Format::table;
};

std::string standard(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::boolean:
      return spec.number != 0.0 ? "true" : "false";
    case ParameterType::choice:
      return spec.word;
    case ParameterType::algorithm:
      return spec.word.empty() ? "required" : spec.word;
    default:
      return number_text(spec.number);
  }
}

std::string admitted(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::choice:
      return join_words(spec.choices, "or");
    case ParameterType::algorithm:
      return "an algorithm";
    default:
      return spec.range.text();
  }
}

Table parameter_table(const std::vector<ParameterSpec>& specs) {
  Table table;
  for (const char* column : {"parameter", "type", "default", "admits", "unit", "meaning"})
    table.columns.push_back({column, ColumnType::text});
  for (const ParameterSpec& spec : specs)
    table.rows.push_back(
        {spec.name, std::string(name(spec.type)), standard(spec), admitted(spec), spec.unit, spec.doc});
  return table;
}

/// "needs a and b; with other parameters a, b and c", or nothing where there is nothing to say.
void show_capabilities(const Console& console, const char* verb, const std::vector<std::string>& usual,
                       const std::vector<std::string>& most) {
  if (most.empty()) return;
  console.out << verb << ' ' << (usual.empty() ? "nothing" : join_words(usual))
              << (usual == most ? "" : cat("; with other parameters ", join_words(most))) << '\n';
}

void show(const Console& console, const Choices& choices, const CatalogueAlgorithm& a) {
  if (choices.format == Format::table) {
    console.out << "algorithm " << a.name << ", version " << a.version << ", " << (a.open_division ? "open" : "closed")
                << " division\n"
                << a.summary << '\n';
    if (!a.paper.empty()) console.out << a.paper << '\n';
    show_capabilities(console, "needs", a.needed_by(Parameters::defaults(a.parameters)), a.needs);
    console.out << '\n';
  }
  print_table(console, choices.format, parameter_table(a.parameters));
}

std::string on_both(double validation, std::optional<double> test) {
  const auto rounded = [](double value) { return number_text(std::round(value * 1e4) / 1e4); };
  return cat(rounded(validation), " on validation", test ? cat(", ", rounded(*test), " on test") : "");
}

/// The target that sweeps here would take from the workload's file.
Target target_of(const CatalogueWorkload& w, const Catalogue& catalogue) {
  const auto file = find_module_file(config_directories("."), "workloads", w.name);
  if (!file) return {};
  Tree name;
  name.kind = Tree::Kind::scalar;
  name.scalar = w.name;
  WorkloadEntry entry = read_workload_entry(name, catalogue);
  read_workload_file(entry, *file);
  return resolve_settings(entry, w, 1.0).target;
}

/// What is to be reached, and what who does not look reaches.
void show_marks(const Console& console, const CatalogueWorkload& w, const Catalogue& catalogue) {
  const Target target = target_of(w, catalogue);
  if (target.validation)
    console.out << "target " << target.metric << ' ' << on_both(*target.validation, target.test) << '\n';
  if (!w.trivial) return;
  try {
    const TrivialBaseline trivial = w.trivial(Parameters::defaults(w.parameters), "", false);
    console.out << "trivial " << w.metrics.at(0).name << ' ' << on_both(trivial.validation, trivial.test) << ": "
                << trivial.prediction << '\n';
  } catch (const Error& error) {
    console.err << "the trivial prediction's " << w.metrics.at(0).name << " is computed from the data: " << error.what()
                << '\n';
  }
}

void show(const Console& console, const Choices& choices, const CatalogueWorkload& w, const Catalogue& catalogue) {
  if (choices.format == Format::table) {
    console.out << "workload " << w.name << ", version " << w.version << '\n' << w.summary << '\n';
    for (const CatalogueMetric& metric : w.metrics)
      console.out << "metric " << metric.name << (metric.unit.empty() ? "" : cat(" (", metric.unit, ")")) << ", "
                  << (metric.higher_is_better ? "higher" : "lower") << " is better\n";
    if (!w.data_set.empty()) console.out << "data set " << w.data_set << ": `velo data install " << w.data_set << "`\n";
    show_marks(console, w, catalogue);
    show_capabilities(console, "offers", w.offered_by(Parameters::defaults(w.parameters)), w.offers);
    console.out << '\n';
  }
  print_table(console, choices.format, parameter_table(w.parameters));
}

}  // namespace

Verb info_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "info",
          .group = "Look around",
          .summary = "Show what an algorithm or workload is and its parameters",
          .examples = {"velo info adamw", "velo info prose_lm", "velo info quadratic --format json"},
          .declare =
              [=](Options& o) {
                o.required("NAME", choices->name, "an algorithm or a workload");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const Catalogue catalogue = catalogue_of(*console.registry);
                const CatalogueAlgorithm* algorithm = catalogue.find_algorithm(choices->name);
                const CatalogueWorkload* workload = catalogue.find_workload(choices->name);
                if (algorithm == nullptr && workload == nullptr) {
                  std::vector<std::string> names = catalogue.algorithm_names();
                  for (const std::string& name : catalogue.workload_names()) names.push_back(name);
                  throw Error(cat("no algorithm or workload is called '", choices->name, "'",
                                  did_you_mean(choices->name, names), "; `velo list` shows them all"));
                }
                if (algorithm != nullptr) show(console, *choices, *algorithm);
                if (workload != nullptr) show(console, *choices, *workload, catalogue);
                return ExitCode::ok;
              }};
}

}  // namespace velo
