#include "analysis/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "results/csv.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

struct Range {
  char32_t first, last;
};

constexpr std::array<Range, 6> zero_width{
    {{0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1AB0, 0x1AFF}}};
constexpr std::array<Range, 10> double_width{{{0x1100, 0x115F},
                                              {0x2E80, 0xA4CF},
                                              {0xAC00, 0xD7A3},
                                              {0xF900, 0xFAFF},
                                              {0xFE30, 0xFE6F},
                                              {0xFF00, 0xFF60},
                                              {0xFFE0, 0xFFE6},
                                              {0x1F300, 0x1F64F},
                                              {0x1F680, 0x1FAFF},
                                              {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool inside(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return r.first <= c && c <= r.last; });
}

/// Takes one code point off the front; a byte that starts none is taken alone.
char32_t take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  char32_t c = length == 1 ? lead : lead & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || (byte(i) & 0xC0) != 0x80) {
      text.remove_prefix(1);
      return lead;
    }
    c = c << 6 | (byte(i) & 0x3F);
  }
  text.remove_prefix(length);
  return c;
}

/// Tabs, line ends and escapes would break the alignment or the terminal.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

std::string heading(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string fixed(double value, int decimals) {
  std::array<char, 400> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

/// Decimals at which the largest number of a column has four significant digits.
int decimals_of(const Table& table, std::size_t column) {
  double largest = 0;
  for (const auto& row : table.rows) {
    const auto* value = std::get_if<double>(&row[column]);
    if (value && std::isfinite(*value)) largest = std::max(largest, std::abs(*value));
  }
  if (largest == 0) return 1;
  // A hair less, so that shares keep four decimals when the largest of them is 1.
  return std::clamp(3 - static_cast<int>(std::floor(std::log10(largest * (1 - 1e-9)))), 0, 4);
}

std::string real_text(double value, int decimals) {
  if (!std::isfinite(value)) return number_text(value);
  const bool vanishes = value != 0 && std::abs(value) < 10 * std::pow(10.0, -decimals);
  return vanishes || std::abs(value) >= 1e9 ? rounded(value) : fixed(value, decimals);
}

std::string text_of(const TableValue& value, int decimals) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return number_text(*whole);
  if (const auto* real = std::get_if<double>(&value)) return real_text(*real, decimals);
  if (const auto* text = std::get_if<std::string>(&value)) return one_line(*text);
  return "-";
}

struct TextColumn {
  std::vector<std::string> cells;  // heading first
  std::size_t width = 0;
  bool right = false;
};

TextColumn text_column(const Table& table, std::size_t column) {
  TextColumn out;
  out.right = table.columns[column].type != ColumnType::text;
  out.cells.push_back(heading(table.columns[column].name));
  const int decimals = decimals_of(table, column);
  for (const auto& row : table.rows) out.cells.push_back(text_of(row[column], decimals));
  for (const auto& cell : out.cells) out.width = std::max(out.width, display_width(cell));
  return out;
}

/// `text` with every character that `escapes` lists replaced.
std::string escaped(std::string_view text, const std::vector<std::pair<char, std::string_view>>& escapes) {
  std::string out;
  for (const char c : text) {
    const auto found = std::find_if(escapes.begin(), escapes.end(), [c](const auto& e) { return e.first == c; });
    if (found == escapes.end())
      out += c;
    else
      out += found->second;
  }
  return out;
}

std::string latex_text(std::string_view text) {
  static const std::vector<std::pair<char, std::string_view>> special{{'&', "\\&"},
                                                                      {'%', "\\%"},
                                                                      {'$', "\\$"},
                                                                      {'#', "\\#"},
                                                                      {'_', "\\_"},
                                                                      {'{', "\\{"},
                                                                      {'}', "\\}"},
                                                                      {'~', "\\textasciitilde{}"},
                                                                      {'<', "\\textless{}"},
                                                                      {'>', "\\textgreater{}"},
                                                                      {'^', "\\textasciicircum{}"},
                                                                      {'\\', "\\textbackslash{}"}};
  return escaped(text, special);
}

/// In a pipe table a bar ends the cell; the rest would be formatting.
std::string markdown_text(std::string_view text) {
  static const std::vector<std::pair<char, std::string_view>> special{{'|', "\\|"}, {'*', "\\*"},  {'_', "\\_"},
                                                                      {'`', "\\`"}, {'<', "&lt;"}, {'&', "&amp;"},
                                                                      {'[', "\\["}, {'\\', "\\\\"}};
  return escaped(text, special);
}

/// LaTeX: 1e-08 as a power of ten, a minus sign that is one, words for what is no number.
std::string latex_number(const std::string& text) {
  if (text == "inf" || text == "-inf") return text == "inf" ? "$\\infty$" : "$-\\infty$";
  const auto e = text.find('e');
  if (e != std::string::npos && text != "-")
    return cat("$", text.substr(0, e), "\\times 10^{", std::to_string(std::stoi(text.substr(e + 1))), "}$");
  return text.starts_with('-') && text.size() > 1 ? cat("$", text, "$") : text;
}

std::string csv_value(const TableValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return number_text(*whole);
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return csv_field(*text);
  return "";
}

std::string json_value(const TableValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return number_text(*whole);
  if (const auto* real = std::get_if<double>(&value)) {
    return std::isfinite(*real) ? number_text(*real) : json_string(number_text(*real));
  }
  if (const auto* text = std::get_if<std::string>(&value)) return json_string(*text);
  return "null";
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const char32_t c = take_code_point(text);
    width += inside(zero_width, c) ? 0 : inside(double_width, c) ? 2 : 1;
  }
  return width;
}

std::string rounded(double value, int digits) {
  if (!std::isfinite(value) || value == 0) return number_text(value);
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (magnitude < -4 || magnitude >= 9) {
    std::array<char, 64> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(), "%.*g", digits, value);
    return {buffer.data(), static_cast<std::size_t>(length)};
  }
  std::string text = fixed(value, std::max(0, digits - 1 - magnitude));
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string json_string(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string to_text(const Table& table, const TextStyle& style) {
  std::vector<TextColumn> columns;
  for (std::size_t c = 0; c < table.columns.size(); ++c) columns.push_back(text_column(table, c));
  const auto line_of = [&](const auto& cell) {
    std::string line;
    for (std::size_t c = 0; c < columns.size(); ++c) line.append(c == 0 ? "" : "  ").append(cell(columns[c]));
    return line.erase(line.find_last_not_of(' ') + 1);
  };
  std::string out;
  for (std::size_t row = 0; row <= table.rows.size(); ++row) {
    const std::string line = line_of([row](const TextColumn& column) {
      const std::string& cell = column.cells[row];
      const std::string pad(column.width - display_width(cell), ' ');
      return column.right ? pad + cell : cell + pad;
    });
    out += row == 0 && style.colour ? cat("\033[1m", line, "\033[0m\n") : cat(line, "\n");
    if (row == 0) out += cat(line_of([](const TextColumn& column) { return std::string(column.width, '-'); }), "\n");
  }
  return out;
}

std::string to_csv(const Table& table) {
  std::string out;
  const auto line = [&](std::size_t count, const auto& cell) {
    for (std::size_t c = 0; c < count; ++c) out.append(c == 0 ? "" : ",").append(cell(c));
    out += "\r\n";
  };
  line(table.columns.size(), [&](std::size_t c) { return csv_field(table.columns[c].name); });
  for (const auto& row : table.rows) line(row.size(), [&](std::size_t c) { return csv_value(row[c]); });
  return out;
}

std::string to_json(const Table& table) {
  std::string out = "[";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    out += r == 0 ? "\n  {" : ",\n  {";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      out += cat(c == 0 ? "" : ", ", json_string(table.columns[c].name), ": ", json_value(table.rows[r][c]));
    }
    out += "}";
  }
  return out + (table.rows.empty() ? "]\n" : "\n]\n");
}

std::string to_markdown(const Table& table, const Marks& marks) {
  std::string heads = "|", rules = "|";
  std::vector<TextColumn> columns;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    columns.push_back(text_column(table, c));
    heads += cat(" ", markdown_text(columns[c].cells[0]), " |");
    rules += columns[c].right ? "---:|" : "---|";
  }
  std::string out = cat(heads, "\n", rules, "\n");
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    out += "|";
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string cell = markdown_text(columns[c].cells[r + 1]);
      out += marks.at(r, c) ? cat(" **", cell, "** |") : cat(" ", cell, " |");
    }
    out += "\n";
  }
  return out;
}

std::string to_latex(const Table& table, const Marks& marks) {
  std::string kinds, heads;
  std::vector<TextColumn> columns;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    columns.push_back(text_column(table, c));
    kinds += columns[c].right ? 'r' : 'l';
    heads += cat(c == 0 ? "" : " & ", latex_text(columns[c].cells[0]));
  }
  std::string out = cat("\\begin{tabular}{", kinds, "}\n\\toprule\n", heads, " \\\\\n\\midrule\n");
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const bool text = std::holds_alternative<std::string>(table.rows[r][c]);
      const bool empty = std::holds_alternative<std::monostate>(table.rows[r][c]);
      const std::string& plain = columns[c].cells[r + 1];
      const std::string cell = text ? latex_text(plain) : empty ? "--" : latex_number(plain);
      const bool maths = cell.starts_with('$');
      out += c == 0 ? "" : " & ";
      out += !marks.at(r, c) ? cell : maths ? cat("\\boldmath", cell, "\\unboldmath") : cat("\\textbf{", cell, "}");
    }
    out += " \\\\\n";
  }
  return out + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace velo::analysis
