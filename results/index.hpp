// results/index.hpp
//
// The index of a store: `index.sqlite` at its root, made from the files and never the other way round, so it may be
// deleted at any time. Table `trials` has one row per run; results/layout.md describes every column. Only a coordinator
// writes it: SQLite breaks on network file systems, so workers never open it.
//
// The class is TrialIndex because Index is the integer type of the device layer.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "results/filter.hpp"
#include "results/record.hpp"
#include "results/store.hpp"
#include "results/table.hpp"
#include "results/trajectory.hpp"

struct sqlite3;

namespace velo {

/// What a rebuild found.
struct IndexReport {
  std::size_t runs = 0;
  std::vector<std::string> problems;  ///< one sentence for each run that could not be read
};

/// One run as the index takes it.
struct TrialRecord {
  TrialSummary summary;
  SeriesGroup evaluations;  ///< empty: none, or not finished
};

/// How much of each row is read.
enum class TrialDetail {
  everything,
  results,  ///< what a score needs: names, target, status, times to the result, hardware class, commit; else defaults
};

class TrialIndex {
 public:
  /// Opens the index of a store for writing: makes it where it is missing; one of an older schema is made anew.
  /// Throws Error for a foreign database, a newer schema, a read-only folder, a full disk, a lock held for over 5 s.
  static TrialIndex open(const Store& store);
  /// Opens for reading only. Throws Error, saying how to make one, when there is none.
  static TrialIndex open_read_only(const Store& store);

  TrialIndex(TrialIndex&&) noexcept;
  TrialIndex& operator=(TrialIndex&&) noexcept;
  ~TrialIndex();

  /// Forgets everything and reads all files again, in one transaction. Identical stores give identical dumps.
  IndexReport rebuild();
  /// The same from records that someone hands over instead of files, one a call, until `next` returns false.
  IndexReport rebuild(const std::function<bool(TrialRecord&)>& next);
  /// Adds or replaces the row of one run, and its evaluations when it has a trajectory.
  void ingest(const RunRef& run);
  /// Many at once, in one transaction. Runs that have not begun are passed over.
  IndexReport ingest(const std::vector<RunRef>& runs);
  /// Reads the sweep manifests again, one transaction.
  void refresh_sweeps();

  /// Every row as text, ordered by key, one line a row: for comparing indices.
  [[nodiscard]] std::string dump() const;

  /// From now on this object shows only the runs that meet a condition (results/filter.hpp), in every view of trials,
  /// evaluations and summaries; the file stays as it is. Once per object. Summaries are computed anew: seconds for a million runs.
  Filter narrow(std::string_view condition);

  /// Runs one SQL statement that only reads. Throws Error with SQLite's message for anything else.
  [[nodiscard]] Table query(const std::string& sql) const;

  /// Rows of `trials` as summaries, ordered by cell and run. `where` is an SQL condition over its columns, e.g.
  /// "cell IN (SELECT cell FROM sweeps WHERE sweep = 'quickstart')"; empty for all.
  [[nodiscard]] std::vector<TrialSummary> trials(const std::string& where = "",
                                                 TrialDetail detail = TrialDetail::everything) const;
  /// The same one by one, in the same order, none kept: `visit` may take what it wants of the summary.
  void each_trial(const std::string& where, TrialDetail detail, const std::function<void(TrialSummary&)>& visit) const;

 private:
  TrialIndex(const Store& store, sqlite3* database);
  /// True when an older schema was brought forward.
  bool apply_schema();

  struct Closer {
    void operator()(sqlite3* database) const;
  };
  Store store_;
  std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace velo
