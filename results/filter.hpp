// results/filter.hpp
//
// Short conditions on trials, as people type them: `algorithm=adamw and lr<1e-3`.
//
//   condition   comparison, or conditions joined by `and`, `or`, `not` and parentheses; `and` binds tighter than `or`
//   comparison  field = != < <= > >= value, or field in (value, value, ...)
//   field       a column of the table `trials`, or a hyperparameter of the algorithm: its name, or the end of it behind
//               a dot ("lr" finds inner.lr of a wrapper too). A column comes first; `parameter.NAME` means the
//               hyperparameter all the same. A scheduled hyperparameter compares by its base value
//   value       a number, true or false, a word, or text in single or double quotes
//
// Numbers compare with numbers and texts with texts; anything else is an error. A trial that has no such value, a
// hyperparameter of another algorithm say, meets no comparison, not even `!=`.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "results/table.hpp"

namespace velo {

/// A condition in SQL over the view `trials`, and what its question marks stand for: what the user typed is bound, never
/// part of the SQL.
struct Filter {
  std::string text;  ///< as it was typed
  std::string sql;
  std::vector<TableValue> values;
};

/// A hyperparameter that a filter may name.
struct Hyperparameter {
  std::string name;  ///< "lr", "inner.lr", "inner.lr.value" for the base value of a schedule
  std::string path;  ///< where it stands in the column algorithm_parameters: $."inner.lr"."value"

  friend bool operator<(const Hyperparameter& a, const Hyperparameter& b) {
    return std::tie(a.name, a.path) < std::tie(b.name, b.path);
  }
};

/// Adds those of one JSON object of resolved parameters that are numbers, texts or truth values.
void collect_hyperparameters(const std::string& json, std::set<Hyperparameter>& into);

/// Parses a condition. Throws Error with the place of a mistake, or the nearest name for an unknown field.
[[nodiscard]] Filter parse_filter(std::string_view text, const std::set<Hyperparameter>& hyperparameters);

}  // namespace velo
