// Separators are found eight bytes at a time: with x = word XOR (8 copies of the byte), the bytes that are zero have
// their top bit set in ~(((x & 0x7f..) + 0x7f..) | x | 0x7f..), and only they, since no carry leaves a byte.
#include "results/csv.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

constexpr std::uint64_t low_bits = 0x7f7f7f7f7f7f7f7f;
constexpr std::uint64_t every_byte = 0x0101010101010101;

constexpr std::uint64_t marks_of(std::uint64_t word, char wanted) {
  const std::uint64_t x = word ^ (every_byte * static_cast<unsigned char>(wanted));
  return ~(((x & low_bits) + low_bits) | x | low_bits);
}

/// Appends the offset of every comma and line end; returns how many line ends there are.
std::size_t find_separators(std::string_view text, std::vector<std::uint32_t>& found) {
  std::size_t lines = 0, at = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; at + 8 <= text.size(); at += 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      const std::uint64_t ends = marks_of(word, '\n');
      lines += static_cast<std::size_t>(std::popcount(ends));
      for (std::uint64_t marks = ends | marks_of(word, ','); marks != 0; marks &= marks - 1)
        found.push_back(static_cast<std::uint32_t>(at + static_cast<unsigned>(std::countr_zero(marks)) / 8));
    }
  }
  for (; at < text.size(); ++at) {
    if (text[at] != ',' && text[at] != '\n') continue;
    lines += text[at] == '\n';
    found.push_back(static_cast<std::uint32_t>(at));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_word(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

}  // namespace

void CsvText::parse(std::string_view text, std::string_view where) {
  if (text.size() >= std::numeric_limits<std::uint32_t>::max()) throw Error(cat("'", where, "' is too large a table"));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.empty()) throw Error(cat("'", where, "' is empty"));
  ends_.clear();
  if (text.find('"') == std::string_view::npos) {
    text_ = text;
    lines_ = 1 + find_separators(text, ends_);
  } else {
    cut_quoted(text, where);
  }
  ends_.push_back(static_cast<std::uint32_t>(text_.size()));
  check(where);
}

void CsvText::cut_quoted(std::string_view text, std::string_view where) {
  unquoted_.clear();
  lines_ = 1;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      const bool doubled = inside && i + 1 < text.size() && text[i + 1] == '"';
      if (doubled) unquoted_ += text[i++];
      inside = inside == doubled;
      continue;
    }
    if (!inside && (text[i] == ',' || text[i] == '\n')) {
      ends_.push_back(static_cast<std::uint32_t>(unquoted_.size()));
      lines_ += text[i] == '\n';
    }
    unquoted_ += text[i];
  }
  if (inside) throw Error(cat("'", where, "' is cut off inside a quoted field"));
  text_ = unquoted_;
}

void CsvText::check(std::string_view where) {
  const auto ends_line = [&](std::size_t i) { return i + 1 == ends_.size() || text_[ends_[i]] == '\n'; };
  columns_ = 1;
  while (!ends_line(columns_ - 1)) ++columns_;
  rows_ = ends_.size() / columns_;
  bool regular = lines_ == rows_ && ends_.size() == rows_ * columns_;
  for (std::size_t row = 1; regular && row <= rows_; ++row) regular = ends_line(row * columns_ - 1);
  if (regular) return;
  std::size_t line = 1, fields = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    ++fields;
    if (!ends_line(i)) continue;
    if (fields != columns_ && line == lines_ && fields < columns_)
      throw Error(cat("'", where, "' is cut off: its last line has ", fields, " of ", columns_, " fields"));
    if (fields != columns_)
      throw Error(cat("line ", line, " of '", where, "' has ", fields, " fields where the heading has ", columns_));
    ++line;
    fields = 0;
  }
}

std::string_view CsvText::cell(std::size_t i) const {
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1] + 1;
  std::string_view out = text_.substr(begin, ends_[i] - begin);
  if (!out.empty() && out.back() == '\r') out.remove_suffix(1);
  return out;
}

std::optional<std::size_t> CsvText::column(std::string_view name) const {
  for (std::size_t i = 0; i < columns_; ++i)
    if (cell(i) == name) return i;
  return {};
}

std::optional<double> csv_number(std::string_view field) {
  double value = 0;
  const auto plain = std::from_chars(field.data(), field.data() + field.size(), value);
  if (plain.ec == std::errc() && plain.ptr == field.data() + field.size()) return value;
  field = trimmed(field);
  if (field.empty() || is_word(field, "nan") || is_word(field, "none")) return std::nan("");
  if (field.front() == '+') field.remove_prefix(1);
  const auto result = std::from_chars(field.data(), field.data() + field.size(), value);
  if (result.ptr != field.data() + field.size()) return {};
  if (result.ec == std::errc::result_out_of_range) return std::strtod(std::string(field).c_str(), nullptr);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

}  // namespace velo
