// results/table.hpp
//
// The answer to a query: typed columns, rows of values. Printers live elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace velo {

enum class ColumnType { integer, real, text };

/// An empty value (SQL's NULL), a whole number, a real number or text.
using TableValue = std::variant<std::monostate, std::int64_t, double, std::string>;

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::text;  ///< the widest type that occurs in it
};

struct Table {
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableValue>> rows;  ///< each as long as `columns`
};

}  // namespace velo
