#include "analysis/gate/verdict.hpp"

#include <algorithm>

#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

std::string name(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::improved:
      return "improved";
    case GateVerdict::equivalent:
      return "equivalent";
    case GateVerdict::regressed:
      return "regressed";
    case GateVerdict::inconclusive:
      return "inconclusive";
    case GateVerdict::nothing_measured:
      return "nothing measured";
  }
  return {};
}

std::string name(GatePart part) {
  switch (part) {
    case GatePart::replay:
      return "replay";
    case GatePart::quality:
      return "quality";
    case GatePart::speed:
      return "speed";
  }
  return {};
}

ExitCode exit_code(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::improved:
    case GateVerdict::equivalent:
      return ExitCode::ok;
    case GateVerdict::regressed:
      return ExitCode::verdict;
    case GateVerdict::inconclusive:
      return ExitCode::inconclusive;
    case GateVerdict::nothing_measured:
      return ExitCode::nothing_measured;
  }
  return ExitCode::inconclusive;
}

GateVerdict GateReport::verdict() const {
  for (const GateVerdict worst : {GateVerdict::regressed, GateVerdict::inconclusive, GateVerdict::nothing_measured,
                                  GateVerdict::improved, GateVerdict::equivalent}) {
    if (std::any_of(cases.begin(), cases.end(), [&](const GateCase& one) { return one.verdict == worst; }))
      return worst;
  }
  return GateVerdict::nothing_measured;
}

std::string percent_text(double fraction, bool with_sign) {
  return cat(with_sign && fraction > 0 ? "+" : "", rounded(100 * fraction, 3), " %");
}

Table gate_table(const GateReport& report) {
  Table table{{{"part", ColumnType::text},
               {"case", ColumnType::text},
               {"verdict", ColumnType::text},
               {"effect_%", ColumnType::real},
               {"low_%", ColumnType::real},
               {"high_%", ColumnType::real},
               {"margin_%", ColumnType::real},
               {"seeds_see_%", ColumnType::real},
               {"pairs", ColumnType::integer}},
              {}};
  const auto shown = [](const std::optional<double>& value) { return value ? TableValue(100 * *value) : TableValue(); };
  std::int64_t unchanged = 0;
  for (const GateCase& one : report.cases) {
    if (one.part == GatePart::replay && one.word == "unchanged") {
      ++unchanged;
      continue;
    }
    table.rows.push_back({name(one.part), one.name, one.word, shown(one.effect), shown(one.low), shown(one.high),
                          shown(one.margin), shown(one.visible),
                          one.pairs > 0 ? TableValue(static_cast<std::int64_t>(one.pairs)) : TableValue()});
  }
  if (unchanged > 0) {
    std::vector<TableValue> row(table.columns.size());
    row[0] = name(GatePart::replay);
    row[1] = cat(unchanged, unchanged == 1 ? " trajectory" : " trajectories");
    row[2] = "unchanged";
    table.rows.insert(table.rows.begin(), std::move(row));
  }
  return table;
}

std::string gate_sentence(const GateReport& report) {
  const GateVerdict whole = report.verdict();
  std::vector<std::string> names;
  for (const GateCase& one : report.cases)
    if (one.verdict == whole && one.word != "unchanged" && whole != GateVerdict::equivalent)
      names.push_back(cat(name(one.part), " of ", one.name));
  constexpr std::size_t most = 4;
  if (names.size() > most) {
    const std::size_t more = names.size() - most;
    names.resize(most);
    names.push_back(cat(more, " more"));
  }
  std::string out = cat("gate ", report.gate, ": ", name(whole));
  if (!names.empty()) out += cat(" (", join_words(names), ")");
  return out;
}

}  // namespace velo::analysis
