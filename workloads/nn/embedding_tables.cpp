#include "workloads/nn/embedding_tables.hpp"

#include <cmath>
#include <stdexcept>

#include "workloads/nn/costs.hpp"
#include "workloads/nn/launch.hpp"

namespace velo::nn {

namespace {

/// One place: a row of its table.
struct Take {
  const Scalar* table[EmbeddingTables::most_tables];
  const std::int32_t* indices;
  Scalar* y;
  Index tables, width;

  KOKKOS_INLINE_FUNCTION void operator()(Index place) const {
    const Scalar* row = table[place % tables] + indices[place] * width;
    Scalar* to = y + place * width;
    elementwise::run([=](Index c) { to[c] = row[c]; }, 0, width);
  }
};

/// One block of columns of one row that was taken: the sum over its places.
struct SumGroup {
  Scalar* table[EmbeddingTables::most_tables];
  const TableRows::Group* groups;
  const std::int32_t* order;
  const Scalar* dy;
  Index tables, width, column_blocks;

  KOKKOS_INLINE_FUNCTION void operator()(Index task) const {
    const TableRows::Group group = groups[task / column_blocks];
    const Index first = task % column_blocks * column_block;
    const Index columns = width - first < column_block ? width - first : column_block;
    Scalar sum[column_block];
    for (Index c = 0; c < column_block; ++c) sum[c] = 0;
    for (Index k = group.begin; k < group.end; ++k) {
      const Scalar* from = dy + (order[k] * tables + group.table) * width + first;
      for (Index c = 0; c < columns; ++c) sum[c] += from[c];
    }
    Scalar* to = table[group.table] + group.row * width + first;
    for (Index c = 0; c < columns; ++c) to[c] = sum[c];
  }
};

}  // namespace

TableRows::TableRows(const std::vector<TableSpec>& tables) {
  std::int32_t entries = 0;
  for (const TableSpec& table : tables) {
    first_entry_.push_back(entries);
    entries += static_cast<std::int32_t>(table.entries);
  }
  counters_.assign(static_cast<std::size_t>(entries), 0);
}

std::int32_t* TableRows::stage(Index rows) {
  rows_ = rows;
  groups_ = 0;
  return indices_.stage(rows * tables());
}

void TableRows::finish(bool grouped) {
  const Index places = rows_ * tables();
  indices_.upload(places);
  if (!grouped) return;
  const std::int32_t* index = indices_.host();
  Group* group = group_.stage(places);
  std::int32_t* order = order_.stage(places);
  const auto counter = [&](std::int32_t table, std::int32_t row) -> std::int32_t& {
    const std::int32_t entry = first_entry_[static_cast<std::size_t>(table)] + row;
    return counters_[static_cast<std::size_t>(entry)];
  };
  const auto count = static_cast<std::int32_t>(tables());
  // How often each row is taken, then where its places begin, then the places in the order of the batch.
  for (Index place = 0; place < places;)
    for (std::int32_t t = 0; t < count; ++t, ++place)
      if (counter(t, index[place])++ == 0) group[groups_++] = {t, index[place], 0, 0};
  std::int32_t begin = 0;
  for (Index g = 0; g < groups_; ++g) {
    std::int32_t& taken = counter(group[g].table, group[g].row);
    group[g].begin = begin;
    group[g].end = begin + taken;
    taken = begin;
    begin = group[g].end;
  }
  for (Index place = 0, row = 0; place < places; ++row)
    for (std::int32_t t = 0; t < count; ++t, ++place)
      order[counter(t, index[place])++] = static_cast<std::int32_t>(row);
  for (Index g = 0; g < groups_; ++g) counter(group[g].table, group[g].row) = 0;
  group_.upload(groups_);
  order_.upload(places);
}

EmbeddingTables::EmbeddingTables(ParameterLayout& layout, const std::string& name, const std::vector<TableSpec>& tables,
                                 Index width, double half_width)
    : width_(width) {
  if (tables.empty() || tables.size() > most_tables) throw std::logic_error("there must be 1 to 16 tables");
  Index all = 0;
  for (const TableSpec& table : tables) all += table.entries;
  const auto start = Initialiser::uniform(half_width > 0 ? half_width : 1.0 / std::sqrt(static_cast<double>(all)));
  for (const TableSpec& table : tables) {
    entries_.push_back(table.entries);
    blocks_.push_back(layout.add(
        {name + "/" + table.name, ParameterKind::embedding, {table.entries, width}, table.entries, width, start}));
  }
}

Value EmbeddingTables::operator()(Tape& tape, const TableRows& rows) const {
  const Index tables = rows.tables(), places = rows.rows() * tables;
  if (tape.recording() && rows.groups() == 0) throw std::logic_error("a gradient needs the batch's rows grouped");
  tape.operation("embedding tables", blocks_[0], [&] {
    Index entries = 0;
    for (const Index count : entries_) entries += count;
    return OperationCosts{elementwise_cost(places * width_, 0, 2),
                          elementwise_cost(places * width_, 1, 1) + elementwise_cost(entries * width_, 0, 1)};
  });
  const Value y = tape.output({rows.rows(), tables, width_});
  Take take{{}, rows.indices(), tape[y].data, tables, width_};
  for (std::size_t t = 0; t < blocks_.size(); ++t) take.table[t] = tape.parameter(blocks_[t]);
  for_each_task("velo::nn::embedding_tables", places, places * width_, take);
  tape.record([this, &tape, &rows, y] { backward(tape, rows, y); });
  return y;
}

void EmbeddingTables::backward(Tape& tape, const TableRows& rows, Value y) const {
  const Tensor dy = tape.gradient(y);
  if (!dy) return;
  const Index blocks = (width_ + column_block - 1) / column_block;
  SumGroup sum{{}, rows.group(), rows.order(), dy.data, rows.tables(), width_, blocks};
  for (std::size_t t = 0; t < blocks_.size(); ++t) {
    sum.table[t] = tape.parameter_gradient(blocks_[t]);
    clear(sum.table[t], entries_[t] * width_);
  }
  for_each_task("velo::nn::embedding_tables_backward", rows.groups() * blocks, dy.size(), sum);
}

}  // namespace velo::nn
