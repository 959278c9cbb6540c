#include "harness/cli/print.hpp"

#include <ostream>

#include "analysis/table.hpp"

namespace velo {

void print_table(const Console& console, Format format, const Table& table) {
  switch (format) {
    case Format::table:
      console.out << analysis::to_text(table, {.colour = console.out_is_terminal});
      break;
    case Format::csv:
      console.out << analysis::to_csv(table);
      break;
    case Format::json:
      console.out << analysis::to_json(table);
      break;
  }
}

}  // namespace velo
