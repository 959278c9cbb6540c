// `velo check`: are the tables and figures of a document still what their commands give?
#include <algorithm>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>

#include "analysis/documents.hpp"
#include "harness/cli/print.hpp"
#include "results/files.hpp"
#include "results/index.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

/// Run -> what came of it, and for people what it is.
using Runs = std::map<std::string, std::pair<std::string, std::string>>;

struct Choices {
  std::vector<std::string> documents;
  bool update = false;
  Format format = Format::table;
};

struct Answer {
  ExitCode code;
  std::string out, err;
};

Answer ask(const Console& console, const std::vector<std::string>& command) {
  static const std::vector<std::string> asking{"score", "compare", "query", "figure",
                                               "list",  "info",    "diff",  "explain"};
  if (std::find(asking.begin(), asking.end(), command.front()) == asking.end())
    throw Error(cat("a document may hold what ", join_words(asking, "or"), " print, not '", command.front(), "'"));
  std::ostringstream out, err;
  const int code = run_cli(console.registry, command, out, err);
  return {static_cast<ExitCode>(code), out.str(), err.str()};
}

/// The store that a command asks.
std::string store_of(const std::vector<std::string>& command) {
  std::string store = "results/store";
  for (std::size_t i = 0; i < command.size(); ++i)
    for (const std::string_view option : {"--store", "--out"}) {
      if (command[i] == option && i + 1 < command.size() && command[i + 1] != "{}") store = command[i + 1];
      if (command[i].starts_with(cat(option, "="))) store = command[i].substr(option.size() + 1);
    }
  return store;
}

/// The runs behind a command; none where it asks no store.
Runs runs_behind(const std::vector<std::string>& command) {
  Runs runs;
  const std::string root = store_of(command);
  if (std::find(command.begin(), command.end(), "--logs") != command.end() || !fs::exists(root)) return runs;
  const Store store = Store::open(root);
  if (!fs::exists(store.index_file())) return runs;
  for (const auto& row : TrialIndex::open_read_only(store)
                             .query("SELECT runs.cell || '/' || runs.run, printf('%016x', runs.digest), label || ' on "
                                    "' || workload || ', study ' "
                                    "|| study || ' trial ' || trial FROM runs JOIN entries ON entries.id = runs.entry "
                                    "JOIN races ON races.id = race "
                                    "WHERE speaks")
                             .rows)
    runs[cat(root, ":", std::get<std::string>(row[0]))] = {std::get<std::string>(row[1]),
                                                           std::get<std::string>(row[2])};
  return runs;
}

fs::path runs_file(const std::string& document) { return document + ".runs"; }

Runs read_runs(const std::string& document) {
  Runs runs;
  std::ifstream file(runs_file(document));
  for (std::string run, digest, rest; file >> run >> digest && std::getline(file, rest);)
    runs[run] = {digest, rest.empty() ? "" : rest.substr(1)};
  return runs;
}

/// "run X (label on workload, ...) has changed" for the first few of them.
std::string difference(const Runs& before, const Runs& now, const std::string& store) {
  if (before.empty()) return "which runs it was made of is not recorded; `velo check --update` records them";
  std::vector<std::string> said;
  const auto note = [&](const auto& run, std::string_view what) {
    if (run.first.starts_with(cat(store, ":")))
      said.push_back(cat("run ", run.first.substr(store.size() + 1), " (", run.second.second, ") ", what));
  };
  for (const auto& run : before)
    if (now.count(run.first) == 0) note(run, "is gone or superseded");
  for (const auto& run : now) {
    const auto known = before.find(run.first);
    if (known == before.end())
      note(run, "is new");
    else if (known->second.first != run.second.first)
      note(run, "has changed");
  }
  if (said.empty()) return "no run has changed: the text was edited, or this velo computes it otherwise";
  const std::size_t more = said.size() - std::min<std::size_t>(said.size(), 5);
  said.resize(said.size() - more);
  return more > 0 ? cat(join_words(said), ", and ", more, " more") : join_words(said);
}

struct Finding {
  std::size_t line;
  std::string command, state, why;
};

/// One block: what it holds, what it should, and where the difference comes from.
class DocumentCheck {
 public:
  DocumentCheck(const Console& console, std::string document, bool update)
      : console_(console), document_(std::move(document)), text_(read_file(document_)), update_(update) {}

  std::vector<Finding> run() {
    const auto blocks = analysis::document_blocks(text_, document_);
    const Runs before = read_runs(document_);
    Runs now;
    std::vector<Finding> findings;
    std::string fresh;
    std::size_t copied = 0;
    for (const auto& block : blocks) {
      std::string words;
      for (const std::string& word : block.command) words += cat(words.empty() ? "" : " ", word);
      const Runs behind = runs_behind(block.command);
      now.insert(behind.begin(), behind.end());
      Finding finding{block.line, words, "fresh", ""};
      try {
        const auto [held, wanted] = contents(block);
        if (held != wanted) {
          finding.state = update_ ? "updated" : "stale";
          finding.why = difference(before, behind, store_of(block.command));
          if (update_ && !block.file.empty()) replace_file(beside(block.file), wanted);
        }
        if (block.file.empty()) {
          fresh.append(text_, copied, block.begin - copied).append(wanted);
          copied = block.end;
        }
      } catch (const Error& problem) {
        finding.state = "broken";
        finding.why = problem.what();
      }
      findings.push_back(std::move(finding));
    }
    if (update_) {
      fresh.append(text_, copied);
      if (fresh != text_) replace_file(document_, fresh);
      write_runs(now);
    }
    return findings;
  }

 private:
  fs::path beside(const std::string& file) const { return fs::path(document_).parent_path() / file; }

  /// What is there, and what should be.
  std::pair<std::string, std::string> contents(const analysis::DocumentBlock& block) {
    auto command = block.command;
    const fs::path made = block.file.empty() ? fs::path() : temporary_name(beside(block.file));
    bool told = false;
    for (std::string& word : command)
      if (word == "{}") {
        word = made.string();
        told = true;
      }
    const Answer answer = ask(console_, command);
    if (answer.code == ExitCode::usage || answer.code == ExitCode::nothing_measured)
      throw Error(cat("its command fails: ", answer.err.substr(0, answer.err.find('\n'))));
    if (block.file.empty())
      return {text_.substr(block.begin, block.end - block.begin), analysis::block_content(block, answer.out)};
    const std::string wanted = told ? read_file(made) : answer.out;
    if (told) fs::remove(made);
    return {fs::exists(beside(block.file)) ? read_file(beside(block.file)) : "", wanted};
  }

  void write_runs(const Runs& runs) const {
    std::string lines;
    for (const auto& [run, what] : runs) lines += cat(run, " ", what.first, " ", what.second, "\n");
    if (lines.empty()) return;
    replace_file(runs_file(document_), lines);
  }

  const Console& console_;
  std::string document_, text_;
  bool update_;
};

ExitCode check(const Console& console, const Choices& choices) {
  if (choices.documents.empty()) throw Error("name a document to check");
  Table table{{{"document"}, {"line", ColumnType::integer}, {"state"}, {"command"}}, {}};
  bool stale = false;
  for (const std::string& document : choices.documents) {
    for (const Finding& finding : DocumentCheck(console, document, choices.update).run()) {
      table.rows.push_back({document, static_cast<std::int64_t>(finding.line), finding.state, finding.command});
      if (finding.state == "fresh") continue;
      stale = stale || finding.state != "updated";
      console.err << document << ":" << finding.line << ": " << finding.state << ": " << finding.why << '\n';
    }
  }
  print_table(console, choices.format, table);
  if (stale) return ExitCode::verdict;
  return table.rows.empty() ? ExitCode::nothing_measured : ExitCode::ok;
}

}  // namespace

Verb check_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "check",
          .group = "Ask",
          .summary = "Regenerate the tables and figures of a document; exit status 1 names what is stale and why",
          .examples = {"velo check README.md paper/main.tex", "velo check --update paper/main.tex",
                       "velo check docs/results.md --format json"},
          .declare =
              [=](Options& o) {
                o.positionals("DOC", choices->documents, "documents with marked tables (analysis/documents.hpp)");
                o.flag("--update", choices->update, "write what is stale anew, and the runs behind it to DOC.runs");
                o.format(choices->format);
              },
          .action = [=](const Console& console) { return check(console, *choices); }};
}

}  // namespace velo
