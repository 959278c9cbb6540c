#include "analysis/table.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

using namespace velo;
using namespace velo::analysis;

namespace {

Table small() {
  return {{{"algorithm", ColumnType::text}, {"hits", ColumnType::integer}, {"mean_time", ColumnType::real}},
          {{std::string("adamw"), std::int64_t{3}, 123.456}, {std::string("naïve, \"old\""), std::int64_t{12}, {}}}};
}

}  // namespace

TEST_CASE("text is aligned by what a terminal shows, numbers to the right, empty values as dashes") {
  CHECK(to_text(small()) ==
        "algorithm     hits  mean time\n"
        "------------  ----  ---------\n"
        "adamw            3      123.5\n"
        "naïve, \"old\"    12          -\n");
}

TEST_CASE("CSV quotes what needs it and keeps numbers whole") {
  CHECK(to_csv(small()) ==
        "algorithm,hits,mean_time\r\n"
        "adamw,3,123.456\r\n"
        "\"naïve, \"\"old\"\"\",12,\r\n");
}

TEST_CASE("JSON has one object per row and no numbers that JSON does not know") {
  Table table = small();
  table.rows[1][2] = std::numeric_limits<double>::infinity();
  CHECK(to_json(table) ==
        "[\n"
        "  {\"algorithm\": \"adamw\", \"hits\": 3, \"mean_time\": 123.456},\n"
        "  {\"algorithm\": \"naïve, \\\"old\\\"\", \"hits\": 12, \"mean_time\": \"inf\"}\n"
        "]\n");
  CHECK(to_json({{{"a", ColumnType::text}}, {}}) == "[]\n");
}

TEST_CASE("a column of reals shares its decimals, and a tiny number is not shown as zero") {
  const Table table{{{"x", ColumnType::real}}, {{0.5}, {0.25}, {0.00001234}, {0.0}}};
  CHECK(to_text(table) ==
        "        x\n"
        "---------\n"
        "   0.5000\n"
        "   0.2500\n"
        "1.234e-05\n"
        "   0.0000\n");
}

TEST_CASE("display width counts columns, not bytes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("é") == 1);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("速い") == 4);
  CHECK(display_width("\xff") == 1);
  CHECK(display_width("\xe2\x82") == 2);
}

TEST_CASE("control characters cannot reach the terminal through a table") {
  const Table table{{{"x", ColumnType::text}}, {{std::string("a\033[31m\nb")}}};
  CHECK(to_text(table).find('\033') == std::string::npos);
  CHECK(to_text(table).find("a [31m b") != std::string::npos);
}

TEST_CASE("rounding keeps about four digits") {
  CHECK(rounded(0.63213) == "0.6321");
  CHECK(rounded(1523.4) == "1523");
  CHECK(rounded(2.5) == "2.5");
  CHECK(rounded(1200000) == "1200000");
  CHECK(rounded(1e-7) == "1e-07");
  CHECK(rounded(0) == "0");
  CHECK(rounded(std::numeric_limits<double>::infinity()) == "inf");
}
