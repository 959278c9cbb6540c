#include "results/algoperf_logs.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>
#include <map>

#include "results/csv.hpp"
#include "tests/results/algoperf_sample.hpp"

using namespace velo;
using namespace velo::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const fs::path published = fs::path(VELO_SOURCE_DIR) / "results/algoperf_v05";

}  // namespace

TEST_CASE("every trial of AlgoPerf v0.5 reaches its target when the reference says so, or does not") {
  const AlgoPerfLogs logs =
      read_algoperf_logs(published / "external_tuning.tar.gz", AlgoPerfWorkload::read(published / "workloads.csv"));
  std::map<std::tuple<std::string, std::string, std::int64_t, std::int64_t>, const AlgoPerfTrial*> trials;
  for (const AlgoPerfTrial& t : logs.trials)
    trials[{t.submission, logs.workloads[t.workload].name, t.study, t.trial}] = &t;

  const std::string text = read_file(published / "time_to_target.csv");
  CsvText csv;
  csv.parse(text, "time_to_target.csv");
  CHECK(csv.rows() == 3881);
  CHECK(trials.size() == csv.rows());
  const std::map<std::string, WorkloadRole> roles{
      {"base", WorkloadRole::base}, {"held_out", WorkloadRole::held_out}, {"not_scored", WorkloadRole::unscored}};
  constexpr double six_decimals = 0.5e-6 * (1 + 1e-9);  // as printed; the factor covers the rounding of the doubles
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const auto word = [&](const char* column) { return std::string(csv.field(row, csv.column(column).value())); };
    const auto whole = [&](const char* column) { return std::stoll(word(column)); };
    const auto near = [&](double value, const char* column) {
      return std::abs(value - std::stod(word(column))) <= six_decimals + 1e-15 * value;
    };
    const auto found = trials.find({word("submission"), word("workload"), whole("study"), whole("trial")});
    if (found == trials.end()) {
      ++wrong;
      continue;
    }
    const AlgoPerfTrial& t = *found->second;
    const std::string status = t.hit ? "reached" : t.evaluations > 0 ? "not_reached" : "no_evals";
    bool right = status == word("status") && t.framework == word("framework") &&
                 logs.workloads[t.workload].role == roles.at(word("role")) &&
                 static_cast<long long>(t.evaluations) == whole("num_evals");
    if (t.hit) {
      right = right && near(t.hit->seconds, "time_to_target_s") && t.hit->step == whole("step_to_target") &&
              static_cast<long long>(t.hit->row) == whole("eval_index");
    }
    if (t.last) right = right && near(t.last->seconds, "last_eval_time_s") && t.last->step == whole("last_step");
    wrong += !right;
  }
  CHECK(wrong == 0);
}

TEST_CASE("what AlgoPerf's logs hold beyond their trials is counted and named") {
  const AlgoPerfLogs logs =
      read_algoperf_logs(published / "external_tuning.tar.gz", AlgoPerfWorkload::read(published / "workloads.csv"));
  CHECK(logs.counts() == "3718 evaluation files: 3700 read, 18 left out; 181 trials without evaluations");
  CHECK(logs.broken == 0);
  CHECK(logs.problems ==
        std::vector<std::string>{"schedule_free_adamw: 18 evaluation files lie in folders without a workload "
                                 "(study_0/trial_1, study_0/trial_2 and 16 more) and are left out"});
}

TEST_CASE(
    "a target is hit at the first evaluation that is at least as good; undefined values are neither hit nor best") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  const AlgoPerfLogs read = logs.read();
  const AlgoPerfTrial& t = read.trials.at(0);
  CHECK(t.submission == "lion");
  CHECK(t.framework == "jax");
  CHECK(t.trial == 1);
  CHECK(t.evaluations == 4);
  REQUIRE(t.hit);
  CHECK(t.hit->row == 2);
  CHECK(t.hit->step == 30);
  CHECK(t.hit->seconds == 3.5);
  CHECK(t.best->metric == 0.7);
  CHECK(t.last->seconds == 4.5);

  const TrialSummary summary = summary_of(t, read);
  CHECK(summary.result.reached);
  CHECK(summary.result.evaluations == 3);
  CHECK(summary.status == Status::done);
  CHECK(summary.label == "lion");
}

TEST_CASE("why a trial ended is told as far as the log tells it") {
  const AlgoPerfSample logs;
  const std::string head = "score,global_step,validation/map\n";
  logs.trial("a/study_0/ogbg_jax/trial_1", head + "1,10,0.1\n91,20,0.1\n");
  logs.trial("a/study_0/ogbg_jax/trial_2", head + "1,10,0.1\n50,20,nan\n");
  logs.trial("a/study_0/ogbg_jax/trial_3", head + "1,10,0.1\n50,20,0.2\n");
  logs.trial("a/study_0/ogbg_jax/trial_4", head);
  const AlgoPerfLogs read = logs.read();
  const std::vector<StopReason> reasons{StopReason::budget, StopReason::nan, StopReason::unknown, StopReason::unknown};
  for (std::size_t i = 0; i < 4; ++i) {
    const TrialSummary summary = summary_of(read.trials.at(i), read);
    CHECK(summary.stop_reason == reasons[i]);
    CHECK(summary.status == (i < 3 ? Status::done : Status::failed));
  }
}

TEST_CASE("logs are found from their top, from one submission, and in an archive, whatever the framework and threads") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.trial("lion/study_1/ogbg_gelu_pytorch/trial_2");
  logs.put("logs/README.md", "not a log");
  const AlgoPerfLogs whole = logs.read(LogDetail::results, 3);
  CHECK(whole.trials.size() == 2);
  CHECK(whole.trials.at(1).framework == "pytorch");
  CHECK(whole.trials.at(1).study == 1);
  CHECK(whole.workloads.at(whole.trials.at(1).workload).name == "ogbg_gelu");
  CHECK(whole.problems.empty());
  const auto one =
      read_algoperf_logs(logs.scratch / "logs/lion", AlgoPerfWorkload::read(logs.scratch / "workloads.csv"));
  CHECK(one.trials.size() == 2);
  CHECK(one.trials.at(0).submission == "lion");
  const std::string packed = (logs.scratch / "logs.tar.gz").string();
  REQUIRE(std::system(cat("tar -C ", logs.scratch.path().string(), " -czf ", packed, " logs").c_str()) == 0);
  const auto archive = read_algoperf_logs(packed, AlgoPerfWorkload::read(logs.scratch / "workloads.csv"));
  CHECK(archive.trials.size() == 2);
  CHECK(archive.trials.at(0).hit->seconds == 3.5);
  CHECK(archive.counts() == whole.counts());
}

TEST_CASE("all columns and hyperparameters are kept on demand, words among numbers too") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.put("logs/lion/study_0/ogbg_jax/trial_1/hparams.json", "{\n  \"lr\": 0.1,\n  \"kind\": \"x\"\n}");
  const AlgoPerfLogs read = logs.read(LogDetail::everything);
  const AlgoPerfTrial& t = read.trials.at(0);
  CHECK(t.hyperparameters == R"({"lr":0.1,"kind":"x"})");
  REQUIRE(t.columns.size() == 4);
  CHECK(t.columns[1].values == std::vector<double>{10, 20, 30, 40});
  CHECK(std::isnan(t.columns[2].values[1]));
  CHECK(t.columns[3].name == "note");
  CHECK(t.columns[3].words == std::vector<std::pair<std::size_t, std::string>>{{0, "a"}, {2, "b"}, {3, "c"}});
}

TEST_CASE("files that are cut off, damaged or foreign are left out, each in one sentence") {
  struct Case {
    std::string content, sentence;
  };
  const std::string head = "score,global_step,validation/map\n";
  for (const Case& c :
       {Case{"", "is empty"}, Case{head + "1,10,0.5\n2,2", "is cut off: its last line has 2 of 3 fields"},
        Case{head + "1,10\n2,20,0.5\n", "line 2 of"}, Case{"time,loss\n1,2\n", "has no column 'global_step'"},
        Case{"score,global_step,validation/loss\n1,2,3\n", "has no column 'validation/map', the target metric of ogbg"},
        Case{head + "1,10,good\n", "has 'good' for a number in column 'validation/map'"},
        Case{head + "nan,10,0.5\n", "no usable value in column 'score': 'nan'"},
        Case{head + "-1,10,0.5\n", "no usable value in column 'score': '-1'"},
        Case{std::string("\x1f\x8b\0\0\xff", 5), "has no column 'global_step'"}}) {
    INFO(c.sentence);
    const AlgoPerfSample logs;
    logs.trial("lion/study_0/ogbg_jax/trial_1");
    logs.trial("lion/study_0/ogbg_jax/trial_2", c.content);
    CHECK_THAT(logs.problem(), ContainsSubstring(c.sentence));
    CHECK_THAT(logs.problem(), ContainsSubstring("lion/study_0/ogbg_jax/trial_2/eval_measurements.csv"));
    CHECK_THAT(logs.problem(), ContainsSubstring("the trial is left out"));
    CHECK(logs.read().counts() == "2 evaluation files: 1 read, 1 left out");
    CHECK(logs.read().broken == 1);
  }
}

TEST_CASE("a workload that the table lacks is named, with the nearest one that it has") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.trial("lion/study_0/ogbgs_jax/trial_1");
  logs.trial("adam/study_0/ogbgs_jax/trial_1");
  CHECK(logs.problem() ==
        "workload 'ogbgs' is not in the table of workloads (did you mean 'ogbg'?): 2 evaluation files "
        "(adam/study_0/ogbgs_jax and lion/study_0/ogbgs_jax) are left out");
}

TEST_CASE("folders that are no study, workload or trial are left out with what lies in them") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.trial("lion/old/ogbg_jax/trial_1");
  logs.trial("lion/study_0/ogbg/trial_1");
  logs.trial("lion/study_0/ogbg_jax/trial_");
  logs.trial("lion/study_0/ogbg_jax/trial_x");
  CHECK(logs.problem() ==
        "lion: 4 evaluation files lie in folders without a workload (old, study_0/ogbg and 2 more) and are left out");
  CHECK(logs.read().counts() == "5 evaluation files: 1 read, 4 left out");
}

TEST_CASE("the same trial twice counts once when the files agree and not at all when they do not") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.trial("lion/study_0/ogbg_jax/trial_01");
  logs.put("logs/lion/study_0/ogbg_pytorch/trial_1/hparams.json", "{}");
  CHECK_THAT(logs.problem(), ContainsSubstring("are the same trial; lion/study_0/ogbg_jax/trial_01 is used"));
  CHECK(logs.read().counts() == "2 evaluation files: 1 read, 1 left out");
  logs.trial("lion/study_1/ogbg_jax/trial_1");
  logs.trial("lion/study_0/ogbg_pytorch/trial_1", "score,global_step,validation/map\n1,10,0.1\n");
  CHECK_THAT(logs.problem(), ContainsSubstring("are the same trial with different content; none is used"));
  CHECK(logs.read().counts() == "4 evaluation files: 1 read, 3 left out");
}

TEST_CASE("damaged hyperparameters are named and the trial is kept") {
  const AlgoPerfSample logs;
  logs.trial("lion/study_0/ogbg_jax/trial_1");
  logs.put("logs/lion/study_0/ogbg_jax/trial_1/hparams.json", "{\"lr\": ");
  const AlgoPerfLogs read = logs.read(LogDetail::everything);
  CHECK(read.problems ==
        std::vector<std::string>{"'lion/study_0/ogbg_jax/trial_1/hparams.json' is not a JSON object; the "
                                 "trial is read without its hyperparameters"});
  CHECK(read.trials.at(0).hyperparameters == "{}");
  CHECK(read.trials.at(0).hit);
}

TEST_CASE("nothing to read is an error that says how logs should lie") {
  const AlgoPerfSample logs;
  CHECK_THAT(error_of([&] { (void)logs.read(); }), ContainsSubstring("there is no folder or archive"));
  make_folder(logs.scratch / "logs/lion/study_0");
  CHECK_THAT(error_of([&] { (void)logs.read(); }),
             ContainsSubstring("it should hold SUBMISSION/study_0/WORKLOAD_FRAMEWORK/trial_1/eval_measurements.csv"));
  logs.put("logs.tar.gz", "no archive");
  CHECK_THAT(error_of([&] { (void)read_algoperf_logs(logs.scratch / "logs.tar.gz", {}); }),
             ContainsSubstring("is not a sound .tar.gz"));
}

TEST_CASE("the table of workloads is checked") {
  const AlgoPerfSample logs;
  const auto refused = [&](std::string_view content) {
    logs.put("workloads.csv", content);
    return error_of([&] { (void)AlgoPerfWorkload::read(logs.scratch / "workloads.csv"); });
  };
  CHECK_THAT(refused("workload,metric\nogbg,map\n"), ContainsSubstring("has no column 'direction'"));
  const std::string head = "workload,metric,direction,validation_target\n";
  CHECK_THAT(refused(head + "ogbg,map,up,1\n"), ContainsSubstring("is 'min' or 'max', not 'up'"));
  CHECK_THAT(refused(head + "ogbg,map,max,high\n"), ContainsSubstring("is not a number: 'high'"));
  CHECK_THAT(refused(head + "ogbg,map,max,1\nogbg,map,max,2\n"), ContainsSubstring("workload ogbg is twice in"));
  CHECK_THAT(refused(head + "ogbg,map,max\n"), ContainsSubstring("is cut off: its last line has 3 of 4 fields"));
  CHECK(AlgoPerfWorkload::read(published / "workloads.csv", {AlgoPerfRelease::v06, "self"}).front().budget_seconds ==
        11554.5);
}
