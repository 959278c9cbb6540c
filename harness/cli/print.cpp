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

void print_provenance(const Console& console, Format format, const analysis::Provenance& provenance) {
  const std::string origin = sentence(provenance);
  switch (format) {
    case Format::table:
    case Format::markdown:
      console.out << '\n' << origin << '\n';
      break;
    case Format::latex:
      console.out << "% " << origin << '\n';
      break;
    case Format::csv:
    case Format::json:
      console.err << origin << '\n';
      break;
  }
}

void print_sourced(const Console& console, Format format, bool footer, const Table& table,
                   const analysis::Provenance& provenance, const analysis::Marks& marks) {
  if (footer && format == Format::json) {
    console.out << "{\"rows\": " << analysis::to_json(table) << ",\n\"provenance\": " << to_json(provenance) << "}\n";
    return;
  }
  print_table(console, format, table, marks);
  if (footer && format == Format::csv) {
    console.out << "# " << sentence(provenance) << "\r\n";
  } else {
    print_provenance(console, format, provenance);
  }
}

void declare_sourced(Options& options, Format& format, bool& footer) {
  options.format(format);
  options.flag("--footer", footer,
               "provenance within the output too: csv, a last line behind '#'; json, {\"rows\", \"provenance\"}");
}

}  // namespace velo
