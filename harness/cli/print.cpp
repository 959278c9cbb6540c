#include "harness/cli/print.hpp"

#include <ostream>

namespace velo {

void print_table(const Console& console, Format format, const Table& table, const analysis::Marks& marks) {
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
    case Format::markdown:
      console.out << analysis::to_markdown(table, marks);
      break;
    case Format::latex:
      console.out << analysis::to_latex(table, marks);
      break;
  }
}

void print_footer(const Console& console, Format format, const std::string& sentence) {
  switch (format) {
    case Format::table:
    case Format::markdown:
      console.out << '\n' << sentence << '\n';
      break;
    case Format::latex:
      console.out << "% " << sentence << '\n';
      break;
    case Format::csv:
    case Format::json:
      console.err << sentence << '\n';
      break;
  }
}

}  // namespace velo
