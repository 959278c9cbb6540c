// results/algoperf_logs.hpp
//
// The logs of AlgoPerf, MLCommons' benchmark of training algorithms (github.com/mlcommons/algorithmic-efficiency), as
// its runner leaves them:
//
//   DIR/SUBMISSION/study_<k>/<workload>_<framework>/trial_<i>/eval_measurements.csv   one row per evaluation
//                                                             hparams.json            the point that was tried
//
// k counts from 0, i from 1 in AlgoPerf's own logs; the framework is jax or pytorch. DIR may also be the folder of one submission, or a .tar.gz
// of either (results/file_tree.hpp). Of eval_measurements.csv these columns are known:
//
//   global_step                                          updates made
//   score, or without it accumulated_submission_time     s, the algorithm's own time: what the race is timed by
//   total_duration                                       s, wall time since the start
//   validation/<metric>, test/<metric>                   what was measured; empty or nan where it was not
//
// What a trial is judged by is not in the logs but in a table of workloads, a CSV file with a row per workload and the
// columns workload, base_workload, metric, direction (min, max), validation_target, test_target, eval_period_s,
// num_params_pytorch, and for each release role_v05, max_runtime_v05_external_s, max_runtime_v05_self_s, step_hint_v05
// (likewise v06). Only workload, metric, direction and validation_target must be there.
//
// A trial reaches its target at the first evaluation whose metric is at least as good; NaN never is.
//
// What cannot be read is left out and said in one sentence each: files in folders that are no study, workload or trial;
// workloads the table does not have; files that are cut off, damaged or foreign; trials that lie there twice. A trial
// without evaluations is a trial: it crashed or was never begun.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "results/record.hpp"

namespace velo {

enum class AlgoPerfRelease {
  v05,  ///< the competition of 2024
  v06,  ///< the rolling leaderboard
};
[[nodiscard]] std::string_view name(AlgoPerfRelease release);
/// Reads "v0.5" and "v0.6". Throws Error on anything else.
[[nodiscard]] AlgoPerfRelease parse_algoperf_release(std::string_view text);

/// Which set of rules the logs were made under, and so which columns of the table hold.
struct AlgoPerfRules {
  AlgoPerfRelease release = AlgoPerfRelease::v05;
  std::string ruleset = "external";  ///< or "self"
};

struct AlgoPerfWorkload {
  std::string name;
  std::string base;  ///< of which it is a variant; empty: of none
  WorkloadRole role = WorkloadRole::base;
  std::string metric;
  Direction direction = Direction::lower;
  std::optional<double> validation_target, test_target;
  std::optional<double> budget_seconds, evaluate_every_seconds;
  std::int64_t step_hint = 0;
  std::int64_t parameters = 0;

  /// Throws Error naming the file for a missing column, a workload that is there twice, and an unreadable number.
  [[nodiscard]] static std::vector<AlgoPerfWorkload> read(const std::filesystem::path& table,
                                                          const AlgoPerfRules& rules = {});
};

/// An evaluation that stands out.
struct AlgoPerfEvaluation {
  std::size_t row = 0;  ///< from 0
  std::int64_t step = 0;
  double seconds = 0;
  double metric = 0;  ///< validation value
};

/// A column as it came. Text other than numbers is kept beside NaN.
struct AlgoPerfColumn {
  std::string name;
  std::vector<double> values;
  std::vector<std::pair<std::size_t, std::string>> words;  ///< row, text
};

/// One trial_<i> folder.
struct AlgoPerfTrial {
  std::string submission, framework;
  std::size_t workload = 0;  ///< position in AlgoPerfLogs::workloads
  std::int64_t study = 0;
  std::int64_t trial = 0;  ///< i
  std::string folder;      ///< below DIR

  std::size_t evaluations = 0;
  std::optional<AlgoPerfEvaluation> hit, best;  ///< best: the first of equals; NaN is none
  std::optional<AlgoPerfEvaluation> last;

  // With LogDetail::everything only.
  std::string hyperparameters = "{}";  ///< hparams.json in one line
  std::string digest;                  ///< SHA-256 of both files
  std::vector<AlgoPerfColumn> columns;
};

struct AlgoPerfLogs {
  std::string root;
  AlgoPerfRules rules;
  std::vector<AlgoPerfWorkload> workloads;
  std::vector<AlgoPerfTrial> trials;  ///< by submission, workload, study, trial
  std::size_t files = 0;              ///< eval_measurements.csv that were found
  std::size_t files_left_out = 0;
  std::size_t broken = 0;             ///< of these, cut off, damaged, foreign or ambiguous
  std::vector<std::string> problems;  ///< a sentence for everything left out
  std::size_t without_evaluations = 0;

  /// "3718 evaluation files: 3700 read, 18 left out; 181 trials without evaluations".
  [[nodiscard]] std::string counts() const;
};

/// How much of the logs is kept.
enum class LogDetail {
  results,     ///< times, steps and the target metric: what scores need
  everything,  ///< all columns and the hyperparameters
};

/// Throws Error when there is nothing at `root`, or no trial of a known workload below it.
[[nodiscard]] AlgoPerfLogs read_algoperf_logs(const std::filesystem::path& root,
                                              std::vector<AlgoPerfWorkload> workloads, const AlgoPerfRules& rules = {},
                                              LogDetail detail = LogDetail::results, int threads = 1);

/// What velo's record says of such a trial; the id stays empty. Steps and seconds are known, examples are not.
[[nodiscard]] TrialSummary summary_of(const AlgoPerfTrial& trial, const AlgoPerfLogs& logs);

}  // namespace velo
