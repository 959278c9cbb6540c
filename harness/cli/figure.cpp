// `velo figure`: one figure for a paper, as SVG or PDF.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "analysis/report/paper.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/files.hpp"
#include "results/shell.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// By librsvg, whose PDF keeps lines as lines and text as text.
void write_pdf(const std::string& svg, const std::filesystem::path& file) {
  if (std::system("command -v rsvg-convert >/dev/null 2>&1") != 0)
    throw Error("a PDF needs rsvg-convert (Debian package librsvg2-bin); `--out figure.svg` needs nothing");
  // The same figure shall give the same file, so it is not stamped with the time.
  setenv("SOURCE_DATE_EPOCH", "0", 0);
  FILE* pipe =
      popen(cat("rsvg-convert --format=pdf --dpi-x=96 --dpi-y=96 --output=", shell_quoted(file.string())).c_str(), "w");
  if (!pipe) throw Error("rsvg-convert could not be started");
  const bool written = std::fwrite(svg.data(), 1, svg.size(), pipe) == svg.size();
  const int status = pclose(pipe);
  if (!written || status != 0) throw Error(cat("rsvg-convert could not write ", file.string()));
}

}  // namespace

Verb figure_verb() {
  struct Choices {
    ScoringOptions race;
    analysis::PaperOptions paper;
    std::string name, file;
    bool list = false;
  };
  auto choices = std::make_shared<Choices>();
  const auto draw = [=](const Console& console) {
    if (choices->list) {
      Table table;
      table.columns = {{"figure", ColumnType::text}, {"shows", ColumnType::text}};
      for (const auto& figure : analysis::paper_figures()) table.rows.push_back({figure.name, figure.summary});
      print_table(console, Format::table, table);
      return ExitCode::ok;
    }
    if (choices->name.empty()) throw Error("which figure? `velo figure --list` shows them; `velo figure profile`");
    const ScoringOptions& options = choices->race;
    if (!options.logs.empty())
      throw Error("a figure is drawn from a store; `velo import algoperf` makes one of the logs");
    const std::filesystem::path file = choices->file.empty() ? choices->name + ".svg" : choices->file;
    if (file.extension() != ".svg" && file.extension() != ".pdf")
      throw Error(cat("a figure is a .svg or a .pdf, which '", file.string(), "' is not"));
    const auto data =
        analysis::gather(options.load(TrialDetail::everything), options.score_options(), options.bootstrap_options());
    const std::string svg = analysis::paper_figure(data, choices->name, choices->paper);
    if (file.has_parent_path()) make_folder(file.parent_path());
    if (file.extension() == ".pdf") {
      write_pdf(svg, file);
    } else {
      replace_file(file, svg);
    }
    print_notes(console, data.problems);
    console.out << file.string() << '\n';
    return ExitCode::ok;
  };
  return {.name = "figure",
          .group = "Ask",
          .summary = "Draw one figure of a race for a paper, as SVG or PDF, and print its path",
          .examples = {"velo figure --list", "velo figure profile --out fig.pdf",
                       "velo figure curves quickstart --workload fashion_mnist_cnn --width 174 --out curves.svg"},
          .declare =
              [=](Options& o) {
                o.positional("FIGURE", choices->name,
                             "scores, profile, times, survival, curves, sensitivity, parallel or phases");
                o.positional("SWEEP", choices->race.sweep, "name or YAML file of the sweep (default: the only one)");
                o.flag("--list", choices->list, "list the figures");
                o.value("--out", choices->file, "where to write it, .svg or .pdf (default: FIGURE.svg)", "FILE");
                o.value("--width", choices->paper.width_mm, "width in mm (default: 84, a column)", "MM");
                o.list("--workload", choices->paper.workloads, "only this one; may be repeated", "NAME");
                o.value("--hyperparameter", choices->paper.hyperparameter,
                        "of the sensitivity (default: the learning rate)", "NAME");
                choices->race.declare(o, "--store");
              },
          .action = draw};
}

}  // namespace velo
