// harness/cli/print.hpp
//
// How verbs print tables.
#pragma once

#include <string>

#include "analysis/table.hpp"
#include "harness/cli/verb.hpp"
#include "results/table.hpp"

namespace velo {

/// Prints `table` as `--format` asks: aligned text (headings bold on a terminal), CSV, JSON, Markdown or LaTeX, the
/// marked cells bold in the last two.
void print_table(const Console& console, Format format, const Table& table, const analysis::Marks& marks = {});

/// The footer of an answer that print_table has printed: below a table and in Markdown a line, in LaTeX a comment; CSV
/// and JSON have no place for it, so it goes to stderr.
void print_footer(const Console& console, Format format, const std::string& sentence);

}  // namespace velo
