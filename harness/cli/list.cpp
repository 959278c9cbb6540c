// `velo list`: what this program knows.
#include <algorithm>
#include <filesystem>

#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string kind;
  Format format = Format::table;
};

const std::vector<std::string> kinds = {"algorithms", "workloads", "sweeps"};

void add_modules(Table& table, const Catalogue& catalogue, const std::string& kind) {
  const auto row = [&](const std::string& name, int version, const std::string& summary) {
    table.rows.push_back({kind.substr(0, kind.size() - 1), name, static_cast<std::int64_t>(version), summary});
  };
  if (kind == "algorithms")
    for (const CatalogueAlgorithm& a : catalogue.algorithms) row(a.name, a.version, a.summary);
  else
    for (const CatalogueWorkload& w : catalogue.workloads) row(w.name, w.version, w.summary);
}

/// Files in the folder `sweeps` of the nearest configs.
void add_sweeps(Table& table) {
  for (const std::string& directory : config_directories(".")) {
    const auto folder = std::filesystem::path(directory) / "sweeps";
    if (!std::filesystem::is_directory(folder)) continue;
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    for (const std::string& file : files)
      table.rows.push_back({"sweep", std::filesystem::path(file).stem().string(), TableValue{}, file});
  }
}

}  // namespace

Verb list_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "list",
          .group = "Look around",
          .summary = "List algorithms, workloads and sweeps",
          .examples = {"velo list", "velo list algorithms", "velo list workloads --format json"},
          .declare =
              [=](Options& o) {
                o.positional("KIND", choices->kind, "algorithms, workloads or sweeps; all when left out");
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const std::string& kind = choices->kind;
                if (!kind.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
                  throw Error(
                      cat("`velo list` knows ", join_words(kinds), ", not '", kind, "'", did_you_mean(kind, kinds)));
                const Catalogue catalogue = catalogue_of(*console.registry);
                Table table{{{"kind", ColumnType::text},
                             {"name", ColumnType::text},
                             {"version", ColumnType::integer},
                             {"summary", ColumnType::text}},
                            {}};
                for (const char* modules : {"workloads", "algorithms"})
                  if (kind.empty() || kind == modules) add_modules(table, catalogue, modules);
                if (kind.empty() || kind == "sweeps") add_sweeps(table);
                print_table(console, choices->format, table);
                return ExitCode::ok;
              }};
}

}  // namespace velo
