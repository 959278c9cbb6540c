// analysis/queries.hpp
//
// Named queries: analysis/queries/NAME.sql, part of the program. One statement over the tables and views of
// results/layout.md, behind a header that says how its answer is to be read:
//
//   -- Time to the validation target, per workload and entry        what it answers
//   -- metric: steps, seconds                                       columns that are the answer
//   -- direction: lower                                             of the metrics: lower, higher, none, or `by row`: in
//                                                                   the column `direction`, which is not shown
//   -- interval: steps_low..steps_high, seconds_low..seconds_high   optional: columns that bound each metric
//   -- within: workload                                             optional: columns within which one entry is best
//   -- pairing: none                                                whether rows pair up by study
//   -- aggregation: median over studies of the fastest trial        what a number stands for
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/table.hpp"
#include "results/table.hpp"

namespace velo::analysis {

struct NamedQuery {
  std::string name;
  std::string title;
  std::vector<std::string> metrics;
  std::string direction;
  std::vector<std::pair<std::string, std::string>> intervals;  ///< one a metric, or none
  std::vector<std::string> within;
  std::string pairing;
  std::string aggregation;
  std::string sql;  ///< without the header
};

/// Parses and checks a query file. Throws Error naming the query and the line that is missing, twice there or unknown.
[[nodiscard]] NamedQuery parse_query(const std::string& name, std::string_view text);

/// All queries of this program, by name.
[[nodiscard]] const std::vector<NamedQuery>& named_queries();
/// Throws Error with the nearest name.
[[nodiscard]] const NamedQuery& named_query(const std::string& name);

/// Which cells of an answer are the best of their group, ties by interval included; drops the column `direction` of a
/// query that decides by row. Throws Error when the answer lacks a column that the header names.
[[nodiscard]] Marks take_marks(const NamedQuery& query, Table& answer);

/// The same for any table: `metric` is better when `lower` or higher; rows of equal `within` values compete. Without an
/// interval only equal values tie.
struct BestRule {
  std::string metric;
  std::string direction;  ///< lower, higher, none, by row
  std::string low, high;  ///< empty: none
};
[[nodiscard]] Marks best_of(const Table& table, const std::vector<BestRule>& rules,
                            const std::vector<std::string>& within);

}  // namespace velo::analysis
