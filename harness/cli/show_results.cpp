#include "harness/cli/show_results.hpp"

#include <ostream>

#include "analysis/summary.hpp"
#include "harness/cli/print.hpp"

namespace velo {

void show_results(const Store& store, const std::string& sweep, Format format, bool report, const Console& console) {
  const analysis::Race race = analysis::load_race(store, sweep);
  const analysis::Summary summary = analysis::summarize(race);
  print_table(console, format, summary.times);
  console.out << '\n';
  print_table(console, format, summary.scores);
  for (const std::string& note : summary.notes) console.err << note << '\n';
  (void)report;
}

}  // namespace velo
