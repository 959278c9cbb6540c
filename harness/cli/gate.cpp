// `velo gate`: may this change of an optimizer library go in? And `velo gate accept`: this is how it is from now on.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <ostream>

#include "analysis/gate/baseline.hpp"
#include "analysis/gate/outputs.hpp"
#include "analysis/summary.hpp"
#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/race.hpp"
#include "harness/cli/scoring_options.hpp"
#include "harness/gate/gate_file.hpp"
#include "harness/gate/measure.hpp"
#include "harness/gate/paired_pace.hpp"
#include "harness/run/build_info.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;
using analysis::GateBaseline;
using analysis::GateCase;
using analysis::GateReport;
using analysis::GateVerdict;

struct Choices {
  std::vector<std::string> words, only, overrides;
  std::string baseline = "results/baselines/main.json";
  std::string baseline_build, junit, summary, pages, because;
  std::string store = "results/store/gate";
  std::int64_t workers = 0;
  bool github = false, quiet = false;
  Format format = Format::table;

  [[nodiscard]] bool accepts() const { return !words.empty() && words.front() == "accept"; }
  [[nodiscard]] std::string file() const {
    const std::size_t at = accepts() ? 1 : 0;
    if (words.size() > at + 1) throw Error(cat("one gate file at a time: '", words[at + 1], "' is too many"));
    return words.size() > at ? words[at] : "configs/ci/regression.yaml";
  }
  [[nodiscard]] bool wants(const std::string& part) const {
    return only.empty() || std::find(only.begin(), only.end(), part) != only.end();
  }
};

void check_only(const Choices& choices) {
  for (const std::string& part : choices.only)
    if (part != "replay" && part != "quality" && part != "speed")
      throw Error(cat("--only takes replay, quality or speed, not '", part, "'"));
}

/// Trains every seed of the sweep anew: a stored run says nothing of today's source.
MeasuredQuality train(const GateFile& gate, const Choices& choices, const Console& console) {
  const RaceOptions race{.sweep = gate.sweep,
                         .overrides = choices.overrides,
                         .store = choices.store,
                         .workers = choices.workers,
                         .redo = true,
                         .quiet = true};
  if (!choices.quiet) console.err << cat("quality: training the seeds of ", gate.sweep, "\n");
  const RaceResult result = run_race(race, console);
  if (result.stopped) throw Error("stopped; a gate starts from the beginning", ExitCode::some_failed);
  return measured_quality(Store::open(choices.store), result.sweep.name);
}

void add_replays(const ReplayRun& run, const GateBaseline& baseline, const GateFile& gate, GateReport& report) {
  const bool kernels = analysis::same_kernels(baseline.made_with, run.made_with);
  for (GateCase& one : analysis::judge_replays(run.lines, baseline, kernels, gate.hold))
    report.cases.push_back(std::move(one));
  const std::vector<std::string> differences = analysis::fingerprint_differences(baseline.made_with, run.made_with);
  if (!differences.empty())
    report.notes.push_back(cat("the baseline was made with ", join_words(differences),
                               kernels ? "" : ": replays that depend on BLAS kernels are not compared"));
}

void add_quality(const MeasuredQuality& measured, const GateBaseline& baseline, const GateFile& gate,
                 GateReport& report) {
  const auto add = [&](const std::string& name, const std::string& word, GateVerdict verdict,
                       const std::string& sentence) {
    GateCase one;
    one.name = name;
    one.word = word;
    one.verdict = verdict;
    one.sentence = sentence;
    report.cases.push_back(std::move(one));
  };
  std::vector<std::string> seen = measured.empty;
  for (const analysis::QualityValue& value : measured.values) {
    seen.push_back(value.name());
    if (const analysis::QualityValue* before = baseline.find(value.name()))
      report.cases.push_back(judge_quality(value, *before,
                                           {.margin = quality_margin(gate, value.workload),
                                            .level = gate.quality_level,
                                            .cases = measured.values.size()}));
    else
      add(value.name(), "new", GateVerdict::inconclusive, "the baseline does not have this case: accept it");
  }
  for (const std::string& name : measured.empty)
    add(name, "nothing measured", GateVerdict::nothing_measured, "no seed of it ended with a result");
  for (const analysis::QualityValue& value : baseline.quality)
    if (std::find(seen.begin(), seen.end(), value.name()) == seen.end())
      add(value.name(), "gone", GateVerdict::inconclusive,
          "the baseline has this case and the sweep does not: accept it");
  if (measured.unmeasured > 0)
    report.notes.push_back(cat(measured.unmeasured, " trials ended without a result and are left out"));
}

void add_speed(const GateFile& gate, const Choices& choices, const Console& console, GateReport& report) {
  if (gate.speed_cases.empty()) return;
  if (choices.baseline_build.empty()) {
    report.notes.push_back("speed was not measured: --baseline-build names the build to measure against");
    return;
  }
  const PaceBuilds builds{.candidate = console.program, .baseline = program_of_build(choices.baseline_build)};
  const auto start = std::chrono::steady_clock::now();
  const auto left = [&] {
    return gate.speed_seconds - std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (std::size_t i = 0; i < gate.speed_cases.size(); ++i) {
    const double share = std::max(0.0, left()) / static_cast<double>(gate.speed_cases.size() - i);
    report.cases.push_back(measure_pace(builds, gate.speed_cases[i], gate, share, [&](const std::string& line) {
      if (!choices.quiet) console.err << "speed: " << line << '\n';
    }));
  }
}

void write_outputs(const GateReport& report, const Choices& choices, const Console& console) {
  if (!choices.junit.empty()) replace_file(choices.junit, analysis::junit_xml(report));
  if (!choices.summary.empty()) replace_file(choices.summary, analysis::markdown_summary(report));
  if (choices.github) console.out << analysis::github_annotations(report);
  std::string stamp = report.date;
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const fs::path root = choices.store;
  make_folder(root / "gates");
  replace_file(root / "gates" / cat(report.gate, "_", stamp, ".json"), analysis::report_json(report));
  const fs::path pages = choices.pages.empty() ? root / "gate_pages" / stamp : fs::path(choices.pages);
  std::size_t written = 0;
  for (const GateCase& one : report.cases) {
    if (!analysis::is_failing(one)) continue;
    make_folder(pages);
    replace_file(pages / analysis::case_page_name(one), analysis::case_page(report, one));
    ++written;
  }
  if (written > 0) console.err << cat(written, written == 1 ? " page in " : " pages in ", pages.string(), "\n");
}

GateBaseline stored_baseline(const std::string& file) {
  if (!fs::exists(file))
    throw Error(cat("there is no baseline '", file, "'; `velo gate accept --because \"...\"` makes one"),
                ExitCode::nothing_measured);
  return analysis::read_baseline(read_file(file), file);
}

ExitCode judge(const Choices& choices, const Console& console) {
  if (!choices.because.empty()) throw Error("--because belongs to `velo gate accept`");
  check_only(choices);
  const auto start = std::chrono::steady_clock::now();
  const GateFile gate = read_gate_file(choices.file(), catalogue_of(*console.registry));
  const GateBaseline baseline = stored_baseline(choices.baseline);
  if (baseline.gate != gate.name)
    throw Error(
        cat("'", choices.baseline, "' is the baseline of the gate '", baseline.gate, "', not of '", gate.name, "'"));
  GateReport report;
  report.gate = gate.name;
  report.date = utc_now();
  report.candidate = cat("commit ", *build_commit == '\0' ? "unknown" : build_commit);
  report.baseline = cat(fs::path(choices.baseline).filename().string(), " of ", baseline.accepted().date, ", commit ",
                        baseline.accepted().commit);
  if (choices.wants("replay")) {
    if (!choices.quiet) console.err << "replay: every algorithm under given gradients\n";
    add_replays(run_replays(console.program, gate.path, false), baseline, gate, report);
  }
  if (choices.wants("quality") && !gate.sweep.empty())
    add_quality(train(gate, choices, console), baseline, gate, report);
  if (choices.wants("speed")) add_speed(gate, choices, console, report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  print_table(console, choices.format, analysis::gate_table(report));
  std::ostream& talk = choices.format == Format::table ? console.out : console.err;
  for (const GateCase& one : report.cases)
    if (one.word != "unchanged")
      talk << cat(name(one.part), " of ", one.name, ": ", one.word, ": ", one.sentence, "\n");
  print_notes(console, report.notes);
  write_outputs(report, choices, console);
  talk << analysis::gate_sentence(report) << '\n';
  return analysis::exit_code(report.verdict());
}

/// What accepting does to the baseline, a line each.
std::vector<std::string> changes(const GateBaseline& before, const GateBaseline& after) {
  std::vector<std::string> out;
  for (const GateCase& one : analysis::judge_replays(after.replays, before, true, true))
    if (one.word != "unchanged") out.push_back(cat("replay of ", one.name, ": ", one.word));
  for (const analysis::QualityValue& value : after.quality) {
    const analysis::QualityValue* old = before.find(value.name());
    const auto same = [&] {
      return old->protocol == value.protocol && old->root_seed == value.root_seed &&
             std::equal(old->studies.begin(), old->studies.end(), value.studies.begin(), value.studies.end(),
                        [](const auto& a, const auto& b) {
                          return a.study == b.study && a.time.value == b.time.value && a.time.reached == b.time.reached;
                        });
    };
    if (old == nullptr)
      out.push_back(cat("quality of ", value.name(), ": new, ", value.value(), " steps"));
    else if (!same())
      out.push_back(cat("quality of ", value.name(), ": ", old->value(), " steps, now ", value.value()));
  }
  for (const analysis::QualityValue& value : before.quality)
    if (after.find(value.name()) == nullptr) out.push_back(cat("quality of ", value.name(), ": gone"));
  return out;
}

ExitCode accept(const Choices& choices, const Console& console) {
  if (choices.because.empty())
    throw Error("a baseline changes for a reason: velo gate accept --because \"what changed, and why that is right\"");
  if (!choices.only.empty()) throw Error("a baseline is accepted as a whole: --only belongs to `velo gate`");
  const GateFile gate = read_gate_file(choices.file(), catalogue_of(*console.registry));
  GateBaseline after;
  after.gate = gate.name;
  const bool exists = fs::exists(choices.baseline);
  GateBaseline before;
  if (exists) {
    before = analysis::read_baseline(read_file(choices.baseline), choices.baseline);
    if (before.gate != gate.name)
      throw Error(
          cat("'", choices.baseline, "' is the baseline of the gate '", before.gate, "', not of '", gate.name, "'"));
    after.history = before.history;
  }
  ReplayRun replays = run_replays(console.program, gate.path, false);
  mark_kernel_dependent(replays, run_replays(console.program, gate.path, true));
  after.made_with = replays.made_with;
  after.replays = replays.lines;
  after.blocks = replay_blocks();
  if (!gate.sweep.empty()) {
    const MeasuredQuality measured = train(gate, choices, console);
    if (!measured.empty.empty() || measured.unmeasured > 0)
      throw Error(cat(measured.unmeasured, " trials ended without a result: such a state is not accepted"),
                  ExitCode::nothing_measured);
    after.quality = measured.values;
  }
  if (exists) {
    const std::vector<std::string> lines = changes(before, after);
    for (const std::string& line : lines) console.err << line << '\n';
    if (lines.empty()) {
      console.out << cat("nothing to accept: ", choices.baseline, " says the same\n");
      return ExitCode::ok;
    }
  }
  analysis::AcceptedState state{.date = utc_now(),
                                .commit = *build_commit == '\0' ? "unknown" : build_commit,
                                .because = choices.because,
                                .values = {}};
  for (const analysis::QualityValue& value : after.quality)
    if (value.missed() < value.studies.size()) state.values[value.name()] = value.value();
  after.history.push_back(state);
  if (const fs::path folder = fs::path(choices.baseline).parent_path(); !folder.empty()) make_folder(folder);
  replace_file(choices.baseline, analysis::baseline_text(after));
  console.out << cat("accepted into ", choices.baseline, ": ", after.replays.size(), " replays, ", after.quality.size(),
                     " quality cases; commit it with its reason\n");
  if (!replays.refused.empty())
    console.err << cat(replays.refused.size(), " derived cases are refused by their algorithms and left out\n");
  return ExitCode::ok;
}

}  // namespace

Verb gate_verb() {
  auto choices = std::make_shared<Choices>();
  return {
      .name = "gate",
      .group = "Check an implementation",
      .summary =
          "Judge a build against its baseline: bits, quality in steps, speed; exit status 0 improved or "
          "equivalent, 1 regressed, 4 inconclusive, 5 nothing measured",
      .examples = {"velo gate configs/ci/regression.yaml --baseline results/baselines/main.json",
                   "velo gate configs/ci/regression.yaml --baseline-build ../main/build/release --junit gate.xml "
                   "--github --summary \"$GITHUB_STEP_SUMMARY\"",
                   "velo gate accept --because \"AdamW decays before the step now, as the paper does\""},
      .declare =
          [=](Options& o) {
            o.positionals("GATE", choices->words,
                          "the gate's file (default: configs/ci/regression.yaml); `accept` before it makes what is "
                          "measured the baseline");
            o.value("--baseline", choices->baseline, "the baseline (default: results/baselines/main.json)", "FILE");
            o.value("--baseline-build", choices->baseline_build,
                    "build folder or program of the baseline: the speed verdict runs it in turn with this one", "DIR");
            o.value("--because", choices->because, "with accept: why the baseline changes", "TEXT");
            o.list("--only", choices->only, "replay, quality or speed; may be given several times", "PART");
            o.list("--set", choices->overrides, "override a value of the sweep, by its path", "PATH=VALUE");
            o.value("--out", choices->store, "the store of its runs, reports and pages", "DIR");
            o.value("-j,--workers", choices->workers, "trials at a time (default: what the sweep says)");
            o.value("--junit", choices->junit, "write JUnit XML", "FILE");
            o.value("--summary", choices->summary, "write a Markdown summary", "FILE");
            o.value("--pages", choices->pages, "where the pages of failing cases go (default: in the store)", "DIR");
            o.flag("--github", choices->github, "print GitHub's annotations");
            o.flag("-q,--quiet", choices->quiet, "no progress");
            o.format(choices->format);
          },
      .action =
          [=](const Console& console) {
            return choices->accepts() ? accept(*choices, console) : judge(*choices, console);
          }};
}

}  // namespace velo
