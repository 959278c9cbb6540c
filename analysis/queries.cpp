#include "analysis/queries.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>

#include "analysis/query_files.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) out.push_back(trimmed(part));
  return out;
}

std::size_t column_of(const Table& table, const std::string& column) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c].name == column) return c;
    names.push_back(table.columns[c].name);
  }
  throw Error(cat("the answer has no column '", column, "', which its header names", did_you_mean(column, names)));
}

std::optional<double> number(const TableValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value); real != nullptr && !std::isnan(*real)) return *real;
  return std::nullopt;
}

/// A row that competes: larger is better here, whatever the direction.
struct Rival {
  std::size_t row;
  double value, low, high;
};

void mark_best(const std::vector<Rival>& rivals, std::size_t column, Marks& marks) {
  const auto best =
      std::max_element(rivals.begin(), rivals.end(), [](const Rival& a, const Rival& b) { return a.value < b.value; });
  for (const Rival& rival : rivals)
    if (rival.value == best->value || (rival.low <= best->high && best->low <= rival.high))
      marks.best[rival.row][column] = true;
}

}  // namespace

Marks best_of(const Table& table, const std::vector<BestRule>& rules, const std::vector<std::string>& within) {
  Marks marks;
  marks.best.assign(table.rows.size(), std::vector<bool>(table.columns.size(), false));
  std::vector<std::size_t> keys;
  for (const std::string& column : within) keys.push_back(column_of(table, column));
  std::map<std::vector<TableValue>, std::vector<std::size_t>> groups;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    std::vector<TableValue> key;
    for (const std::size_t c : keys) key.push_back(table.rows[r][c]);
    groups[key].push_back(r);
  }
  for (const BestRule& rule : rules) {
    const std::size_t metric = column_of(table, rule.metric);
    if (rule.direction == "none") continue;
    const bool by_row = rule.direction == "by row";
    const std::size_t direction = by_row ? column_of(table, "direction") : 0;
    for (const auto& [key, rows] : groups) {
      std::vector<Rival> rivals;
      for (const std::size_t r : rows) {
        const auto& row = table.rows[r];
        const auto value = number(row[metric]);
        const std::string* word = by_row ? std::get_if<std::string>(&row[direction]) : &rule.direction;
        if (!value || word == nullptr || *word == "none") continue;
        const double sign = *word == "higher" ? 1 : -1;
        double a = sign * *value, b = a;
        if (!rule.low.empty()) {
          // An open bound is one that was not reached: as bad as can be.
          a = sign * number(row[column_of(table, rule.low)]).value_or(-sign * INFINITY);
          b = sign * number(row[column_of(table, rule.high)]).value_or(-sign * INFINITY);
        }
        rivals.push_back({r, sign * *value, std::min(a, b), std::max(a, b)});
      }
      if (!rivals.empty()) mark_best(rivals, metric, marks);
    }
  }
  return marks;
}

NamedQuery parse_query(const std::string& name, std::string_view text) {
  NamedQuery query;
  query.name = name;
  std::map<std::string, std::string> keys;
  std::istringstream lines{std::string(text)};
  static const std::vector<std::string> known{"metric", "direction", "interval", "within", "pairing", "aggregation"};
  std::string line;
  bool header = true;
  while (std::getline(lines, line)) {
    if (!header || !line.starts_with("--")) {
      header = false;
      query.sql += line + "\n";
      continue;
    }
    const std::string said = trimmed(std::string_view(line).substr(2));
    if (query.title.empty()) {
      query.title = said;
      continue;
    }
    const auto colon = said.find(':');
    const std::string key = said.substr(0, colon);
    if (colon == std::string::npos || std::find(known.begin(), known.end(), key) == known.end())
      throw Error(cat("query '", name, "': '", said, "' is not a line of its header; it holds ", join_words(known),
                      did_you_mean(key, known)));
    if (!keys.emplace(key, trimmed(said.substr(colon + 1))).second)
      throw Error(cat("query '", name, "': its header says '", key, "' twice"));
  }
  for (const char* needed : {"metric", "direction", "pairing", "aggregation"})
    if (keys[needed].empty()) throw Error(cat("query '", name, "': its header lacks '", needed, "'"));
  query.metrics = listed(keys["metric"]);
  query.direction = keys["direction"];
  query.pairing = keys["pairing"];
  query.aggregation = keys["aggregation"];
  query.within = listed(keys["within"]);
  static const std::vector<std::string> directions{"lower", "higher", "none", "by row"};
  if (std::find(directions.begin(), directions.end(), query.direction) == directions.end())
    throw Error(cat("query '", name, "': the direction '", query.direction, "' is not one of ",
                    join_words(directions, "or"), did_you_mean(query.direction, directions)));
  if (query.pairing != "none" && query.pairing != "study")
    throw Error(cat("query '", name, "': pairing is 'none' or 'study', not '", query.pairing, "'"));
  for (const std::string& bounds : listed(keys["interval"])) {
    const auto dots = bounds.find("..");
    if (dots == std::string::npos)
      throw Error(cat("query '", name, "': an interval is written low..high, not '", bounds, "'"));
    query.intervals.emplace_back(bounds.substr(0, dots), bounds.substr(dots + 2));
  }
  if (!query.intervals.empty() && query.intervals.size() != query.metrics.size())
    throw Error(cat("query '", name, "': it has ", query.metrics.size(), " metrics and ", query.intervals.size(),
                    " intervals; give one each, or none"));
  if (trimmed(query.sql).empty()) throw Error(cat("query '", name, "' has no SQL behind its header"));
  return query;
}

const std::vector<NamedQuery>& named_queries() {
  static const auto queries = [] {
    std::vector<NamedQuery> out;
    for (const auto& [name, text] : query_files()) out.push_back(parse_query(std::string(name), text));
    return out;
  }();
  return queries;
}

const NamedQuery& named_query(const std::string& name) {
  std::vector<std::string> names;
  for (const NamedQuery& query : named_queries()) {
    if (query.name == name) return query;
    names.push_back(query.name);
  }
  throw Error(cat("there is no query '", name, "'", did_you_mean(name, names), "; there are ", join_words(names),
                  ", or give SQL"));
}

Marks take_marks(const NamedQuery& query, Table& answer) {
  std::vector<BestRule> rules;
  for (std::size_t m = 0; m < query.metrics.size(); ++m) {
    rules.push_back({query.metrics[m], query.direction, "", ""});
    if (!query.intervals.empty()) std::tie(rules[m].low, rules[m].high) = query.intervals[m];
  }
  Marks marks = best_of(answer, rules, query.within);
  if (query.direction != "by row") return marks;
  const auto drop = static_cast<std::ptrdiff_t>(column_of(answer, "direction"));
  answer.columns.erase(answer.columns.begin() + drop);
  for (auto& row : answer.rows) row.erase(row.begin() + drop);
  for (auto& row : marks.best) row.erase(row.begin() + drop);
  return marks;
}

}  // namespace velo::analysis
