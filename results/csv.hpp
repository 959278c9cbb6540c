// results/csv.hpp
//
// A CSV text (RFC 4180) cut into fields in place: nothing is copied unless the text has quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

/// The first row is the heading; every row has as many fields as it. Keep one object for many texts: it keeps its
/// memory. The text must outlive what is asked of it.
class CsvText {
 public:
  /// Throws Error naming `where` for an empty text and for a row with another number of fields; a last row that is
  /// short is called cut off. Empty lines at the end do not count.
  void parse(std::string_view text, std::string_view where);

  /// Without the heading.
  [[nodiscard]] std::size_t rows() const { return rows_ - 1; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] std::string_view heading(std::size_t column) const { return cell(column); }
  [[nodiscard]] std::string_view field(std::size_t row, std::size_t column) const {
    return cell((row + 1) * columns_ + column);
  }
  /// Position of a heading.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;

 private:
  void cut_quoted(std::string_view text, std::string_view where);
  void check(std::string_view where);
  [[nodiscard]] std::string_view cell(std::size_t i) const;

  std::string_view text_;
  std::string unquoted_;             ///< the text without its quotes, where it has any
  std::vector<std::uint32_t> ends_;  ///< offset of the separator behind every field
  std::size_t lines_ = 0, rows_ = 1, columns_ = 0;
};

/// The number in a field, surrounding blanks ignored: NaN for an empty one and for the words "nan" and "none"; empty
/// when it is no number.
[[nodiscard]] std::optional<double> csv_number(std::string_view field);

/// `value` as a field: quoted where it must be.
[[nodiscard]] std::string csv_field(std::string_view value);

}  // namespace velo
