// harness/cli/print.hpp
//
// How verbs print tables.
#pragma once

#include "harness/cli/verb.hpp"
#include "results/table.hpp"

namespace velo {

/// Prints `table` as `--format` asks: aligned text (headings bold on a terminal), CSV or JSON.
void print_table(const Console& console, Format format, const Table& table);

}  // namespace velo
