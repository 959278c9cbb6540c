// `velo data`: lists, installs and verifies data sets.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "harness/cli/print.hpp"
#include "harness/data_set.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string action;
  std::vector<std::string> names;
  std::string directory;
  std::string from;
  Format format = Format::table;
};

Table listing(const std::vector<DataSetInfo>& sets, const std::string& directory) {
  Table table;
  for (const char* column : {"name", "state", "MB", "package", "licence", "summary"})
    table.columns.push_back({column, std::string_view(column) == "MB" ? ColumnType::integer : ColumnType::text});
  for (const DataSetInfo& set : sets)
    table.rows.push_back({set.name, std::string(set.installed(directory) ? "installed" : "missing"),
                          (set.bytes + 500000) / 1000000, set.package, set.licence, set.summary});
  return table;
}

std::vector<const DataSetInfo*> chosen(const std::vector<std::string>& names, const Registry& registry) {
  std::vector<const DataSetInfo*> sets;
  for (const std::string& name : names) sets.push_back(&data_set(registry, name));
  return sets;
}

void install(const Choices& choices, const std::string& directory, const Console& console) {
  if (choices.names.empty())
    throw Error("which data set? `velo data list` shows them; `velo data install fashion_mnist`");
  for (const DataSetInfo* set : chosen(choices.names, *console.registry))
    set->install(directory, choices.from, [&](std::string_view line) { console.err << line << '\n'; });
}

/// Named sets must be there; without names, those that are there are read.
void verify(const Choices& choices, const std::string& directory, const Console& console) {
  std::vector<const DataSetInfo*> sets = chosen(choices.names, *console.registry);
  if (choices.names.empty())
    for (const DataSetInfo& set : data_sets(*console.registry))
      if (std::filesystem::exists(directory + "/" + set.name)) sets.push_back(&set);
  if (sets.empty()) throw Error(cat("no data set is installed in ", directory), ExitCode::nothing_measured);
  for (const DataSetInfo* set : sets) {
    set->verify(directory);
    console.err << set->name << " is unharmed in " << directory << '\n';
  }
}

}  // namespace

Verb data_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "data",
          .group = "Prepare",
          .summary = "List, install and verify data sets",
          .examples = {"velo data list", "velo data install fashion_mnist",
                       "velo data install fashion_mnist --from downloads/fashion-mnist", "velo data verify"},
          .declare =
              [=](Options& o) {
                o.required("ACTION", choices->action, "list, install or verify");
                o.positionals("NAME", choices->names, "data sets");
                o.value("--data", choices->directory,
                        "where converted data sets lie (default: $VELO_DATA_DIR, else ~/.cache/velodrome/data)", "DIR");
                o.value("--from", choices->from, "install from the original files in this folder", "DIR");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const std::vector<std::string> actions = {"list", "install", "verify"};
                if (std::find(actions.begin(), actions.end(), choices->action) == actions.end())
                  throw Error(cat("`velo data` can ", join_words(actions, "or"), ", not '", choices->action, "'",
                                  did_you_mean(choices->action, actions)));
                const std::string directory =
                    choices->directory.empty() ? default_data_directory() : choices->directory;
                if (choices->action == "list")
                  print_table(console, choices->format, listing(data_sets(*console.registry), directory));
                if (choices->action == "install") install(*choices, directory, console);
                if (choices->action == "verify") verify(*choices, directory, console);
                return ExitCode::ok;
              }};
}

}  // namespace velo
