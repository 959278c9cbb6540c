// harness/cli/print.hpp
//
// How verbs print tables.
#pragma once

#include <string>

#include "analysis/provenance.hpp"
#include "analysis/table.hpp"
#include "harness/cli/verb.hpp"
#include "results/table.hpp"

namespace velo {

/// Prints `table` as `--format` asks: aligned text (headings bold on a terminal), CSV, JSON, Markdown or LaTeX, the
/// marked cells bold in the last two.
void print_table(const Console& console, Format format, const Table& table, const analysis::Marks& marks = {});

/// The provenance of an answer that print_table has printed: below a table and Markdown a line, below LaTeX a comment. CSV
/// and JSON have no place for it, so it goes to stderr.
void print_provenance(const Console& console, Format format, const analysis::Provenance& provenance);

/// An answer with where it comes from: print_table and print_provenance, or with `footer` (an option, below) both in one
/// output for programs too: CSV with a last line behind '#', JSON as {"rows": [...], "provenance": {...}}.
void print_sourced(const Console& console, Format format, bool footer, const Table& table,
                   const analysis::Provenance& provenance, const analysis::Marks& marks = {});

/// `--format`, and `--footer` for print_sourced.
void declare_sourced(Options& options, Format& format, bool& footer);

}  // namespace velo
