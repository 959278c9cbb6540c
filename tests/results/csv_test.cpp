#include "results/csv.hpp"

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  CsvText csv;
  csv.parse(text, "text");
  std::vector<std::vector<std::string>> rows(csv.rows() + 1);
  for (std::size_t c = 0; c < csv.columns(); ++c) {
    rows[0].emplace_back(csv.heading(c));
    for (std::size_t r = 0; r < csv.rows(); ++r) rows[r + 1].emplace_back(csv.field(r, c));
  }
  return rows;
}

}  // namespace

TEST_CASE("fields of any length are cut at commas and line ends, wherever they fall in a word of eight bytes") {
  for (std::size_t length = 0; length < 20; ++length) {
    const std::string x(length, 'x'), y(19 - length, '\xac');  // a comma with the top bit set
    const std::vector<std::vector<std::string>> rows{{"a", "b"}, {x, y}, {y, x}};
    CHECK(rows_of("a,b\n" + x + "," + y + "\n" + y + "," + x + "\n") ==
          (length == 0 ? rows_of("a,b\n," + y + "\r\n" + y + ",\r\n") : rows));
  }
}

TEST_CASE("quoted fields keep commas, quotes and line ends") {
  CHECK(rows_of("a,b\n\"1,5\",\"say \"\"x\"\"\"\n\"two\nlines\",\n") ==
        std::vector<std::vector<std::string>>{{"a", "b"}, {"1,5", "say \"x\""}, {"two\nlines", ""}});
  CHECK(rows_of("\"a\"\n\"\"\n") == std::vector<std::vector<std::string>>{{"a"}, {""}});
  CHECK(error_of([] { rows_of("a,b\n1,\"2"); }) == "'text' is cut off inside a quoted field");
}

TEST_CASE("ragged and cut off tables are told apart") {
  CHECK(error_of([] { rows_of("a,b\n1,2\n3"); }) == "'text' is cut off: its last line has 1 of 2 fields");
  CHECK(error_of([] { rows_of("a,b\n1\n2,3\n"); }) == "line 2 of 'text' has 1 fields where the heading has 2");
  CHECK(error_of([] { rows_of("a,b\n1,2,3\n"); }) == "line 2 of 'text' has 3 fields where the heading has 2");
  CHECK(error_of([] { rows_of("a,b\n1,2,3\n4\n"); }) == "line 2 of 'text' has 3 fields where the heading has 2");
  CHECK(error_of([] { rows_of("\n\n"); }) == "'text' is empty");
}

TEST_CASE("a field is a number, nothing, or no number") {
  CHECK(csv_number("1.25e-3") == 1.25e-3);
  CHECK(csv_number(" +2 ") == 2.0);
  CHECK(csv_number("inf") == HUGE_VAL);
  CHECK(csv_number("1e999") == HUGE_VAL);
  for (const char* nothing : {"", " ", "nan", "NaN", "None"}) CHECK(std::isnan(csv_number(nothing).value()));
  for (const char* word : {"x", "1x", "1 2", "+", "--1"}) CHECK_FALSE(csv_number(word).has_value());
}

TEST_CASE("a written field reads back") {
  for (const std::string text : {"plain", "a,b", "say \"x\"", "two\nlines", ""})
    CHECK(rows_of("h,i\n" + csv_field(text) + ",\n").at(1).at(0) == text);
}
