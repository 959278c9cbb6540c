// results/sqlite.hpp
//
// SQLite as the index uses it: statements, transactions, and what its result codes mean to a user. Internal to this room.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "results/error.hpp"
#include "results/table.hpp"
#include "results/text.hpp"

namespace velo::sqlite {

inline constexpr int lock_patience_ms = 5000;

/// What SQLite's result code means to a user.
[[noreturn]] inline void fail(sqlite3* database, const std::string& file, std::string_view doing) {
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

inline std::string file_of(sqlite3* database) {
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
  void bind(const TableValue& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      bind(*whole);
    else if (const auto* real = std::get_if<double>(&value))
      bind(*real);
    else if (const auto* text = std::get_if<std::string>(&value))
      bind_copy(*text);
    else
      bind_null();
  }
  /// Ready for the next values; a statement that gave rows.
  void again() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }

  [[nodiscard]] std::int64_t whole(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

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

inline void execute(sqlite3* database, const std::string& sql, std::string_view doing = "write") {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(database, file_of(database), doing);
}

inline std::int64_t number_of(sqlite3* database, const std::string& sql) {
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

}  // namespace velo::sqlite
