// `velo bundle`: one folder with everything behind a table.
#include <algorithm>
#include <ostream>
#include <set>
#include <sstream>

#include "analysis/documents.hpp"
#include "analysis/provenance.hpp"
#include "analysis/table.hpp"
#include "harness/cli/scoring_options.hpp"
#include "results/files.hpp"
#include "results/shell.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;
constexpr const char* sums_name = "SHA256SUMS";

struct Choices {
  std::string folder, command, where, sweep;
  std::string store = "results/store";
  bool verify = false;
};

/// Regular files below a folder, relative and sorted; the sums themselves apart.
std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder).generic_string());
  std::erase(files, sums_name);
  std::sort(files.begin(), files.end());
  return files;
}

ExitCode verify(const Console& console, const fs::path& folder) {
  if (!fs::exists(folder / sums_name))
    throw Error(cat("'", folder.string(), "' is not a bundle: it has no ", sums_name));
  std::istringstream lines(read_file(folder / sums_name));
  std::set<std::string> listed;
  std::size_t wrong = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 67)
      throw Error(cat("'", (folder / sums_name).string(), "' has a line that is no checksum: ", line));
    const std::string file = line.substr(66);
    listed.insert(file);
    const bool there = fs::exists(folder / file);
    if (there && sha256(read_file(folder / file)) == line.substr(0, 64)) continue;
    console.err << file << (there ? " has changed\n" : " is missing\n");
    ++wrong;
  }
  for (const std::string& file : files_of(folder)) {
    if (listed.count(file) > 0) continue;
    console.err << file << " does not belong to the bundle\n";
    ++wrong;
  }
  console.out << listed.size() << " files, " << wrong << " not as they were bundled\n";
  return wrong > 0 ? ExitCode::verdict : ExitCode::ok;
}

std::vector<RunRef> chosen_runs(const TrialIndex& index, const std::string& sweep) {
  std::vector<RunRef> runs;
  for (const auto& row : index.query("SELECT cell, run FROM runs WHERE speaks ORDER BY cell").rows)
    runs.push_back({std::get<std::string>(row[0]), std::get<std::string>(row[1])});
  if (sweep.empty()) return runs;
  std::set<std::string> cells;
  for (const auto& row : index.query("SELECT sweep, cell FROM sweeps").rows)
    if (std::get<std::string>(row[0]) == sweep) cells.insert(std::get<std::string>(row[1]));
  std::erase_if(runs, [&](const RunRef& run) { return cells.count(run.cell) == 0; });
  return runs;
}

/// Without checkpoint and journal: the trajectory holds what they held.
void copy_run(const Store& from, const RunRef& run, const Store& to) {
  const fs::path target = to.folder(run).path;
  make_folder(target);
  for (const char* name : {"config.yaml", "status.json", "trajectory.h5", "log.txt"}) {
    const fs::path file = from.folder(run).path / name;
    if (fs::exists(file)) fs::copy_file(file, target / name);
  }
}

void copy_sweeps(const Store& from, const std::string& only, const std::vector<RunRef>& runs, const Store& to) {
  std::set<std::string> cells;
  for (const RunRef& run : runs) cells.insert(run.cell);
  for (const std::string& name : from.sweeps()) {
    if (!only.empty() && name != only) continue;
    SweepManifest manifest = from.read_sweep(name);
    std::erase_if(manifest.cells, [&](const SweepEntry& entry) { return cells.count(entry.cell) == 0; });
    if (!manifest.cells.empty()) to.write_sweep(manifest);
  }
}

/// The words as a shell takes them.
std::string quoted(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"<>|&;()*?$\\`") == std::string::npos;
    line += cat(line.empty() ? "" : " ", plain ? word : shell_quoted(word));
  }
  return line;
}

std::string readme(const Choices& choices, const std::vector<std::string>& command, const std::string& provenance,
                   std::size_t runs) {
  std::string text =
      cat("# What is behind a table\n\n", runs, " runs, bundled by ", version_text(), ".\n\n", provenance,
          "\n\nIn this folder:\n\n```sh\nsha256sum -c ", sums_name, " --quiet   # or velo bundle . --verify\n");
  if (!command.empty()) text += cat("velo ", quoted(command), " --store .        # answer.txt\n");
  text +=
      "velo score --all --store .\nvelo index --store .               # the index made anew from the files\n```\n\n";
  if (!choices.where.empty()) text += cat("Only trials that meet `", choices.where, "`.\n\n");
  return text +
         "| file | content |\n|---|---|\n| `trials/` | configuration, status, trajectory and log of every run |\n"
         "| `sweeps/` | what the sweeps asked for, as far as it is here |\n| `index.sqlite` | the index of these runs "
         "|\n"
         "| `command.txt`, `answer.txt` | the command and what it printed here |\n"
         "| `versions.csv` | commits, libraries and machines behind the runs |\n\n"
         "A run is made again by `velo verify CELL --store .`.\n";
}

ExitCode bundle(const Console& console, const Choices& choices) {
  const fs::path folder = choices.folder;
  if (fs::exists(folder) && !fs::is_empty(folder))
    throw Error(cat("'", folder.string(), "' is not empty; name a new folder"));
  auto command = analysis::command_words(choices.command, "--command");
  if (!command.empty() && command.front() == "velo") command.erase(command.begin());
  const Store from = Store::open(choices.store);
  const std::string sweep = choices.sweep.empty() ? "" : find_sweep(from, choices.sweep);
  TrialIndex index = TrialIndex::open_read_only(from);
  if (!choices.where.empty()) (void)index.narrow(choices.where);
  const auto runs = chosen_runs(index, sweep);
  if (runs.empty()) throw Error("no run is chosen, so there is nothing to bundle", ExitCode::nothing_measured);

  const Store to = Store::create(folder);
  for (const RunRef& run : runs) copy_run(from, run, to);
  copy_sweeps(from, sweep, runs, to);
  std::string provenance;
  {
    TrialIndex made = TrialIndex::open(to);
    for (const std::string& problem : made.rebuild().problems)
      console.err << "left out of the index: " << problem << '\n';
    provenance = sentence(analysis::provenance_of(made, choices.command));
    replace_file(folder / "versions.csv",
                 analysis::to_csv(made.query("SELECT machines.*, count(*) AS runs FROM machines JOIN runs ON machine = "
                                             "machines.id GROUP BY machines.id")));
  }
  if (!command.empty()) {
    std::ostringstream out, err;
    auto here = command;
    here.insert(here.end(), {"--store", folder.string()});
    const int code = run_cli(console.registry, here, out, err);
    if (code == static_cast<int>(ExitCode::usage))
      throw Error(cat("the bundle was made, but its command fails on it: ", err.str().substr(0, err.str().find('\n'))));
    replace_file(folder / "answer.txt", out.str());
    replace_file(folder / "command.txt", cat("velo ", quoted(command), " --store .\n"));
  }
  replace_file(folder / "README.md", readme(choices, command, provenance, runs.size()));
  std::string sums;
  for (const std::string& file : files_of(folder)) sums += cat(sha256(read_file(folder / file)), "  ", file, "\n");
  replace_file(folder / sums_name, sums);
  console.out << folder.string() << '\n';
  console.err << runs.size() << " runs bundled; " << provenance << '\n';
  return ExitCode::ok;
}

}  // namespace

Verb bundle_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "bundle",
          .group = "Ask",
          .summary = "Put everything behind a table into one folder: runs, index, command, answer, checksums",
          .examples = {"velo bundle paper/table1 --sweep quickstart --command 'score quickstart --show scores'",
                       "velo bundle paper/adamw --where 'algorithm=adamw' --command 'query time_to_result'",
                       "velo bundle paper/table1 --verify"},
          .declare =
              [=](Options& o) {
                o.required("DIR", choices->folder, "new folder, itself a store");
                o.value("--command", choices->command, "what made the table, without its store: run there, answer kept",
                        "'VERB ...'");
                o.value("--sweep", choices->sweep, "only runs of this sweep", "SWEEP");
                o.value("--where", choices->where, "only trials that meet this: fields, hyperparameters, and or not",
                        "CONDITION");
                o.flag("--verify", choices->verify, "check a bundle's files against its checksums instead");
                o.store(choices->store);
              },
          .action =
              [=](const Console& console) {
                return choices->verify ? verify(console, choices->folder) : bundle(console, *choices);
              }};
}

}  // namespace velo
