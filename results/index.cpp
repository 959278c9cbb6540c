#include "results/index.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/journal.hpp"
#include "results/schema.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;
constexpr int application_id = 0x56454c4f;  // "VELO"
constexpr int lock_patience_ms = 5000;

/// What SQLite's result code means to a user.
[[noreturn]] void fail(sqlite3* database, const std::string& file, std::string_view doing) {
  const std::string index = cat("the index '", file, "'");
  switch (sqlite3_errcode(database) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(cat("cannot ", doing, " ", index, ": another process has had it locked for over ",
                      lock_patience_ms / 1000, " s; wait for that process or end it"));
    case SQLITE_NOTADB:
      throw Error(cat("'", file, "' is not an SQLite database; move it away and run `velo index`"));
    case SQLITE_CORRUPT:
      throw Error(cat("'", file, "' is damaged; delete it and run `velo index`, which makes it anew from the files"));
    case SQLITE_FULL:
    case SQLITE_IOERR:
      throw Error(
          cat("cannot ", doing, " ", index, ": the disk is full or failing; free some space and run `velo index`"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      throw Error(cat("cannot ", doing, " ", index,
                      ": the file or its folder may not be written; use a store you may write to"));
    default:
      break;
  }
  throw Error(cat("cannot ", doing, " ", index, ": ", sqlite3_errmsg(database)));
}

std::string file_of(sqlite3* database) {
  const char* file = sqlite3_db_filename(database, "main");
  return file == nullptr ? "index.sqlite" : file;
}

/// A prepared statement: bind from the left, step, read columns.
class Statement {
 public:
  Statement(sqlite3* database, const std::string& sql) : database_(database) {
    if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
      fail(database, file_of(database), "use");
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  // The caller keeps text alive until the statement has run.
  void bind(const std::string& value) {
    sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  }
  void bind(std::int64_t value) { sqlite3_bind_int64(statement_, ++bound_, value); }
  void bind(bool value) { sqlite3_bind_int(statement_, ++bound_, value ? 1 : 0); }
  /// SQLite has no NaN: it becomes empty. Infinities stay.
  void bind(double value) { sqlite3_bind_double(statement_, ++bound_, value); }
  void bind_copy(const std::string& value) {
    sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  }
  void bind_null() { sqlite3_bind_null(statement_, ++bound_); }

  /// True while there is a row.
  bool step(std::string_view doing = "read") {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail(database_, file_of(database_), doing);
    return result == SQLITE_ROW;
  }
  /// Runs a statement that gives no rows, and makes it ready for the next values.
  void run() {
    step("write");
    sqlite3_reset(statement_);
    bound_ = 0;
  }

  [[nodiscard]] sqlite3_stmt* get() const { return statement_; }
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }
  /// Until the next step.
  [[nodiscard]] std::string_view view(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

void execute(sqlite3* database, const std::string& sql, std::string_view doing = "write") {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(database, file_of(database), doing);
}

std::int64_t number_of(sqlite3* database, const std::string& sql) {
  Statement statement(database, sql);
  return statement.step() ? sqlite3_column_int64(statement.get(), 0) : 0;
}

/// Undone unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* database) : database_(database) { execute(database, "BEGIN IMMEDIATE"); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (!committed_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void commit() {
    execute(database_, "COMMIT");
    committed_ = true;
  }

 private:
  sqlite3* database_;
  bool committed_ = false;
};

// ---- a summary as a row ----

void bind_field(Statement& s, const std::string& value) { s.bind(value); }
void bind_field(Statement& s, std::int64_t value) { s.bind(value); }
void bind_field(Statement& s, std::uint64_t value) { s.bind_copy(std::to_string(value)); }
void bind_field(Statement& s, bool value) { s.bind(value); }
void bind_field(Statement& s, double value) { s.bind(value); }
void bind_field(Statement& s, const std::map<std::string, std::string>& value) {
  s.bind_copy(nlohmann::json(value).dump());
}
template <typename T>
requires std::is_enum_v<T>
void bind_field(Statement& s, T value) { s.bind_copy(std::string(name(value))); }
template <typename T>
void bind_field(Statement& s, const std::optional<T>& value) {
  value ? bind_field(s, *value) : s.bind_null();
}

void read_field(const Statement& s, int i, std::string& out) { out.assign(s.view(i)); }
void read_field(const Statement& s, int i, std::int64_t& out) { out = sqlite3_column_int64(s.get(), i); }
void read_field(const Statement& s, int i, std::uint64_t& out) { out = std::stoull(s.text(i)); }
void read_field(const Statement& s, int i, bool& out) { out = sqlite3_column_int(s.get(), i) != 0; }
void read_field(const Statement& s, int i, double& out) { out = sqlite3_column_double(s.get(), i); }
void read_field(const Statement& s, int i, std::map<std::string, std::string>& out) {
  nlohmann::json::parse(s.text(i)).get_to(out);
}
template <typename T>
requires std::is_enum_v<T>
void read_field(const Statement& s, int i, T& out) { parse_word(s.view(i), out); }
template <typename T>
void read_field(const Statement& s, int i, std::optional<T>& out) {
  out.reset();
  if (sqlite3_column_type(s.get(), i) != SQLITE_NULL) read_field(s, i, out.emplace());
}

constexpr std::array result_fields{"cell"sv,
                                   "run"sv,
                                   "label"sv,
                                   "workload"sv,
                                   "workload_changes"sv,
                                   "workload_version"sv,
                                   "algorithm"sv,
                                   "study"sv,
                                   "trial"sv,
                                   "division"sv,
                                   "metric"sv,
                                   "direction"sv,
                                   "validation_target"sv,
                                   "status"sv,
                                   "stop_reason"sv,
                                   "target_reached"sv,
                                   "steps_to_result"sv,
                                   "example_gradients_to_result"sv,
                                   "seconds_to_result"sv,
                                   "best_validation"sv,
                                   "timeable"sv,
                                   "resumed"sv,
                                   "hardware_class"sv,
                                   "workload_role"sv,
                                   "base_workload"sv,
                                   "evaluations_to_result"sv,
                                   "work_to_result"sv};

bool wanted(std::string_view field, TrialDetail detail) {
  return detail == TrialDetail::everything ||
         std::find(result_fields.begin(), result_fields.end(), field) != result_fields.end();
}

std::string column_list(TrialDetail detail = TrialDetail::everything) {
  std::string columns;
  TrialSummary any;
  visit_fields(any, [&](const Field& field, const auto&) {
    if (!wanted(field.name, detail)) return;
    columns += (columns.empty() ? "" : ", ") + std::string(field.name);
  });
  return columns;
}

std::string insert_trial_sql() {
  TrialSummary any;
  std::string marks;
  visit_fields(any, [&](const Field&, const auto&) { marks += marks.empty() ? "?" : ", ?"; });
  return "INSERT OR REPLACE INTO trials (" + column_list() + ") VALUES (" + marks + ")";
}

/// Puts runs into the tables; the caller holds the transaction.
class Ingester {
 public:
  Ingester(sqlite3* database, const Store& store)
      : store_(store),
        put_trial_(database, insert_trial_sql()),
        clear_evaluations_(database, "DELETE FROM evaluations WHERE cell = ? AND run = ?"),
        put_evaluation_(database, "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)") {}

  /// Throws Error, before writing anything, when a file of the run cannot be read.
  void put(const RunRef& run) {
    if (!fs::exists(store_.folder(run).status()))
      throw Error(cat("run ", run.text(), " has no status.json; it was killed before it began"));
    TrialSummary summary = store_.read_status(run);
    const bool finished = fs::exists(store_.folder(run).trajectory());
    const SeriesGroup evaluations = finished ? finished_evaluations(run) : SeriesGroup{};
    if (!summary.result.work) summary.result.work = work_until(summary, evaluations);
    visit_fields(summary, [&](const Field&, const auto& member) { bind_field(put_trial_, member); });
    put_trial_.run();
    clear_evaluations_.bind(run.cell);
    clear_evaluations_.bind(run.run);
    clear_evaluations_.run();
    if (evaluations.rows() > 0) put_evaluations(run, evaluations);
  }

 private:
  /// Of a record that is older than the charge: what its evaluations tell.
  static double work_until(const TrialSummary& summary, const SeriesGroup& evaluations) {
    if (evaluations.rows() > 0) {
      const auto step = evaluations.at("step"), work = evaluations.at("work");
      for (std::size_t row = 0; row < evaluations.rows(); ++row)
        if (step[row] == static_cast<double>(summary.result.steps)) return work[row];
    }
    return summary.work_to_result();
  }

  /// From the journal where the run still has it whole: the trajectory was made from it, and HDF5 takes twenty times as
  /// long to open.
  SeriesGroup finished_evaluations(const RunRef& run) {
    const RunFolder folder = store_.folder(run);
    if (fs::exists(folder.journal())) {
      const JournalContent journal = read_journal(folder.journal());
      if (!journal.torn()) return make_trajectory(journal, {}, "").evaluations;
    }
    return read_evaluations(folder.trajectory());
  }

  void put_evaluations(const RunRef& run, const SeriesGroup& group) {
    const auto step = group.at("step"), gradients = group.at("example_gradients"), work = group.at("work"),
               seconds = group.at("seconds");
    for (const auto& series : group.series) {
      const std::string& metric = series.info.name;
      if (!metric.starts_with("validation/") && !metric.starts_with("test/")) continue;
      for (std::size_t row = 0; row < group.rows(); ++row) {
        if (std::isnan(series.values[row])) continue;
        put_evaluation_.bind(run.cell);
        put_evaluation_.bind(run.run);
        put_evaluation_.bind(metric);
        put_evaluation_.bind(static_cast<std::int64_t>(step[row]));
        put_evaluation_.bind(static_cast<std::int64_t>(gradients[row]));
        put_evaluation_.bind(seconds[row]);
        put_evaluation_.bind(series.values[row]);
        put_evaluation_.bind(work[row]);
        put_evaluation_.run();
      }
    }
  }

  const Store& store_;
  Statement put_trial_;
  Statement clear_evaluations_;
  Statement put_evaluation_;
};

IndexReport ingest_all(sqlite3* database, const Store& store, const std::vector<RunRef>& runs) {
  Ingester ingester(database, store);
  IndexReport report;
  for (const auto& run : runs) {
    if (!fs::exists(store.folder(run).status())) continue;  // planned, not begun: nothing is known of it yet
    try {
      ingester.put(run);
      ++report.runs;
    } catch (const Error& problem) {
      // A damaged run must not hide the others; a damaged index ends the work.
      if (sqlite3_errcode(database) != SQLITE_OK && sqlite3_errcode(database) != SQLITE_DONE &&
          sqlite3_errcode(database) != SQLITE_ROW)
        throw;
      report.problems.emplace_back(problem.what());
    }
  }
  return report;
}

void put_sweeps(sqlite3* database, const Store& store) {
  execute(database, "DELETE FROM sweeps");
  Statement put(database, "INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)");
  for (const auto& sweep : store.sweeps()) {
    for (const auto& [cell, label] : store.read_sweep(sweep).cells) {
      put.bind(sweep);
      put.bind(cell);
      put.bind(label);
      put.run();
    }
  }
}

/// Throws unless the database is empty or ours, and not newer.
std::int64_t checked_schema(sqlite3* database, const std::string& file) {
  const std::int64_t owner = number_of(database, "PRAGMA application_id");
  const std::int64_t version = number_of(database, "PRAGMA user_version");
  if (owner != application_id) {
    if (owner == 0 && version == 0 && number_of(database, "SELECT count(*) FROM sqlite_master") == 0) return 0;
    throw Error(cat("'", file, "' is an SQLite database but not an index of velo; move it away and run `velo index`"));
  }
  if (const auto known = static_cast<std::int64_t>(schema_scripts().size()); version > known)
    throw Error(cat("the index '", file, "' has schema ", version, ", newer than the ", known,
                    " this velo knows; use the newer velo, or delete the file and run `velo index`"));
  return version;
}

sqlite3* open_database(const std::string& file, int flags, std::string_view doing) {
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(file.c_str(), &database, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (result == SQLITE_OK) {
    sqlite3_busy_timeout(database, lock_patience_ms);
    return database;
  }
  try {
    fail(database, file, doing);
  } catch (...) {
    sqlite3_close(database);
    throw;
  }
}

}  // namespace

void TrialIndex::Closer::operator()(sqlite3* database) const { sqlite3_close(database); }

TrialIndex::TrialIndex(const Store& store, sqlite3* database) : store_(store), database_(database) {}
TrialIndex::TrialIndex(TrialIndex&&) noexcept = default;
TrialIndex& TrialIndex::operator=(TrialIndex&&) noexcept = default;
TrialIndex::~TrialIndex() = default;

TrialIndex TrialIndex::open(const Store& store) {
  const std::string file = store.index_file().string();
  TrialIndex index(store, open_database(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "write"));
  if (sqlite3_db_readonly(index.database_.get(), "main") == 1)
    throw Error(cat("cannot write the index '", file,
                    "': the file or its folder may not be written; use a store you may write to"));
  index.apply_schema();
  return index;
}

TrialIndex TrialIndex::open_read_only(const Store& store) {
  const std::string file = store.index_file().string();
  if (!fs::exists(file)) throw Error(cat("there is no index '", file, "'; `velo index` makes it"));
  TrialIndex index(store, open_database(file, SQLITE_OPEN_READONLY, "read"));
  if (checked_schema(index.database_.get(), file) < static_cast<std::int64_t>(schema_scripts().size()))
    throw Error(cat("the index '", file, "' has an older schema; run `velo index` to bring it forward"));
  return index;
}

void TrialIndex::apply_schema() {
  sqlite3* database = database_.get();
  const std::string file = file_of(database);
  const auto& scripts = schema_scripts();
  if (checked_schema(database, file) == static_cast<std::int64_t>(scripts.size())) return;
  Transaction transaction(database);
  const std::int64_t version = checked_schema(database, file);  // another process may have been faster
  for (auto i = static_cast<std::size_t>(version); i < scripts.size(); ++i) execute(database, std::string(scripts[i]));
  execute(database, cat("PRAGMA application_id = ", application_id));
  execute(database, cat("PRAGMA user_version = ", scripts.size()));
  transaction.commit();
}

IndexReport TrialIndex::rebuild() {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  execute(database, "DELETE FROM trials");
  execute(database, "DELETE FROM evaluations");
  IndexReport report = ingest_all(database, store_, store_.scan());
  put_sweeps(database, store_);
  transaction.commit();
  return report;
}

void TrialIndex::ingest(const RunRef& run) {
  Transaction transaction(database_.get());
  Ingester(database_.get(), store_).put(run);
  transaction.commit();
}

IndexReport TrialIndex::ingest(const std::vector<RunRef>& runs) {
  Transaction transaction(database_.get());
  IndexReport report = ingest_all(database_.get(), store_, runs);
  transaction.commit();
  return report;
}

void TrialIndex::refresh_sweeps() {
  Transaction transaction(database_.get());
  put_sweeps(database_.get(), store_);
  transaction.commit();
}

std::string TrialIndex::dump() const {
  std::string out;
  for (const std::string table : {"trials", "evaluations", "sweeps"}) {
    const std::string order = table == "trials"        ? "cell, run"
                              : table == "evaluations" ? "cell, run, metric, step"
                                                       : "sweep, cell, label";
    Statement rows(database_.get(), cat("SELECT * FROM ", table, " ORDER BY ", order));
    const int columns = sqlite3_column_count(rows.get());
    out += table;
    for (int i = 0; i < columns; ++i) out += cat("\t", sqlite3_column_name(rows.get(), i));
    out += '\n';
    while (rows.step()) {
      for (int i = 0; i < columns; ++i) {
        if (i > 0) out += '\t';
        switch (sqlite3_column_type(rows.get(), i)) {
          case SQLITE_NULL:
            out += "NULL";
            break;
          case SQLITE_INTEGER:
            out += number_text(static_cast<std::int64_t>(sqlite3_column_int64(rows.get(), i)));
            break;
          case SQLITE_FLOAT:
            out += number_text(sqlite3_column_double(rows.get(), i));
            break;
          default:
            out += nlohmann::json(rows.text(i)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        }
      }
      out += '\n';
    }
  }
  return out;
}

namespace {

TableValue value_at(const Statement& rows, int column) {
  switch (sqlite3_column_type(rows.get(), column)) {
    case SQLITE_NULL:
      return std::monostate{};
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(rows.get(), column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(rows.get(), column);
    default:
      return rows.text(column);
  }
}

/// The widest type that occurs in a column; its whole numbers become real where it is real.
void settle_column(Table& table, std::size_t column) {
  bool any = false, real = false, text = false;
  for (const auto& row : table.rows) {
    any = any || !std::holds_alternative<std::monostate>(row[column]);
    real = real || std::holds_alternative<double>(row[column]);
    text = text || std::holds_alternative<std::string>(row[column]);
  }
  table.columns[column].type = text || !any ? ColumnType::text : real ? ColumnType::real : ColumnType::integer;
  if (table.columns[column].type != ColumnType::real) return;
  for (auto& row : table.rows)
    if (const auto* whole = std::get_if<std::int64_t>(&row[column])) row[column] = static_cast<double>(*whole);
}

}  // namespace

Table TrialIndex::query(const std::string& sql) const {
  sqlite3* database = database_.get();
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &raw, &rest) != SQLITE_OK) {
    const int code = sqlite3_errcode(database) & 0xff;
    if (code != SQLITE_ERROR) fail(database, file_of(database), "read");
    throw Error(cat("SQL: ", sqlite3_errmsg(database)));
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(raw, sqlite3_finalize);
  if (raw == nullptr) throw Error("the query is empty; give one SQL statement, such as \"SELECT * FROM trials\"");
  if (std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos)
    throw Error("a query is one SQL statement; there is text behind its semicolon");
  if (sqlite3_stmt_readonly(raw) == 0)
    throw Error("a query only reads; the index is made from the files of the runs and `velo index` rebuilds it");

  Statement rows(database, sql);
  Table table;
  const int columns = sqlite3_column_count(rows.get());
  for (int i = 0; i < columns; ++i) table.columns.push_back({sqlite3_column_name(rows.get(), i), ColumnType::text});
  while (rows.step()) {
    auto& row = table.rows.emplace_back();
    for (int i = 0; i < columns; ++i) row.push_back(value_at(rows, i));
  }
  for (std::size_t i = 0; i < table.columns.size(); ++i) settle_column(table, i);
  return table;
}

void TrialIndex::each_trial(const std::string& where, TrialDetail detail,
                            const std::function<void(TrialSummary&)>& visit) const {
  std::map<std::string, std::vector<std::string>> sweeps;
  if (detail == TrialDetail::everything) {
    Statement rows(database_.get(), "SELECT DISTINCT cell, sweep FROM sweeps ORDER BY cell, sweep");
    while (rows.step()) sweeps[rows.text(0)].push_back(rows.text(1));
  }
  std::string sql = cat("SELECT ", column_list(detail), " FROM trials");
  if (!where.empty()) sql += cat(" WHERE (", where, ")");
  TrialSummary summary;        // used again: its texts keep their memory
  std::vector<int> column_of;  // by field; -1: not read
  int columns = 0;
  visit_fields(summary, [&](const Field& field, const auto&) {
    column_of.push_back(wanted(field.name, detail) ? columns++ : -1);
  });
  Statement rows(database_.get(), sql + " ORDER BY cell, run");
  while (rows.step()) {
    std::size_t field = 0;
    visit_fields(summary, [&](const Field&, auto& member) {
      if (const int column = column_of[field++]; column >= 0) read_field(rows, column, member);
    });
    const auto found = sweeps.find(summary.id.cell);
    summary.sweeps = found == sweeps.end() ? std::vector<std::string>{} : found->second;
    visit(summary);
  }
}

std::vector<TrialSummary> TrialIndex::trials(const std::string& where, TrialDetail detail) const {
  std::vector<TrialSummary> all;
  each_trial(where, detail, [&](TrialSummary& summary) { all.push_back(summary); });
  return all;
}

}  // namespace velo
