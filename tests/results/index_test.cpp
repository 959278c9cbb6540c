#include "results/index.hpp"

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>

#include "results/fields.hpp"
#include "results/schema.hpp"
#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

void run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

std::int64_t whole(const TableValue& value) { return std::get<std::int64_t>(value); }

/// Copies of a run under other cells [first, last).
void copy_run(const Store& store, const RunRef& run, int first, int last) {
  for (int cell = first; cell < last; ++cell)
    std::filesystem::copy(store.folder(run).path, store.folder(store.new_run(cell_name(cell))).path);
}

}  // namespace

TEST_CASE("the index holds one row per run and gives it back whole") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (int cell = 0; cell < 5; ++cell) put_sample_run(store, cell);
  put_sample_run(store, 0);
  store.write_sweep({"quick", "quick.yaml", {{cell_name(0), "tuned"}}});
  auto index = TrialIndex::open(store);
  const IndexReport report = index.rebuild();
  CHECK(report.runs == 6);
  CHECK(report.problems.empty());

  const auto trials = index.trials();
  REQUIRE(trials.size() == 6);
  for (const auto& trial : trials) CHECK(summary_to_json(trial) == summary_to_json(sample_summary(trial.id)));
  CHECK(index.trials("cell IN (SELECT cell FROM sweeps WHERE sweep = 'quick')").size() == 2);
  CHECK(index.trials("cell = '" + cell_name(0) + "'")[0].sweeps == std::vector<std::string>{"quick"});
}

TEST_CASE("a rebuilt index dumps the same as one grown run by run") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  store.write_sweep({"quick", "quick.yaml", {{cell_name(3), "b"}, {cell_name(1), "a"}}});
  std::string grown;
  {
    auto index = TrialIndex::open(store);
    for (const int cell : {7, 3, 9, 1, 4}) index.ingest(put_sample_run(store, cell));
    index.ingest({cell_name(3), "0001"});
    index.refresh_sweeps();
    grown = index.dump();
    index.rebuild();
    CHECK(index.dump() == grown);
  }
  std::filesystem::remove(store.index_file());
  auto index = TrialIndex::open(store);
  index.rebuild();
  CHECK(index.dump() == grown);
}

TEST_CASE("evaluations are indexed where they were measured") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table table = index.query("SELECT metric, step, value, work FROM evaluations ORDER BY metric, step");
  REQUIRE(table.rows.size() == 4);
  CHECK(std::get<std::string>(table.rows[0][0]) == "test/loss");
  CHECK(whole(table.rows[0][1]) == 300);
  CHECK(std::get<double>(table.rows[3][2]) == 0.25 / 3);
  CHECK(std::get<double>(table.rows[3][3]) == Work{300, 9600, 9600, 32, 4}.charged());
}

namespace {

/// A store as it was before work was charged: no field, no series, and an index of the second schema.
RunRef put_run_of_old(const Store& store, std::int64_t steps_to_result) {
  const RunRef run = put_sample_run(store, 1, [&](Trajectory& t) {
    t.summary.result.steps = steps_to_result;
    t.summary.result.work.reset();
    std::erase_if(t.evaluations.series, [](const Series& series) { return series.info.name == "work"; });
  });
  std::string status = read_file(store.folder(run).status());
  for (const char* added : {" \"work_to_result\"", " \"budget_work\""}) {
    const auto at = status.find(added);
    status.erase(at, status.find('\n', at) - at);
  }
  status[status.rfind(',')] = ' ';
  replace_file(store.folder(run).status(), status, Durability::process);
  return run;
}

}  // namespace

TEST_CASE("a store from before work was charged is read, and its index tells the work of every evaluation") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const RunRef run = put_run_of_old(store, 200);
  CHECK_FALSE(store.read_status(run).result.work);
  const SeriesGroup evaluations = read_evaluations(store.folder(run).trajectory());
  const auto work = evaluations.at("work");
  CHECK(std::vector<double>(work.begin(), work.end()) ==
        std::vector<double>{(9600 + 32 + 24) / 3.0, (19200 + 32 + 24) / 3.0, (28800 + 32 + 24) / 3.0});
  auto index = TrialIndex::open(store);
  CHECK(index.rebuild().problems.empty());
  const Table table = index.query("SELECT work_to_result, work FROM trials");
  CHECK(std::get<double>(table.rows[0][0]) == (19200 + 32 + 24) / 3.0);
  CHECK(std::get<double>(table.rows[0][1]) == (28800 + 32 + 24) / 3.0);
}

TEST_CASE("the work of an evaluation is kept only where it is not that of its gradients, and always told") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1, [](Trajectory& t) {
    auto& series = t.evaluations.series;
    const auto gradients = t.evaluations.at("example_gradients");
    const auto work = std::find_if(series.begin(), series.end(), [](const Series& s) { return s.info.name == "work"; });
    work->values = {gradients[0], gradients[1] + 0.5, gradients[2]};
  });
  auto index = TrialIndex::open(store);
  index.rebuild();
  CHECK(whole(index.query("SELECT count(work) FROM points").rows[0][0]) == 1);
  const Table told = index.query("SELECT DISTINCT step, work - example_gradients FROM evaluations ORDER BY step");
  REQUIRE(told.rows.size() == 3);
  for (std::size_t row = 0; row < 3; ++row) CHECK(std::get<double>(told.rows[row][1]) == (row == 1 ? 0.5 : 0.0));
}

TEST_CASE("an index of the schema before work was charged is brought forward in place") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string file = store.index_file().string();
  for (std::size_t i = 0; i < 2; ++i) run_sql(file, std::string(schema_scripts()[i]));
  run_sql(file, "PRAGMA application_id = 1447382095; PRAGMA user_version = 2");
  CHECK(error_of([&] { (void)TrialIndex::open_read_only(store); }) ==
        "the index '" + file + "' has an older schema; run `velo index` to bring it forward");
  put_run_of_old(store, 300);
  auto index = TrialIndex::open(store);
  CHECK(std::get<double>(index.query("SELECT work_to_target FROM time_to_target").rows[0][0]) ==
        (28800 + 32 + 24) / 3.0);
}

TEST_CASE("queries give typed columns") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table table = index.query("SELECT steps, seconds, algorithm, test_target FROM trials;");
  REQUIRE(table.columns.size() == 4);
  CHECK(table.columns[0].name == "steps");
  CHECK(table.columns[0].type == ColumnType::integer);
  CHECK(table.columns[1].type == ColumnType::real);
  CHECK(table.columns[2].type == ColumnType::text);
  CHECK(std::get<double>(table.rows[0][1]) == sample_summary().seconds.on_clock() + sample_summary().lost_seconds);
  CHECK(std::holds_alternative<std::monostate>(table.rows[0][3]));
  const Table mixed = index.query("SELECT 1 AS x UNION ALL SELECT 2.5");
  CHECK(mixed.columns[0].type == ColumnType::real);
  CHECK(std::get<double>(mixed.rows[0][0]) == 1.0);
}

TEST_CASE("time to target is empty where the target was not reached") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  put_sample_run(store, 2,
                 [](Trajectory& t) { t.summary.result = {false, StopReason::budget, 1000, 1, 1, 1.0, 0, {}}; });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table table =
      index.query("SELECT steps_to_target, censored_by, censored_at_steps FROM time_to_target ORDER BY target_reached");
  REQUIRE(table.rows.size() == 2);
  CHECK(std::holds_alternative<std::monostate>(table.rows[0][0]));
  CHECK(std::get<std::string>(table.rows[0][1]) == "budget");
  CHECK(whole(table.rows[0][2]) == 1000);
  CHECK(whole(table.rows[1][0]) == 300);
}

TEST_CASE("the best trial of an entry follows the direction of its metric") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (const int cell : {1, 2, 3})
    put_sample_run(store, cell, [cell](Trajectory& t) { t.summary.best_validation = 0.1 * cell; });
  for (const int cell : {4, 5})
    put_sample_run(store, cell, [cell](Trajectory& t) {
      t.summary.label = "up";
      t.summary.direction = Direction::higher;
      t.summary.best_validation = 0.1 * cell;
    });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table table = index.query("SELECT cell FROM best_trials ORDER BY label");
  REQUIRE(table.rows.size() == 2);
  CHECK(std::get<std::string>(table.rows[0][0]) == cell_name(1));
  CHECK(std::get<std::string>(table.rows[1][0]) == cell_name(5));
}

TEST_CASE("queries only read") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  auto index = TrialIndex::open(store);
  const auto refusal = [&](const std::string& sql) { return error_of([&] { (void)index.query(sql); }); };
  CHECK(refusal("DELETE FROM trials") ==
        "a query only reads; the index is made from the files of the runs and `velo index` rebuilds it");
  CHECK(refusal("SELECT 1; DROP TABLE trials") == "a query is one SQL statement; there is text behind its semicolon");
  CHECK(refusal("  ") == "the query is empty; give one SQL statement, such as \"SELECT * FROM trials\"");
  CHECK(refusal("SELECT nosuch FROM trials") == "SQL: no such column: nosuch");
}

TEST_CASE("a damaged run is reported and does not hide the others") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (const int cell : {1, 2, 3}) put_sample_run(store, cell);
  std::ofstream(store.folder({cell_name(2), "0001"}).status()) << "{";
  (void)store.new_run(cell_name(4));
  auto index = TrialIndex::open(store);
  const IndexReport report = index.rebuild();
  CHECK(report.runs == 2);
  REQUIRE(report.problems.size() == 1);
  CHECK(index.trials().size() == 2);
  CHECK(std::get<std::string>(index.query("SELECT reason FROM left_out").rows.at(0)[0]) == report.problems[0]);
  std::filesystem::remove_all(store.folder({cell_name(2), "0001"}).path);
  put_sample_run(store, 2);
  index.ingest({cell_name(2), "0001"});
  CHECK(index.query("SELECT reason FROM left_out").rows.empty());
}

TEST_CASE("a file that is no database, a foreign database and a newer schema are refused and left alone") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string file = store.index_file().string();
  const auto refusal = [&] { return error_of([&] { (void)TrialIndex::open(store); }); };

  std::ofstream(file) << std::string(5000, 'x');
  CHECK(refusal() == "'" + file + "' is not an SQLite database; move it away and run `velo index`");
  CHECK(read_file(file) == std::string(5000, 'x'));

  std::filesystem::remove(file);
  run_sql(file, "CREATE TABLE birds (name TEXT)");
  CHECK(refusal() ==
        "'" + file + "' is an SQLite database but not an index of velo; move it away and run `velo index`");

  std::filesystem::remove(file);
  { (void)TrialIndex::open(store); }
  run_sql(file, "PRAGMA user_version = 99");
  const std::string newer = "the index '" + file + "' has schema 99, newer than the " +
                            std::to_string(schema_scripts().size()) +
                            " this velo knows; use the newer velo, or delete the file and run `velo index`";
  CHECK(refusal() == newer);
  CHECK(error_of([&] { (void)TrialIndex::open_read_only(store); }) == newer);
}

TEST_CASE("a damaged index is refused, and made anew once it is deleted") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  std::string dump;
  {
    auto index = TrialIndex::open(store);
    index.rebuild();
    dump = index.dump();
  }
  const std::string bytes = read_file(store.index_file());
  std::ofstream(store.index_file(), std::ios::binary)
      << bytes.substr(0, 4096) << std::string(bytes.size() - 4096, '\x55');
  const std::string sentence = error_of([&] { (void)TrialIndex::open(store).rebuild(); });
  CHECK(sentence == "'" + store.index_file().string() +
                        "' is damaged; delete it and run `velo index`, which makes it anew from the files");
  std::filesystem::remove(store.index_file());
  auto index = TrialIndex::open(store);
  index.rebuild();
  CHECK(index.dump() == dump);
}

TEST_CASE("a missing index is asked for by the command that makes it") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  CHECK(error_of([&] { (void)TrialIndex::open_read_only(store); }) ==
        "there is no index '" + store.index_file().string() + "'; `velo index` makes it");
}

TEST_CASE("an index locked by another process is given up after the wait, with a reason") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  auto index = TrialIndex::open(store);
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(store.index_file().c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(error_of([&] { index.rebuild(); }) ==
        "cannot write the index '" + store.index_file().string() +
            "': another process has had it locked for over 5 s; wait for that process or end it");
  sqlite3_close(other);
  CHECK(index.rebuild().runs == 1);
}

TEST_CASE("a folder that may not be written is named") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(store.root(), std::filesystem::perms(0555));
  // Root writes everywhere; nobody does not.
  const bool root = geteuid() == 0;
  if (root) REQUIRE(seteuid(65534) == 0);
  const std::string sentence = error_of([&] { (void)TrialIndex::open(store); });
  if (root) REQUIRE(seteuid(0) == 0);
  std::filesystem::permissions(store.root(), std::filesystem::perms(0755));
  CHECK(sentence == "cannot write the index '" + store.index_file().string() +
                        "': the file or its folder may not be written; use a store you may write to");
}

TEST_CASE("a disk that fills up leaves the old index in force") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  auto index = TrialIndex::open(store);
  index.rebuild();
  const std::string before = index.dump();
  copy_run(store, {cell_name(1), "0001"}, 2, 200);

  // A limit on file size stands in for the full disk.
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{std::filesystem::file_size(store.index_file()) + 16384, old.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const std::string sentence = error_of([&] { index.rebuild(); });
  REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, handler);

  CHECK(sentence == "cannot write the index '" + store.index_file().string() +
                        "': the disk is full or failing; free some space and run `velo index`");
  CHECK(index.dump() == before);
  CHECK(index.rebuild().runs == 199);
}

TEST_CASE("the columns of trials are the fields of a summary, in order, the clock's sum before those added later") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  auto index = TrialIndex::open(store);
  std::vector<std::string> fields, columns;
  TrialSummary any;
  visit_fields(any, [&](const Field& field, const auto&) {
    if (field.added && !std::count(fields.begin(), fields.end(), "seconds")) fields.emplace_back("seconds");
    fields.emplace_back(field.name);
    if (field.name == "work_to_result") fields.emplace_back("work");  // the sum of the counts, likewise
  });
  fields.emplace_back("speaks");
  for (const auto& column : index.query("SELECT * FROM trials").columns) columns.push_back(column.name);
  CHECK(columns == fields);
}

TEST_CASE("what a score needs of every run comes from one narrow index, the rows themselves untouched") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1, [](Trajectory& t) {
    t.summary.workload_version = 2;
    t.summary.division = "open";
    t.summary.timeable = !TrialSummary{}.timeable;
    t.summary.resumed = 1;
    t.summary.direction = Direction::higher;
  });
  auto index = TrialIndex::open(store);
  index.rebuild();
  // The fields that were read are those that differ from an untouched summary.
  std::map<std::string, std::string> untouched;
  const auto each_field = [](const TrialSummary& s, const auto& use) {
    std::string json = summary_to_json(s);
    visit_fields(s, [&](const Field& field, const auto&) {
      const auto at = json.find(cat("\"", field.name, "\":"));
      use(std::string(field.name), json.substr(at, json.find('\n', at) - at));
    });
  };
  each_field(TrialSummary{}, [&](const std::string& name, const std::string& text) { untouched[name] = text; });
  std::string columns;
  each_field(index.trials("", TrialDetail::results).at(0), [&](const std::string& name, const std::string& text) {
    if (untouched.at(name) == text) return;
    columns += (columns.empty() ? "" : ", ") + name;
  });
  const Table plan = index.query("EXPLAIN QUERY PLAN SELECT " + columns + " FROM trials ORDER BY cell, run");
  CHECK(std::get<std::string>(plan.rows.at(0).back()) == "SCAN runs USING COVERING INDEX runs_for_scores");
  for (const auto& row : plan.rows) CHECK(std::get<std::string>(row.back()).find("TEMP B-TREE") == std::string::npos);
}

TEST_CASE("evaluations are the same from a journal as from its trajectory, torn journals ignored") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const RunRef run = put_sample_run(store, 1);
  auto index = TrialIndex::open(store);
  index.rebuild();
  const std::string from_trajectory = index.dump();
  {
    auto writer = JournalWriter::create(store.folder(run).journal());
    write_sample_journal(writer);
  }
  index.rebuild();
  CHECK(index.dump() == from_trajectory);
  std::filesystem::resize_file(store.folder(run).journal(), 100);
  index.rebuild();
  CHECK(index.dump() == from_trajectory);
}

namespace {

/// A run with numbers of its own.
RunRef put_run(const Store& store, int cell, const std::function<void(TrialSummary&)>& change) {
  return put_sample_run(store, cell, [&](Trajectory& t) { change(t.summary); });
}

double real(const TableValue& value) { return std::get<double>(value); }

}  // namespace

TEST_CASE("an index of an older schema is made anew from the files") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  std::string now;
  {
    auto index = TrialIndex::open(store);
    index.rebuild();
    now = index.dump();
  }
  const std::string file = store.index_file().string();
  for (std::size_t version = 1; version < schema_scripts().size(); ++version) {
    std::filesystem::remove(store.index_file());
    for (std::size_t i = 0; i < version; ++i) run_sql(file, std::string(schema_scripts()[i]));
    run_sql(file, "PRAGMA application_id = 1447382095; PRAGMA user_version = " + std::to_string(version));
    CHECK(error_of([&] { (void)TrialIndex::open_read_only(store); }) ==
          "the index '" + file + "' has an older schema; run `velo index` to bring it forward");
    CHECK(TrialIndex::open(store).dump() == now);
  }
}

TEST_CASE("the time to the result is the median over studies of the fastest trial, and empty where it is not reached") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  int cell = 0;
  for (const int study : {0, 1, 2})
    for (const int trial : {0, 1})
      put_run(store, ++cell, [&](TrialSummary& s) {
        s.study = study;
        s.trial = trial;
        s.result.steps = 100 * (study + 1) + 50 * trial;
        s.result.reached = study < 2 || trial > 5;
      });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const std::string sql =
      "SELECT steps, steps_low, steps_high, studies, studies_hit, trials_hit, covers FROM time_to_result";
  const auto row = index.query(sql).rows.at(0);
  CHECK(real(row[0]) == 200);  // of 100, 200 and never
  CHECK(real(row[1]) == 100);
  CHECK(std::holds_alternative<std::monostate>(row[2]));
  CHECK(whole(row[3]) == 3);
  CHECK(whole(row[4]) == 2);
  CHECK(whole(row[5]) == 4);
  CHECK(real(row[6]) == 0.75);

  put_run(store, ++cell, [](TrialSummary& s) {
    s.study = 3;
    s.result.reached = false;
  });
  index.rebuild();
  CHECK(std::holds_alternative<std::monostate>(index.query(sql).rows.at(0)[0]));  // 200 and never
}

TEST_CASE("summaries follow the runs that speak for their cells") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  auto index = TrialIndex::open(store);
  const auto best = [&] { return real(index.query("SELECT best_validation FROM best_trials").rows.at(0)[0]); };
  index.ingest(put_run(store, 1, [](TrialSummary& s) { s.best_validation = 0.5; }));
  CHECK(best() == 0.5);
  index.ingest(put_run(store, 1, [](TrialSummary& s) { s.best_validation = 0.75; }));
  CHECK(best() == 0.75);
  index.ingest(put_run(store, 1, [](TrialSummary& s) {  // a failed one does not speak
    s.best_validation = 0.25;
    s.status = Status::failed;
    s.stop_reason = StopReason::error;
  }));
  CHECK(best() == 0.75);
  CHECK(index.query("SELECT * FROM failures").rows.empty());
  CHECK(index.query("SELECT run FROM current_trials").rows.size() == 1);
  const std::string grown = index.dump();
  index.rebuild();
  CHECK(index.dump() == grown);
}

TEST_CASE("failures are counted by reason, broken training among them") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  for (const int cell : {2, 3})
    put_run(store, cell, [](TrialSummary& s) {
      s.stop_reason = StopReason::nan;
      s.result = {false, StopReason::nan, 10, 1, 1, 1.0, 0, {}};
      s.best_validation = std::nan("");
    });
  put_run(store, 4, [](TrialSummary& s) {
    s.status = Status::failed;
    s.stop_reason = StopReason::error;
    s.message = "the disk is full";
  });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table table = index.query("SELECT reason, trials, trials_of_all, message FROM failures ORDER BY reason");
  REQUIRE(table.rows.size() == 2);
  CHECK(std::get<std::string>(table.rows[0][3]) == "the disk is full");
  CHECK(std::get<std::string>(table.rows[1][0]) == "nan");
  CHECK(whole(table.rows[1][1]) == 2);
  CHECK(whole(table.rows[1][2]) == 4);
}

TEST_CASE("sensitivity bins a hyperparameter, and a trial without a value counts as the worst") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (int cell = 1; cell <= 40; ++cell)
    put_run(store, cell, [cell](TrialSummary& s) {
      s.algorithm_changes = cat(R"({"lr":)", 0.001 * cell, R"(,"inner.lr":{"value":)", cell % 2, "}}");
      s.best_validation = 1.0 / cell;
      if (cell > 36) s.best_validation.reset();
    });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const Table lr =
      index.query("SELECT low, high, trials, best, median FROM sensitivity WHERE parameter = 'lr' ORDER BY bin");
  REQUIRE(lr.rows.size() == 10);
  CHECK(real(lr.rows[0][0]) == 0.001);
  CHECK(real(lr.rows[0][1]) == 0.004);
  CHECK(whole(lr.rows[0][2]) == 4);
  CHECK(real(lr.rows[0][3]) == 0.25);
  CHECK(real(lr.rows[0][4]) == (1.0 / 2 + 1.0 / 3) / 2);
  CHECK(std::holds_alternative<std::monostate>(lr.rows[9][4]));
  CHECK(index.query("SELECT bin FROM sensitivity WHERE parameter = 'inner.lr.value'").rows.size() == 2);
}

TEST_CASE("curves are quartiles over the trials of a step") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (int cell = 1; cell <= 5; ++cell)
    put_sample_run(store, cell, [cell](Trajectory& t) {
      for (Series& series : t.evaluations.series)
        if (series.info.name == "validation/loss") series.values[1] = cell;
    });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const auto row =
      index.query("SELECT trials, low, median, high FROM curves WHERE metric = 'validation/loss' AND step = 200")
          .rows.at(0);
  CHECK(whole(row[0]) == 5);
  CHECK(real(row[1]) == 2);
  CHECK(real(row[2]) == 3);
  CHECK(real(row[3]) == 4);
}

TEST_CASE("versions, divisions and targets of a workload stand apart in every summary") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  put_run(store, 2, [](TrialSummary& s) { s.workload_version = 2; });
  put_run(store, 3, [](TrialSummary& s) { s.division = "open"; });
  put_run(store, 4, [](TrialSummary& s) { s.validation_target = 0.2; });
  auto index = TrialIndex::open(store);
  index.rebuild();
  CHECK(index.query("SELECT * FROM time_to_result").rows.size() == 4);
}

TEST_CASE("a narrowed index shows the chosen runs in every table and view, and the file stays as it is") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (int cell = 1; cell <= 6; ++cell)
    put_run(store, cell, [cell](TrialSummary& s) {
      s.algorithm_parameters = cat(R"({"lr":)", 0.001 * cell, R"(,"nesterov":false})");
      s.best_validation = 1.0 / cell;
      s.study = cell;
    });
  auto index = TrialIndex::open(store);
  index.rebuild();
  const std::string before = index.dump();
  {
    auto view = TrialIndex::open_read_only(store);
    (void)view.narrow("lr < 3.5e-3 and study != 1");
    CHECK(view.trials().size() == 2);
    CHECK(real(view.query("SELECT best_validation FROM best_trials").rows.at(0)[0]) == 1.0 / 3);
    CHECK(whole(view.query("SELECT trials FROM cost").rows.at(0)[0]) == 2);
    CHECK(view.query("SELECT DISTINCT cell FROM evaluations").rows.size() == 2);
  }
  auto none = TrialIndex::open_read_only(store);
  (void)none.narrow("label = \"x' OR 1=1 --\"");
  CHECK(none.trials().empty());
  CHECK(index.dump() == before);
}
