#include "harness/cli/show_results.hpp"

#include <ostream>

#include "analysis/report/page.hpp"
#include "analysis/summary.hpp"
#include "analysis/table.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

void print_summary(const analysis::Summary& summary, const analysis::Provenance& provenance, Format format,
                   const Console& console) {
  if (format == Format::json) {
    console.out << "{\"times\": " << analysis::to_json(summary.times)
                << ",\n\"scores\": " << analysis::to_json(summary.scores)
                << ",\n\"provenance\": " << to_json(provenance) << "}\n";
    return;
  }
  print_table(console, format, summary.times);
  console.out << '\n';
  print_table(console, format, summary.scores);
  print_provenance(console, format, provenance);
}

}  // namespace

std::filesystem::path report_file(const std::filesystem::path& store, const std::string& sweep) {
  return store / "reports" / (sweep.empty() ? "all" : sweep) / "report.html";
}

void make_report(analysis::Race race, const analysis::ScoreOptions& options,
                 const analysis::BootstrapOptions& bootstrap, const std::string& command,
                 const std::filesystem::path& file, const Console& console) {
  auto data = analysis::gather(std::move(race), options, bootstrap);
  data.command = command;
  data.program = version_text();
  data.made_at = utc_now();
  analysis::write_report(data, file);
  print_notes(console, data.problems);
}

void show_results(const Store& store, const std::string& sweep, Format format, bool report, const Console& console) {
  ScoringOptions options;
  options.store = store.root().string();
  options.sweep = sweep;
  try {
    analysis::Race race = analysis::load_race(store, sweep);
    const auto summary = analysis::summarize(race, options.score_options(), options.bootstrap_options());
    // What `velo score SWEEP` prints, so its question too.
    const auto provenance = analysis::provenance_of(race, options.question("score", cat(sweep, " all")));
    print_summary(summary, provenance, format, console);
    print_notes(console, summary.notes);
    if (!report) return;
    const auto file = report_file(store.root(), sweep);
    make_report(std::move(race), options.score_options(), options.bootstrap_options(), options.command("report", sweep),
                file, console);
    console.err << "report: " << file.string() << '\n';
  } catch (const Error& error) {
    if (error.code() != ExitCode::nothing_measured) throw;
    console.err << "note: " << error.what() << '\n';
  }
}

}  // namespace velo
