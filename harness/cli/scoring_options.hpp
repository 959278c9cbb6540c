// harness/cli/scoring_options.hpp
//
// What the verbs that judge a race have in common: which runs, which clock and rules, how the intervals are made.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "analysis/bootstrap.hpp"
#include "analysis/load.hpp"
#include "harness/cli/verb.hpp"

namespace velo {

struct ScoringOptions {
  std::string store = "results/store";
  std::string sweep;
  std::string where;  ///< only trials that meet it (results/filter.hpp)
  bool everything = false;
  std::string logs;  ///< of AlgoPerf, to be judged straight
  std::string workloads;
  std::string release = "v0.5";
  std::string ruleset = "external";
  std::string clock;  ///< empty: by the rules
  std::string rules = "velodrome";
  std::string selection;
  double r_max = 4;
  std::int64_t resamples = 2000;
  std::int64_t seed = 20240601;
  double level = 0.95;
  analysis::Overrides overrides;

  /// Declares them all but the sweep; the store under another name where `--out` means something else.
  void declare(Options& options, const std::string& store_option = "--out");

  /// Throws Error for unknown clocks, rules and selections.
  [[nodiscard]] analysis::ScoreOptions score_options() const;
  [[nodiscard]] analysis::BootstrapOptions bootstrap_options() const;

  /// The command line that asks the same again: "velo report quickstart --clock seconds", defaults left out.
  [[nodiscard]] std::string command(const std::string& verb, const std::string& subject) const;

  /// What is asked, wherever the results lie: for the footer.
  [[nodiscard]] std::string question(const std::string& verb, const std::string& subject) const;

  /// The race they speak of. Without a sweep and without --all: the only sweep of the store; Error naming the sweeps
  /// when it has several. A report needs more than the results.
  [[nodiscard]] analysis::Race load(TrialDetail detail = TrialDetail::results) const;
};

/// The table of workloads that goes with AlgoPerf's logs: `given`, or workloads.csv inside or beside them.
[[nodiscard]] std::filesystem::path workload_table(const std::string& given, const std::filesystem::path& logs);

/// Import and export know one format. Throws Error on another.
void require_algoperf(const std::string& format);

/// The sweep of a store that `text` means: its name, or the path or stem of the YAML file it came from.
/// Throws Error naming the sweeps there are.
[[nodiscard]] std::string find_sweep(const Store& store, const std::string& text);

/// Prints sentences to stderr, indented and led by `note:`.
void print_notes(const Console& console, const std::vector<std::string>& notes);

}  // namespace velo
