#include "results/algoperf_store.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

#include "results/index.hpp"
#include "tests/results/algoperf_sample.hpp"

using namespace velo;
using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Two submissions, with everything a log may hold.
void fill(const AlgoPerfSample& logs) {
  logs.trial(
      "lion/study_0/ogbg_jax/trial_1",
      "accumulated_eval_time,global_step,score,test/map,total_duration,train/loss,validation/loss,validation/map,"
      "validation/num_examples,zeal\n"
      "0.5,10,1,0.2,2,3,0.25,0.1,100,high\n1.5,20,2.5,nan,5,1,,nan,100,7\n2.5,30,3.5,0.45,8,,0.1,0.5,100,low\n");
  logs.put("logs/lion/study_0/ogbg_jax/trial_1/hparams.json", R"({"lr": 0.1, "schedule": {"kind": "cosine"}})");
  logs.trial("lion/study_1/ogbg_gelu_jax/trial_2");
  logs.put("logs/lion/study_1/ogbg_jax/trial_3/hparams.json", "{}");  // a crash
  logs.trial("adam/study_0/ogbg_pytorch/trial_1");
}

Table rows_of(const Store& store, const std::string& sql) { return TrialIndex::open_read_only(store).query(sql); }

std::vector<std::string> words_of(const Table& table) {
  std::vector<std::string> words;
  for (const auto& row : table.rows)
    for (const auto& value : row)
      words.push_back(std::holds_alternative<std::string>(value) ? std::get<std::string>(value) : "?");
  return words;
}

}  // namespace

TEST_CASE("an imported trial has a run like any other: summary, trajectory, rows of the index, a place in a sweep") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store");
  const AlgoPerfImport report = import_algoperf(logs.read(LogDetail::everything), store);
  CHECK(report.sweep == "logs");
  CHECK(report.added == 4);
  CHECK(store.read_sweep("logs").cells.size() == 4);

  const auto found = TrialIndex::open_read_only(store).trials("label = 'lion' AND study = 0");
  REQUIRE(found.size() == 1);
  const TrialSummary& s = found.front();
  CHECK(s.workload == "ogbg");
  CHECK(s.trial == 1);
  CHECK(s.status == Status::done);
  CHECK(s.result.reached);
  CHECK(s.result.steps == 30);
  CHECK(s.result.seconds == 3.5);
  CHECK(s.result.evaluations == 3);
  CHECK(s.result_test == 0.45);
  CHECK(s.best_validation_step == 30);
  CHECK(s.seconds.on_clock() == 3.5);
  CHECK(s.seconds.eval == 2.5);
  CHECK(s.seconds.wall == 8);
  CHECK(s.budget_seconds == 100.0);
  CHECK(s.algorithm_parameters == R"({"lr":0.1,"schedule":{"kind":"cosine"}})");
  CHECK(s.fingerprint.backend == "jax");
  CHECK(s.fingerprint.hardware_class == "algoperf v0.5");
  CHECK(s.timeable);
  CHECK(s.sweeps == std::vector<std::string>{"logs"});

  const Trajectory t = read_trajectory(store.folder(s.id).trajectory());
  CHECK(t.config == read_file(store.folder(s.id).config()));
  CHECK(t.evaluations.at("step")[2] == 30);
  CHECK(t.evaluations.at("wall_seconds")[1] == 5);
  CHECK(t.evaluations.find("validation/map")->info.direction == Direction::higher);
  CHECK(t.evaluations.at("observed/train/loss")[0] == 3);
  CHECK(t.evaluations.at("observed/zeal")[1] == 7);
  CHECK(t.events.size() == 2);
  CHECK(t.events.at(0).text == "zeal=high");

  CHECK(
      words_of(rows_of(store, "SELECT DISTINCT metric FROM evaluations WHERE cell = '" + s.id.cell + "' ORDER BY 1")) ==
      std::vector<std::string>{"test/map", "validation/loss", "validation/map"});
  CHECK(words_of(rows_of(store, "SELECT workload_role, base_workload FROM trials WHERE workload = 'ogbg_gelu'")) ==
        std::vector<std::string>{"held_out", "ogbg"});
  CHECK(words_of(rows_of(store, "SELECT status, message FROM trials WHERE trial = 3")) ==
        std::vector<std::string>{"failed", "the log has no evaluations"});
}

TEST_CASE("importing again changes nothing, and a changed log becomes the run that speaks for its cell") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store");
  (void)import_algoperf(logs.read(LogDetail::everything), store);
  const std::string before = TrialIndex::open(store).dump();
  const AlgoPerfImport again = import_algoperf(logs.read(LogDetail::everything, 3), store);
  CHECK(again.added + again.changed == 0);
  CHECK(again.unchanged == 4);
  CHECK(TrialIndex::open(store).dump() == before);
  (void)TrialIndex::open(store).rebuild();
  CHECK(TrialIndex::open(store).dump() == before);

  logs.trial("adam/study_0/ogbg_pytorch/trial_1", "score,global_step,validation/map\n9,90,0.9\n");
  const AlgoPerfImport changed = import_algoperf(logs.read(LogDetail::everything), store);
  CHECK(changed.changed == 1);
  CHECK(changed.unchanged == 3);
  CHECK(words_of(rows_of(store, "SELECT run FROM current_trials WHERE label = 'adam'")) ==
        std::vector<std::string>{"0002"});
  CHECK(store.read_sweep("logs").cells.size() == 4);
}

TEST_CASE("a target that changed makes other cells, and the sweep holds these alone") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store");
  (void)import_algoperf(logs.read(LogDetail::everything), store);
  std::string easier(algoperf_table);
  easier.replace(easier.find("max,0.5"), 7, "max,0.3");
  logs.put("workloads.csv", easier);
  const AlgoPerfImport report = import_algoperf(logs.read(LogDetail::everything), store);
  CHECK(report.added == 3);
  CHECK(report.unchanged == 1);
  CHECK(store.cells().size() == 7);
  CHECK(store.read_sweep("logs").cells.size() == 4);
}

TEST_CASE("an import that was killed is finished by the next one, in the same run") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store");
  (void)import_algoperf(logs.read(LogDetail::everything), store);
  const std::string before = TrialIndex::open(store).dump();
  const RunRef run{store.cells().front(), "0001"};
  std::filesystem::remove(store.folder(run).log());
  replace_file(store.folder(run).status(), "", Durability::process);
  CHECK(import_algoperf(logs.read(LogDetail::everything), store).unchanged == 3);
  CHECK(TrialIndex::open(store).dump() == before);
}

TEST_CASE("a sweep that was trained here is not overwritten by an import") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store");
  store.write_sweep({"logs", "configs/sweeps/logs.yaml", {}});
  CHECK_THAT(error_of([&] { (void)import_algoperf(logs.read(LogDetail::everything), store); }),
             ContainsSubstring("is that of configs/sweeps/logs.yaml; give the imported trials another name"));
  CHECK(import_algoperf(logs.read(LogDetail::everything), store, "theirs").sweep == "theirs");
}

TEST_CASE("columns whose names HDF5 cannot keep apart are kept under their numbers") {
  const AlgoPerfSample logs;
  logs.trial(
      "lion/study_0/ogbg_jax/trial_1",
      "score,global_step,validation/map,,x,x,x/y,train,train/loss,validation/map/deep,a//b\n1,2,0.5,1,2,3,4,5,6,7,8\n");
  const Store store = Store::create(logs.scratch / "store");
  (void)import_algoperf(logs.read(LogDetail::everything), store);
  const SeriesGroup rows = read_evaluations(store.folder({store.cells().front(), "0001"}).trajectory());
  const std::vector<std::pair<std::string, double>> expected{{"observed/column_4", 1},
                                                             {"observed/x", 2},
                                                             {"observed/column_6", 3},
                                                             {"observed/column_7", 4},
                                                             {"observed/train", 5},
                                                             {"observed/column_9", 6},
                                                             {"observed/validation/map/deep", 7},
                                                             {"observed/column_11", 8}};
  for (const auto& [name, value] : expected) {
    INFO(name);
    CHECK(rows.at(name)[0] == value);
  }
}

TEST_CASE("what is exported imports as the same trials, columns, words and all") {
  const AlgoPerfSample logs;
  fill(logs);
  const Store store = Store::create(logs.scratch / "store"), back = Store::create(logs.scratch / "back");
  (void)import_algoperf(logs.read(LogDetail::everything), store, "race");
  const AlgoPerfExport report = export_algoperf(store, "race", logs.scratch / "out");
  CHECK(report.trials == 4);
  CHECK(report.without_evaluations == 1);
  CHECK(report.problems.empty());
  CHECK(read_file(logs.scratch / "out/logs/lion/study_0/ogbg_jax/trial_1/eval_measurements.csv") ==
        "accumulated_eval_time,accumulated_submission_time,global_step,score,test/map,total_duration,train/loss,"
        "validation/loss,validation/map,validation/num_examples,zeal\n"
        "0.5,1,10,1,0.2,2,3,0.25,0.1,100,high\n1.5,2.5,20,2.5,,5,1,,,100,7\n2.5,3.5,30,3.5,0.45,8,,0.1,0.5,100,low\n");
  const auto again = read_algoperf_logs(
      logs.scratch / "out/logs", AlgoPerfWorkload::read(logs.scratch / "out/workloads.csv"), {}, LogDetail::everything);
  (void)import_algoperf(again, back, "race");
  for (const char* columns :
       {"label, workload, workload_role, base_workload, study, trial, backend, algorithm_parameters, status, "
        "stop_reason",
        "steps_to_result, seconds_to_result, evaluations_to_result, best_validation, result_test, validation_target"}) {
    const std::string sql = cat("SELECT ", columns, " FROM trials ORDER BY label, workload, study, trial");
    CHECK(rows_of(back, sql).rows == rows_of(store, sql).rows);
  }
}

TEST_CASE("our own trials are exported under names and numbers that AlgoPerf's tools read") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1, [](Trajectory& t) { t.summary.label = "lookahead(adamw, k=5)"; });
  const AlgoPerfExport report = export_algoperf(store, "", scratch / "out", "jax");
  CHECK(report.trials == 1);
  const std::string folder = "out/logs/lookahead_adamw_k_5/study_2/quadratic_dimension_10_jax/trial_3/";
  CHECK(read_file(scratch / (folder + "eval_measurements.csv"))
            .starts_with("accumulated_submission_time,global_step,lr,score,test/loss,total_duration,validation/loss\n"
                         "0.5,100,0.1,0.5,,0.7,0.25\n"));
  const auto table = AlgoPerfWorkload::read(scratch / "out/workloads.csv");
  CHECK(table.at(0).validation_target == 0.1);
  CHECK(table.at(0).base == "cubic");
  CHECK_THAT(read_file(scratch / "out/workload_targets.json"), ContainsSubstring("\"validation_target_value\": 0.1"));
}

TEST_CASE("an export names what it leaves out and refuses what would mix") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  CHECK_THAT(error_of([&] { (void)export_algoperf(store, "", scratch / "none"); }),
             ContainsSubstring("there is nothing to export"));
  put_sample_run(store, 1);
  put_sample_run(store, 2, [](Trajectory& t) { t.summary.validation_target.reset(); });
  put_sample_run(store, 3, [](Trajectory& t) { t.summary.status = Status::running; });
  const RunRef torn = put_sample_run(store, 4, [](Trajectory& t) { t.summary.trial = 4; });
  replace_file(store.folder(torn).trajectory(), "torn", Durability::process);
  put_sample_run(store, 5);
  const AlgoPerfExport report = export_algoperf(store, "", scratch / "out");
  CHECK(report.trials == 1);
  REQUIRE(report.problems.size() == 4);
  const std::string all = join_words(report.problems);
  CHECK_THAT(all, ContainsSubstring("has no target and is left out"));
  CHECK_THAT(all, ContainsSubstring("has not ended (running) and is left out"));
  CHECK_THAT(all, ContainsSubstring("is not an HDF5 file"));
  CHECK_THAT(all, ContainsSubstring("more than once; export one sweep at a time"));
  CHECK_THAT(error_of([&] { (void)export_algoperf(store, "", scratch / "out"); }), ContainsSubstring("is not empty"));
}
