// Results that cannot be judged, wholly or in part: one sentence each, and a count of what was left out.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>

#include "results/files.hpp"
#include "tests/analysis/stores.hpp"
#include "tests/analysis/velo_says.hpp"

using namespace velo;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

bool is_slow(const TrialSummary& summary) { return summary.algorithm == "slow"; }

struct Case {
  const char* what;
  void (*edit)(TrialSummary&);
  std::vector<std::string> asked;
  ExitCode code;
  const char* sentence;
};

const std::vector<std::string> score{"score"}, in_seconds{"score", "--clock", "seconds"},
    compare{"compare", "fast one", "slow"}, margin{"compare", "fast one", "slow", "--margin", "5%"};

const std::vector<Case> cases{
    {"no target",
     [](TrialSummary& s) {
       s.validation_target.reset();
       s.result.reached = false;
     },
     score, ExitCode::nothing_measured,
     "there are no finished trials of a workload with a target, so there is nothing to score; 12 trials on workloads "
     "without a target left out"},
    {"a target for some",
     [](TrialSummary& s) {
       if (s.study == 2) {
         s.validation_target.reset();
         s.result.reached = false;
       }
     },
     score, ExitCode::ok, "note: 4 trials on workloads without a target left out"},
    {"all failed", [](TrialSummary& s) { s.status = Status::failed; }, compare, ExitCode::nothing_measured,
     "nothing to score; 12 trials failed or were cut off and left out"},
    {"an empty study",
     [](TrialSummary& s) {
       if (s.study == 0 && is_slow(s)) s.status = Status::failed;
     },
     compare, ExitCode::inconclusive, "note: 2 trials failed or were cut off and left out"},
    {"an empty study",
     [](TrialSummary& s) {
       if (s.study == 0 && is_slow(s)) s.status = Status::failed;
     },
     margin, ExitCode::inconclusive, "note: 2 trials failed or were cut off and left out"},
    {"trials still running",
     [](TrialSummary& s) {
       if (s.trial == 1) s.status = Status::running;
     },
     score, ExitCode::ok, "note: 6 trials failed or were cut off and left out"},
    {"two divisions",
     [](TrialSummary& s) {
       if (is_slow(s)) s.division = "open";
     },
     score, ExitCode::usage,
     "closed and open results do not share a score: fast one on slope{width=64}, study 0, trial 0"},
    {"two divisions",
     [](TrialSummary& s) {
       if (is_slow(s)) s.division = "open";
     },
     compare, ExitCode::usage, "--mix-divisions overrides this"},
    {"two versions of a workload",
     [](TrialSummary& s) {
       if (is_slow(s)) s.workload_version = 2;
     },
     score, ExitCode::usage, "workload slope{width=64} was run in versions 1 (fast one on"},
    {"two targets",
     [](TrialSummary& s) {
       if (is_slow(s)) s.validation_target = 0.5;
     },
     score, ExitCode::usage, "was run with targets 0.9 (fast one on"},
    {"two machines",
     [](TrialSummary& s) {
       if (is_slow(s)) s.fingerprint.hardware_class = "other box x2";
     },
     in_seconds, ExitCode::usage, "seconds compare within one hardware class only: fast one on"},
    {"shared cores", [](TrialSummary& s) { s.timeable = !is_slow(s); }, in_seconds, ExitCode::usage,
     "were measured on shared cores and are not timeable; use --clock example-gradients, or --allow-untimeable"},
    {"a metric that is no number",
     [](TrialSummary& s) {
       if (!is_slow(s)) return;
       s.result.reached = false;
       s.result.reason = StopReason::nan;
       s.stop_reason = StopReason::nan;
       s.best_validation = std::numeric_limits<double>::quiet_NaN();
     },
     score, ExitCode::ok,
     "note: 6 trials broke down (diverged, nan or out of memory) and count as never reaching the target"},
    {"that, in the line of provenance",
     [](TrialSummary& s) {
       if (is_slow(s)) s.stop_reason = StopReason::diverged;
     },
     score, ExitCode::ok, "n = 12, 6 failed or broke down, 0 unfinished, 0 left out"},
    {"several commits",
     [](TrialSummary& s) {
       if (is_slow(s)) s.fingerprint.git_commit = "fedcba9876543210";
     },
     score, ExitCode::ok, "2 commits"},
};

}  // namespace

TEST_CASE("results that cannot be judged get one sentence, those that can without some say how many") {
  for (const Case& one : cases) {
    const SmallStore small("bad_results");
    small.change(one.edit);
    std::vector<std::string> words = one.asked;
    words.insert(words.end(), {"--out", small.root.string()});
    const Said said = velo_says(words);
    INFO(one.what << "\n" << said.out << said.err);
    CHECK(said.code == static_cast<int>(one.code));
    CHECK_THAT(said.out + said.err, ContainsSubstring(one.sentence));
    if (one.code == ExitCode::usage || one.code == ExitCode::nothing_measured) {
      CHECK(said.out.empty());
      CHECK(std::count(said.err.begin(), said.err.end(), '\n') == 1);
    }
  }
}

TEST_CASE("runs that cannot be read and runs that others speak for are counted below every answer") {
  const SmallStore small("bad_runs");
  const auto cells = small.store.cells();
  small.run_again(cells[1], Status::done, 200);
  replace_file(small.store.folder({cells[0], "0001"}).status(), "{\"status\": \"do");
  CHECK(velo_says({"index", "--store", small.root.string()}).code == static_cast<int>(ExitCode::some_failed));
  for (const auto& asked : {score, compare, margin}) {
    std::vector<std::string> words = asked;
    words.insert(words.end(), {"--out", small.root.string()});
    const Said said = velo_says(words);
    CHECK_THAT(said.out, ContainsSubstring("n = 11, 0 failed, 0 unfinished, 2 left out"));
    CHECK_THAT(said.err, ContainsSubstring("note: 1 run could not be read and left out: ") &&
                             ContainsSubstring("note: 1 of 13 cells of the sweep have not been run yet"));
  }
}
