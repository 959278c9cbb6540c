// workloads/nn/embedding_tables.hpp
//
// One row from each of several tables: y[i, t] = table_t[index[i, t]].
//   indices [rows, tables]   table_t [entries_t, width], kind embedding   y [rows, tables, width]
//
// The gradient of a table is zero but for the rows that a batch takes, and each of those is a sum over the places that
// take it. The flat gradient is dense all the same; what that costs here, and what it does not:
//
//   zeros     one pass over the tables' part of the gradient: the only work that grows with the tables
//   grouping  the places of a batch are sorted by table row when the batch is loaded, by counting: three passes over
//             the places, none over the tables (counters go back to zero one place at a time)
//   sums      one task per row taken, which adds its places in the order of the batch: rows that are not taken are not
//             visited again, and the bits depend neither on the number of threads nor on the back-end
//
// Initial values: uniform in +-1/sqrt(all entries together), AlgoPerf's scale for its one table, or in +-`half_width`.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/nn/staged.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

struct TableSpec {
  std::string name;
  Index entries = 0;
};

/// Which rows of which tables a batch takes.
class TableRows {
 public:
  /// The places of a batch that take one row of one table: places begin ... end - 1 of order().
  struct Group {
    std::int32_t table, row, begin, end;
  };

  explicit TableRows(const std::vector<TableSpec>& tables);

  /// Place for the indices [rows, tables], each below its table's entries, on the host.
  [[nodiscard]] std::int32_t* stage(Index rows);
  /// Hands them to the device; groups them if a gradient shall be asked.
  void finish(bool grouped);

  [[nodiscard]] Index rows() const { return rows_; }
  [[nodiscard]] Index tables() const { return static_cast<Index>(first_entry_.size()); }
  /// [rows, tables], on the device
  [[nodiscard]] const std::int32_t* indices() const { return indices_.data(); }
  /// 0 without grouping.
  [[nodiscard]] Index groups() const { return groups_; }
  /// [groups()], on the device
  [[nodiscard]] const Group* group() const { return group_.data(); }
  /// [rows x tables], on the device: rows of the batch, group after group, ascending within a group.
  [[nodiscard]] const std::int32_t* order() const { return order_.data(); }

 private:
  Index rows_ = 0, groups_ = 0;
  std::vector<std::int32_t> first_entry_;  ///< of each table, in `counters_`
  std::vector<std::int32_t> counters_;     ///< one per entry of every table; zero between batches
  Staged<std::int32_t> indices_, order_;
  Staged<Group> group_;
};

class EmbeddingTables {
 public:
  static constexpr std::size_t most_tables = 16;

  /// Adds the blocks "<name>/<table>" [entries, width]. `half_width` 0: as above. Throws std::logic_error for no table
  /// or more than most_tables.
  EmbeddingTables(ParameterLayout& layout, const std::string& name, const std::vector<TableSpec>& tables, Index width,
                  double half_width = 0.0);

  /// `rows` outlives the pass, and is grouped where the pass records. -> [rows, tables, width]
  [[nodiscard]] Value operator()(Tape& tape, const TableRows& rows) const;

 private:
  void backward(Tape& tape, const TableRows& rows, Value y) const;

  Index width_;
  std::vector<Index> entries_, blocks_;
};

}  // namespace velo::nn
