// analysis/table.hpp
//
// Prints a results/table.hpp table. All verbs print through these, so every answer exists in the same formats:
//   text   for people: aligned, numbers rounded to about four digits, an empty value is a dash
//   CSV    RFC 4180: numbers in full, an empty value is an empty field
//   Markdown   as for people, a pipe table; the best in bold
//   LaTeX      as for people, a tabular with booktabs' rules; the best in bold, an empty value is a dash
//   JSON   an array of objects, one row a line: numbers in full, an empty value is null. JSON knows no infinity and no
//          NaN: they are the strings "inf", "-inf" and "nan"
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "results/table.hpp"

namespace velo::analysis {

struct TextStyle {
  bool colour = false;  ///< bold headings by ANSI escapes: for terminals
};

/// Cells that are the best of their group, ties included: [row][column]. Empty: none.
struct Marks {
  std::vector<std::vector<bool>> best;

  [[nodiscard]] bool at(std::size_t row, std::size_t column) const { return row < best.size() && best[row][column]; }
};

[[nodiscard]] std::string to_text(const Table& table, const TextStyle& style = {});
[[nodiscard]] std::string to_csv(const Table& table);
[[nodiscard]] std::string to_json(const Table& table);
[[nodiscard]] std::string to_markdown(const Table& table, const Marks& marks = {});
[[nodiscard]] std::string to_latex(const Table& table, const Marks& marks = {});

/// Columns of a terminal that UTF-8 text takes: combining marks none, East Asian wide characters and emoji two.
/// Bytes that are not UTF-8 count as one each.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// `value` rounded to about `digits` significant digits, without exponent between 1e-4 and 1e9: "0.6321", "1523",
/// "inf".
[[nodiscard]] std::string rounded(double value, int digits = 4);

/// `text` as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace velo::analysis
