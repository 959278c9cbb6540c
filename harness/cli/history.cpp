// `velo history`: how the values of a gate went over time, and where they changed.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "analysis/gate/baseline.hpp"
#include "analysis/gate/change_points.hpp"
#include "analysis/gate/verdict.hpp"
#include "analysis/table.hpp"
#include "harness/cli/print.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string date, commit, from, because;
  double value = 0;
};
using Histories = std::map<std::string, std::vector<Entry>>;

void add_baseline(const std::string& file, Histories& out) {
  const analysis::GateBaseline baseline = analysis::read_baseline(read_file(file), file);
  for (const analysis::AcceptedState& state : baseline.history)
    for (const auto& [name, value] : state.values)
      out[name].push_back({state.date, state.commit, "accepted", state.because, value});
}

/// Reports of gates in a store: their effect is a speedup over the baseline of their day.
void add_reports(const fs::path& folder, Histories& out, std::vector<std::string>& notes) {
  if (!fs::is_directory(folder)) return;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".json") continue;
    const auto report = nlohmann::json::parse(read_file(file.path()), nullptr, false);
    if (!report.is_object() || !report.contains("cases")) {
      notes.push_back(cat("left out: '", file.path().string(), "' is no report of a gate"));
      continue;
    }
    for (const auto& one : report["cases"]) {
      if (!one.contains("effect") || !one["effect"].is_number()) continue;
      out[cat(one.value("part", ""), " ", one.value("name", ""), " speedup")].push_back(
          {report.value("date", ""), report.value("candidate", ""), "gate", one.value("verdict", ""),
           1 + one["effect"].get<double>()});
    }
  }
}

}  // namespace

Verb history_verb() {
  struct Choices {
    std::string name, baseline = "results/baselines/main.json", store = "results/store/gate";
    double alpha = 0.05;
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {
      .name = "history",
      .group = "Ask",
      .summary = "How the values of a gate went, accepted ones and those of past gates, and where they changed",
      .examples = {"velo history", "velo history adamw --format csv"},
      .declare =
          [=](Options& o) {
            o.positional("NAME", choices->name, "only cases whose name contains it");
            o.value("--baseline", choices->baseline, "the baseline", "FILE");
            o.value("--out", choices->store, "the store of the gates", "DIR");
            o.value("--alpha", choices->alpha, "level of the test of a change point");
            o.format(choices->format);
          },
      .action =
          [=](const Console& console) {
            Histories histories;
            std::vector<std::string> notes;
            if (fs::exists(choices->baseline)) add_baseline(choices->baseline, histories);
            add_reports(fs::path(choices->store) / "gates", histories, notes);
            std::erase_if(histories,
                          [&](const auto& one) { return one.first.find(choices->name) == std::string::npos; });
            for (const std::string& note : notes) console.err << note << '\n';
            if (histories.empty())
              throw Error(
                  cat("neither '", choices->baseline, "' nor the gates in '", choices->store, "' have such a case"),
                  ExitCode::nothing_measured);
            Table table{{{"case", ColumnType::text},
                         {"date", ColumnType::text},
                         {"commit", ColumnType::text},
                         {"from", ColumnType::text},
                         {"value", ColumnType::real},
                         {"change", ColumnType::text},
                         {"p", ColumnType::real},
                         {"because", ColumnType::text}},
                        {}};
            for (auto& [name, entries] : histories) {
              std::stable_sort(entries.begin(), entries.end(),
                               [](const Entry& a, const Entry& b) { return a.date < b.date; });
              std::vector<double> values;
              for (const Entry& entry : entries) values.push_back(entry.value);
              const auto points = analysis::change_points(values, {.alpha = choices->alpha});
              for (std::size_t i = 0; i < entries.size(); ++i) {
                const auto point = std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.at == i; });
                const bool here = point != points.end();
                table.rows.push_back(
                    {name, entries[i].date, entries[i].commit, entries[i].from, entries[i].value,
                     here ? TableValue(analysis::percent_text(point->after / point->before - 1, true)) : TableValue(),
                     here ? TableValue(point->p_value) : TableValue(), entries[i].because});
              }
            }
            print_table(console, choices->format, table);
            return ExitCode::ok;
          }};
}

}  // namespace velo
