#include "results/index.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/journal.hpp"
#include "results/schema.hpp"
#include "results/sqlite.hpp"
#include "results/summaries.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;
using namespace sqlite;
constexpr int application_id = 0x56454c4f;  // "VELO"

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
                                   "git_commit"sv,
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

/// Fields that a query asks for, and where its rows hold them.
class FieldColumns {
 public:
  /// `chosen` says of a field's name whether it is asked for; the columns before number `first` are the caller's.
  template <typename Chosen>
  explicit FieldColumns(const Chosen& chosen, int first = 0) {
    TrialSummary any;
    visit_fields(any, [&](const Field& field, const auto&) {
      const bool here = chosen(field.name);
      place_.push_back(here ? first++ : -1);
      if (here) list_ += (list_.empty() ? "" : ", ") + std::string(field.name);
    });
  }

  [[nodiscard]] const std::string& list() const { return list_; }
  void read(const Statement& row, TrialSummary& out) const {
    std::size_t field = 0;
    visit_fields(out, [&](const Field&, auto& member) {
      if (const int column = place_[field++]; column >= 0) read_field(row, column, member);
    });
  }

 private:
  std::string list_;
  std::vector<int> place_;  // by field; -1: not asked for
};

/// Columns of tables; `tables` is a list of SQL texts.
std::set<std::string, std::less<>> columns_of(sqlite3* database, const std::string& tables) {
  std::set<std::string, std::less<>> out;
  Statement names(database, cat("SELECT name FROM pragma_table_info WHERE arg IN (", tables, ")"));
  while (names.step()) out.insert(names.text(0));
  return out;
}

void append_bytes(std::string& out, const std::string& value) { (out += value) += '\0'; }
template <typename T>
requires std::is_arithmetic_v<T> || std::is_enum_v<T>
void append_bytes(std::string& out, T value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }
template <typename T>
void append_bytes(std::string& out, const std::optional<T>& value) {
  out += value ? '\1' : '\0';
  if (value) append_bytes(out, *value);
}
void append_bytes(std::string& out, const std::map<std::string, std::string>& value) {
  for (const auto& [key, text] : value) {
    append_bytes(out, key);
    append_bytes(out, text);
  }
  out += '\0';
}

/// What came of a run, in 64 bits: its cell, its results and its time.
std::int64_t digest_of(const TrialSummary& summary, std::string& bytes) {
  bytes.clear();
  visit_fields(summary, [&](const Field& field, const auto& member) {
    if (field.role == FieldRole::result || field.name == "cell" || field.name == "seconds_to_result")
      append_bytes(bytes, member);
  });
  return static_cast<std::int64_t>(std::stoull(sha256(bytes).substr(0, 16), nullptr, 16));
}

/// A stored table: which fields of a summary it holds, as bits in the order of visit_fields, and how it takes them.
class StoredFields {
 public:
  /// `keys` are its first columns, which are no fields.
  StoredFields(sqlite3* database, const std::string& table, const std::string& keys) {
    const auto columns = columns_of(database, cat("'", table, "'"));
    std::string names = keys;
    TrialSummary any;
    visit_fields(any, [&](const Field& field, const auto&) {
      // A table of keys may use the name of a field for something else.
      held_.push_back(columns.count(field.name) > 0 &&
                      cat(", ", keys, ",").find(cat(", ", field.name, ",")) == std::string::npos);
      if (held_.back()) names += cat(", ", field.name);
    });
    std::string marks = "?";
    for (const char c : names) marks += c == ',' ? ", ?" : "";
    insert_ = cat("INSERT INTO ", table, " (", names, ") VALUES (", marks, ")");
  }

  [[nodiscard]] const std::string& insert_sql() const { return insert_; }

  void bind(Statement& s, const TrialSummary& summary) const {
    std::size_t i = 0;
    visit_fields(summary, [&](const Field&, const auto& member) {
      if (held_[i++]) bind_field(s, member);
    });
  }
  void append(std::string& bytes, const TrialSummary& summary) const {
    std::size_t i = 0;
    visit_fields(summary, [&](const Field&, const auto& member) {
      if (held_[i++]) append_bytes(bytes, member);
    });
  }

 private:
  std::vector<bool> held_;
  std::string insert_;
};

/// A table of facts that many runs share: one row for each that occurs.
class SharedFacts {
 public:
  /// `keys`: "id, digest", and perhaps a parent.
  SharedFacts(sqlite3* database, const std::string& table, const std::string& keys)
      : database_(database),
        fields_(database, table, keys),
        find_(database, cat("SELECT id FROM ", table, " WHERE digest = ?")),
        put_(database, fields_.insert_sql()) {}

  /// The row that says this of the run, made where there is none yet. `parent` is negative where the table has none.
  std::int64_t id_of(const TrialSummary& summary, std::int64_t parent = -1) {
    key_.clear();
    append_bytes(key_, parent);
    fields_.append(key_, summary);
    const auto [known, added] = ids_.try_emplace(key_, 0);
    if (!added) return known->second;
    const std::string digest = sha256(key_).substr(0, 32);
    find_.bind(digest);
    if (find_.step()) known->second = find_.whole(0);
    find_.again();
    if (known->second != 0) return known->second;
    put_.bind_null();
    put_.bind(digest);
    if (parent >= 0) put_.bind(parent);
    fields_.bind(put_, summary);
    put_.run();
    return known->second = sqlite3_last_insert_rowid(database_);
  }

 private:
  sqlite3* database_;
  StoredFields fields_;
  Statement find_, put_;
  std::unordered_map<std::string, std::int64_t> ids_;
  std::string key_;
};

/// Empty tables that are filled anew, all at once, so that their pages become full: what finds a cell's runs, filled in
/// the order of hashes, would be a third empty, and the points an eighth. Tables of this connection's own stand in.
class Refill {
 public:
  /// Forgets all runs. The caller holds the transaction, which brings everything back where it ends early.
  explicit Refill(sqlite3* database) : database_(database), index_(made_by("runs_for_scores")) {
    for (const char* table : {"left_out", "runs", "points", "races", "entries", "machines", "metrics",
                              "entry_summaries", "failure_summaries", "setting_summaries", "curve_summaries"})
      execute(database, cat("DELETE FROM ", table));
    execute(database, "DROP INDEX runs_for_scores");
    execute(database, "PRAGMA temp.cache_size = -131072");  // KiB: a million cells stay in memory
    execute(database,
            "CREATE TEMP TABLE cells (cell TEXT, id INTEGER, run TEXT, entry INTEGER, PRIMARY KEY (cell, id)) "
            "WITHOUT ROWID");
    const std::string points = made_by("points");
    execute(database, cat("CREATE TEMP ", points.substr(points.find("TABLE"))));  // hides the file's
  }
  void finish() {
    execute(database_, "INSERT INTO main.points SELECT * FROM temp.points");
    execute(database_, "DROP TABLE temp.points");
    execute(database_, "DROP TABLE temp.cells");
    execute(database_, index_);
  }

 private:
  [[nodiscard]] std::string made_by(const std::string& name) const {
    Statement made(database_, cat("SELECT sql FROM main.sqlite_master WHERE name = '", name, "'"));
    made.step();
    return made.text(0);
  }

  sqlite3* database_;
  std::string index_;
};

/// Puts runs into the tables; the caller holds the transaction, and calls settle() before it ends.
class Ingester {
 public:
  /// `refilled`: into tables that are filled anew (Refill).
  Ingester(sqlite3* database, const Store& store, bool refilled = false)
      : database_(database),
        store_(store),
        races_(database, "races", "id, digest"),
        entries_(database, "entries", "id, digest, race"),
        machines_(database, "machines", "id, digest"),
        fields_(database, "runs", "id, entry, machine, speaks, digest"),
        put_run_(database, fields_.insert_sql()),
        of_cell_(database, cat("SELECT id, run, entry FROM ", refilled ? "temp.cells" : "runs", " WHERE cell = ?")),
        forget_run_(database, "DELETE FROM runs WHERE id = ?"),
        forget_points_(database, "DELETE FROM points WHERE run_id = ?"),
        put_back_(database, "DELETE FROM left_out WHERE cell = ? AND run = ?"),
        choose_(database, choice_sql(refilled ? "id IN (SELECT id FROM temp.cells WHERE cell = ?)" : "cell = ?")),
        find_metric_(database, "SELECT id FROM metrics WHERE name = ?"),
        put_metric_(database, "INSERT INTO metrics (name) VALUES (?)"),
        put_point_(database, "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)") {
    if (refilled) note_cell_.emplace(database, "INSERT OR REPLACE INTO temp.cells VALUES (?, ?, ?, ?)");
  }

  /// Throws Error, before writing anything, when a file of the run cannot be read.
  void put(const RunRef& run) {
    if (!fs::exists(store_.folder(run).status()))
      throw Error(cat("run ", run.text(), " has no status.json; it was killed before it began"));
    TrialSummary summary = store_.read_status(run);
    const bool finished = fs::exists(store_.folder(run).trajectory());
    const SeriesGroup evaluations = finished ? finished_evaluations(run) : SeriesGroup{};
    if (!summary.result.work) summary.result.work = work_until(summary, evaluations);
    put(summary, evaluations);
  }

  void put(const TrialSummary& summary, const SeriesGroup& evaluations) {
    const std::int64_t entry = entries_.id_of(summary, races_.id_of(summary));
    std::int64_t id = 0, others = 0;
    of_cell_.bind(summary.id.cell);
    while (of_cell_.step()) {
      changed_.insert(of_cell_.whole(2));
      if (of_cell_.view(1) == summary.id.run)
        id = of_cell_.whole(0);
      else
        ++others;
    }
    of_cell_.again();
    if (id != 0) {
      for (Statement* forget : {&forget_run_, &forget_points_}) {
        forget->bind(id);
        forget->run();
      }
    }
    id == 0 ? put_run_.bind_null() : put_run_.bind(id);
    put_run_.bind(entry);
    put_run_.bind(machines_.id_of(summary));
    put_run_.bind(true);
    put_run_.bind(digest_of(summary, bytes_));
    fields_.bind(put_run_, summary);
    put_run_.run();
    if (id == 0) id = sqlite3_last_insert_rowid(database_);
    if (note_cell_) {
      note_cell_->bind(summary.id.cell);
      note_cell_->bind(id);
      note_cell_->bind(summary.id.run);
      note_cell_->bind(entry);
      note_cell_->run();
    }
    if (others > 0) {
      choose_.bind(summary.id.cell);
      choose_.bind(summary.id.cell);
      choose_.run();
    }
    if (!note_cell_) {  // else nothing was left out before
      put_back_.bind(summary.id.cell);
      put_back_.bind(summary.id.run);
      put_back_.run();
    }
    changed_.insert(entry);
    if (evaluations.rows() > 0) put_points(id, evaluations);
  }

  /// Brings the summaries of what has changed up to date.
  void settle() {
    refresh_summaries(database_, "main", {changed_.begin(), changed_.end()});
    changed_.clear();
  }

 private:
  /// Lets the last done run of a cell speak for it, else the last one. `of_cell` takes the cell.
  static std::string choice_sql(std::string_view of_cell) {
    return cat("UPDATE runs SET speaks = (id = (SELECT id FROM runs WHERE ", of_cell,
               " ORDER BY status = 'done' DESC, length(run) DESC, run DESC LIMIT 1)) WHERE ", of_cell);
  }

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

  std::int64_t metric_id(const std::string& metric) {
    const auto [known, added] = metrics_.try_emplace(metric, 0);
    if (!added) return known->second;
    find_metric_.bind(metric);
    if (find_metric_.step()) known->second = find_metric_.whole(0);
    find_metric_.again();
    if (known->second != 0) return known->second;
    put_metric_.bind(metric);
    put_metric_.run();
    return known->second = sqlite3_last_insert_rowid(database_);
  }

  void put_points(std::int64_t id, const SeriesGroup& group) {
    const auto step = group.at("step"), gradients = group.at("example_gradients"), work = group.at("work"),
               seconds = group.at("seconds");
    for (const auto& series : group.series) {
      const std::string& metric = series.info.name;
      if (!metric.starts_with("validation/") && !metric.starts_with("test/")) continue;
      const std::int64_t of_metric = metric_id(metric);
      for (std::size_t row = 0; row < group.rows(); ++row) {
        if (std::isnan(series.values[row])) continue;
        put_point_.bind(id);
        put_point_.bind(of_metric);
        put_point_.bind(static_cast<std::int64_t>(step[row]));
        put_point_.bind(static_cast<std::int64_t>(gradients[row]));
        put_point_.bind(seconds[row]);
        put_point_.bind(series.values[row]);
        if (work[row] == gradients[row])
          put_point_.bind_null();
        else
          put_point_.bind(work[row]);
        put_point_.run();
      }
    }
  }

  sqlite3* database_;
  const Store& store_;
  SharedFacts races_, entries_, machines_;
  StoredFields fields_;
  Statement put_run_, of_cell_, forget_run_, forget_points_, put_back_, choose_, find_metric_, put_metric_, put_point_;
  std::optional<Statement> note_cell_;
  std::map<std::string, std::int64_t> metrics_;
  std::set<std::int64_t> changed_;
  std::string bytes_;
};

IndexReport ingest_all(sqlite3* database, const Store& store, const std::vector<RunRef>& runs, bool refilled = false) {
  Ingester ingester(database, store, refilled);
  Statement leave_out(database, "INSERT OR REPLACE INTO left_out VALUES (?, ?, ?)");
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
      for (const std::string& text : {run.cell, run.run, report.problems.back()}) leave_out.bind_copy(text);
      leave_out.run();
    }
  }
  ingester.settle();
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
  // An older index is made anew from the files: it holds nothing that they do not.
  if (index.apply_schema()) (void)index.rebuild();
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

bool TrialIndex::apply_schema() {
  sqlite3* database = database_.get();
  const std::string file = file_of(database);
  const auto& scripts = schema_scripts();
  if (checked_schema(database, file) == static_cast<std::int64_t>(scripts.size())) return false;
  Transaction transaction(database);
  const std::int64_t version = checked_schema(database, file);  // another process may have been faster
  for (auto i = static_cast<std::size_t>(version); i < scripts.size(); ++i) execute(database, std::string(scripts[i]));
  execute(database, cat("PRAGMA application_id = ", application_id));
  execute(database, cat("PRAGMA user_version = ", scripts.size()));
  transaction.commit();
  return version > 0;
}

IndexReport TrialIndex::rebuild() {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  Refill refill(database);
  IndexReport report = ingest_all(database, store_, store_.scan(), true);
  refill.finish();
  put_sweeps(database, store_);
  transaction.commit();
  return report;
}

IndexReport TrialIndex::rebuild(const std::function<bool(TrialRecord&)>& next) {
  sqlite3* database = database_.get();
  Transaction transaction(database);
  Refill refill(database);
  IndexReport report;
  {
    Ingester ingester(database, store_, true);
    for (TrialRecord record; next(record); ++report.runs) ingester.put(record.summary, record.evaluations);
    ingester.settle();
  }
  refill.finish();
  put_sweeps(database, store_);
  transaction.commit();
  return report;
}

void TrialIndex::ingest(const RunRef& run) {
  Transaction transaction(database_.get());
  Ingester ingester(database_.get(), store_);
  ingester.put(run);
  ingester.settle();
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

namespace {

/// Tables and views of a dump, and what orders them.
constexpr std::array<std::pair<const char*, const char*>, 9> dumped{
    {{"trials", "cell, run"},
     {"evaluations", "cell, run, metric, step"},
     {"sweeps", "sweep, cell, label"},
     {"best_trials", "cell, run"},
     {"time_to_result",
      "workload, workload_changes, label, algorithm, workload_version, division, validation_target, steps, trials"},
     {"curves", "workload, workload_changes, label, algorithm, metric, step, median, trials"},
     {"sensitivity", "workload, workload_changes, label, algorithm, parameter, bin, median, trials"},
     {"failures", "cell, run"},
     {"cost", "workload, workload_changes, label, algorithm, wall_seconds, clock_seconds, trials"}}};

}  // namespace

std::string TrialIndex::dump() const {
  std::string out;
  for (const auto& [table, keys] : dumped) {
    Statement rows(database_.get(), cat("SELECT * FROM ", table, " ORDER BY ", keys));
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

constexpr const char* only_reads =
    "a query only reads; the index is made from the files of the runs and `velo index` rebuilds it";

/// Whether SQL that SQLite refused was meant to write: to views, say, which it refuses for a reason of its own.
bool would_write(std::string_view sql) {
  const auto first = sql.find_first_not_of(" \t\r\n;(");
  std::string word(first == std::string_view::npos ? ""
                                                   : sql.substr(first, sql.find_first_of(" \t\r\n", first) - first));
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::toupper(c); });
  constexpr std::array writing{"INSERT"sv, "UPDATE"sv, "DELETE"sv, "DROP"sv, "ALTER"sv, "CREATE"sv, "REPLACE"sv};
  return std::find(writing.begin(), writing.end(), word) != writing.end();
}

}  // namespace

Table TrialIndex::query(const std::string& sql) const {
  sqlite3* database = database_.get();
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &raw, &rest) != SQLITE_OK) {
    const int code = sqlite3_errcode(database) & 0xff;
    if (code != SQLITE_ERROR) fail(database, file_of(database), "read");
    if (would_write(sql)) throw Error(only_reads);
    throw Error(cat("SQL: ", sqlite3_errmsg(database)));
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(raw, sqlite3_finalize);
  if (raw == nullptr) throw Error("the query is empty; give one SQL statement, such as \"SELECT * FROM trials\"");
  if (std::string_view(rest).find_first_not_of(" \t\r\n;") != std::string_view::npos)
    throw Error("a query is one SQL statement; there is text behind its semicolon");
  if (sqlite3_stmt_readonly(raw) == 0) throw Error(only_reads);

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

Filter TrialIndex::narrow(std::string_view condition) {
  sqlite3* database = database_.get();
  std::set<Hyperparameter> hyperparameters;
  {
    Statement rows(
        database,
        "SELECT DISTINCT algorithm_parameters FROM runs WHERE id IN (SELECT min(id) FROM runs GROUP BY entry "
        "UNION ALL SELECT max(id) FROM runs GROUP BY entry)");
    while (rows.step()) collect_hyperparameters(rows.text(0), hyperparameters);
  }
  Filter filter = parse_filter(condition, hyperparameters);
  std::vector<std::pair<std::string, std::string>> views;
  {
    Statement rows(database,
                   "SELECT type, sql FROM main.sqlite_master WHERE sql IS NOT NULL AND (type = 'view' OR name IN "
                   "('runs', 'runs_by_entry', 'entry_summaries', 'failure_summaries', 'setting_summaries', "
                   "'curve_summaries')) ORDER BY type = 'view', type = 'index', rowid");
    while (rows.step()) views.emplace_back(rows.text(0), rows.text(1));
  }
  // Tables and views of the same names in the database of this connection's own hide those of the file.
  for (const auto& [type, sql] : views) {
    const auto name_at = sql.find(type == "table" ? "TABLE " : type == "view" ? "VIEW " : "INDEX ");
    execute(
        database,
        type == "index" ? cat("CREATE INDEX temp.", sql.substr(name_at + 6)) : cat("CREATE TEMP ", sql.substr(name_at)),
        "read");
  }
  Statement choose(database, cat("INSERT INTO temp.runs SELECT * FROM main.runs WHERE (cell, run) IN (SELECT cell, run "
                                 "FROM main.trials WHERE ",
                                 filter.sql, ")"));
  for (const TableValue& value : filter.values) choose.bind(value);
  choose.run();
  std::vector<std::int64_t> entries;
  {
    Statement rows(database, "SELECT DISTINCT entry FROM temp.runs");
    while (rows.step()) entries.push_back(rows.whole(0));
  }
  refresh_summaries(database, "temp", entries);
  return filter;
}

namespace {

/// All runs with TrialDetail::results, by cell and run. What runs share is read once: joined to every run it would take
/// half of the time.
void each_result(sqlite3* database, const std::function<void(TrialSummary&)>& visit) {
  const auto from = [&](const std::string& tables, int first) {
    const auto there = columns_of(database, tables);
    return FieldColumns(
        [&](std::string_view field) { return wanted(field, TrialDetail::results) && there.count(field) > 0; }, first);
  };
  const FieldColumns of_run = from("'runs'", 2), of_entry = from("'entries', 'races'", 0),
                     of_machine = from("'machines'", 0);
  Statement read_entry(database, cat("SELECT ", of_entry.list(),
                                     " FROM entries JOIN races ON races.id = entries.race WHERE entries.id = ?"));
  Statement read_machine(database, cat("SELECT ", of_machine.list(), " FROM machines WHERE id = ?"));
  const auto known = [](auto& read, Statement& row, const FieldColumns& columns, std::int64_t id) -> TrialSummary& {
    const auto [found, added] = read.try_emplace(id);
    if (added) {
      row.bind(id);
      if (row.step()) columns.read(row, found->second);
      row.again();
    }
    return found->second;
  };
  std::unordered_map<std::int64_t, TrialSummary> entries, machines;
  Statement rows(database, cat("SELECT entry, machine, ", of_run.list(), " FROM runs ORDER BY cell, run"));
  TrialSummary summary;  // used again: its texts keep their memory
  while (rows.step()) {
    summary = known(entries, read_entry, of_entry, rows.whole(0));
    summary.fingerprint = known(machines, read_machine, of_machine, rows.whole(1)).fingerprint;
    of_run.read(rows, summary);
    visit(summary);
  }
}

}  // namespace

void TrialIndex::each_trial(const std::string& where, TrialDetail detail,
                            const std::function<void(TrialSummary&)>& visit) const {
  if (where.empty() && detail == TrialDetail::results) {
    each_result(database_.get(), visit);
    return;
  }
  std::map<std::string, std::vector<std::string>> sweeps;
  if (detail == TrialDetail::everything) {
    Statement rows(database_.get(), "SELECT DISTINCT cell, sweep FROM sweeps ORDER BY cell, sweep");
    while (rows.step()) sweeps[rows.text(0)].push_back(rows.text(1));
  }
  const FieldColumns columns([&](std::string_view field) { return wanted(field, detail); });
  std::string sql = cat("SELECT ", columns.list(), " FROM trials");
  if (!where.empty()) sql += cat(" WHERE (", where, ")");
  TrialSummary summary;  // used again: its texts keep their memory
  Statement rows(database_.get(), sql + " ORDER BY cell, run");
  while (rows.step()) {
    columns.read(rows, summary);
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
