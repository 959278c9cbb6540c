// The layers of a recommendation model, in double: embedding tables, dot interaction, sigmoid cross-entropy.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

#include "results/text.hpp"
#include "tests/nn/gradient_check.hpp"
#include "tests/support/self_run.hpp"
#include "workloads/nn/embedding_tables.hpp"
#include "workloads/nn/interaction.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/loss.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using nn::EmbeddingTables;
using nn::Linear;
using nn::Recording;
using nn::TableRows;
using nn::TableSpec;
using nn::Tape;
using nn::Value;

std::size_t length(Index n) { return static_cast<std::size_t>(n); }

Vector uniform(std::uint64_t seed, Index size) {
  const Vector values("values", length(size));
  fill_uniform(RandomStream(seed, Purpose::workload), -1.0, 1.0, values);
  return values;
}

void take(TableRows& rows, const std::vector<std::int32_t>& indices, bool grouped = true) {
  const Index count = static_cast<Index>(indices.size()) / rows.tables();
  std::copy(indices.begin(), indices.end(), rows.stage(count));
  rows.finish(grouped);
}

/// Checks the gradient of the mean squared distance between what `run` makes and a target; returns that gradient.
Vector check(const ParameterLayout& layout, const std::function<Value(Tape&)>& run) {
  const Vector params = uniform(1, layout.size()), target = uniform(2, 4096);
  const Vector gradient("gradient", params.extent(0));
  Kokkos::deep_copy(gradient, std::numeric_limits<Scalar>::quiet_NaN());
  Tape tape;
  Reduction reduction;
  ForwardPass pass;
  pass.params = params;
  const auto loss = [&](Recording recording) {
    tape.begin(layout, pass, recording);
    return nn::mean_squared_error(tape, run(tape), target.data(), reduction);
  };
  static_cast<void>(loss(Recording::on));
  tape.backward(gradient);
  test::check_gradient(layout, params, gradient, [&] { return loss(Recording::off); });
  return gradient;
}

TEST_CASE("tables give the rows asked for, in the order of the batch and of the tables") {
  ParameterLayout layout;
  const EmbeddingTables tables(layout, "embedding", {{"a", 4}, {"b", 2}}, 3);
  CHECK(layout[0].name == "embedding/a");
  CHECK(layout[1].kind == ParameterKind::embedding);
  CHECK(layout[1].initialiser.value == 1 / std::sqrt(6.0));
  TableRows rows({{"a", 4}, {"b", 2}});
  take(rows, {3, 0, 0, 1, 3, 1}, false);
  Tape tape;
  ForwardPass pass;
  pass.params = uniform(1, layout.size());
  tape.begin(layout, pass, Recording::off);
  const Tensor y = tape[tables(tape, rows)];
  REQUIRE(y.shape == Shape{3, 2, 3});
  const Index expected[] = {3, 4, 0, 5, 3, 5};  // rows of both tables, one behind the other
  for (Index place = 0; place < 6; ++place)
    for (Index c = 0; c < 3; ++c) CHECK(y.data[3 * place + c] == pass.params(length(3 * expected[place] + c)));
}

TEST_CASE("the gradient of tables is the derivative of the loss, for rows taken often, once and never") {
  const Index width = GENERATE(5, 40);  // within a block of columns, and more than one
  const std::vector<TableSpec> specs = {{"a", 6}, {"b", 1}, {"c", 7}};
  ParameterLayout layout;
  const EmbeddingTables tables(layout, "embedding", specs, width);
  const Linear last(layout, "last", width, 2);
  TableRows rows(specs);
  take(rows, {3, 0, 6, 0, 0, 6, 3, 0, 1, 5, 0, 6, 3, 0, 6});
  const Vector gradient = check(layout, [&](Tape& tape) {
    return last(tape, tape.reshape(tables(tape, rows), {15, width}));
  });
  for (const Index never : {1, 2, 4})
    for (Index c = 0; c < width; ++c) CHECK(gradient(length(never * width + c)) == 0);
}

TEST_CASE("groups hold every place once, in the order of the batch, whatever was grouped before") {
  TableRows rows({{"a", 5}, {"b", 3}});
  const std::vector<std::int32_t> before = {4, 2, 4, 2, 1, 0}, now = {4, 2, 0, 2, 4, 1, 4, 2};
  take(rows, before);
  CHECK(rows.groups() == 4);
  take(rows, now);
  std::vector<std::vector<Index>> found;
  for (Index g = 0; g < rows.groups(); ++g) {
    const TableRows::Group& group = rows.group()[g];
    found.push_back({group.table, group.row});
    for (Index k = group.begin; k < group.end; ++k) found.back().push_back(rows.order()[k]);
  }
  std::sort(found.begin(), found.end());
  // Table, row, and the rows of the batch that take it.
  CHECK(found == std::vector<std::vector<Index>>{{0, 0, 1}, {0, 4, 0, 2, 3}, {1, 1, 2}, {1, 2, 0, 1, 3}});
  take(rows, before, false);
  CHECK(rows.groups() == 0);
}

/// 3,000 rows of two tables: above what one thread does alone.
struct LargeBatch {
  static constexpr Index rows = 3000, width = 48;
  std::vector<TableSpec> specs = {{"a", 700}, {"b", 5}};
  ParameterLayout layout;
  EmbeddingTables tables{layout, "embedding", specs, width};
  std::vector<std::int32_t> indices;
  Vector target = uniform(4, rows * 2 * width), gradient;

  LargeBatch() {
    const RandomStream stream(3, Purpose::workload);
    for (std::uint64_t i = 0; i < rows; ++i) {
      indices.push_back(static_cast<std::int32_t>(stream.below(2 * i, 700)));
      indices.push_back(static_cast<std::int32_t>(stream.below(2 * i + 1, 5)));
    }
    TableRows taken(specs);
    take(taken, indices);
    gradient = Vector("gradient", length(layout.size()));
    Tape tape;
    Reduction reduction;
    ForwardPass pass;
    pass.params = Vector("zeros", length(layout.size()));
    tape.begin(layout, pass, Recording::on);
    static_cast<void>(nn::mean_squared_error(tape, tables(tape, taken), target.data(), reduction));
    tape.backward(gradient);
  }
};

TEST_CASE("duplicates are summed in the order of the batch, to the last bit") {
  const LargeBatch batch;
  std::vector<Scalar> expected(length(batch.layout.size()), 0);
  const Scalar scale = 2 / static_cast<Scalar>(batch.rows * 2 * batch.width);
  for (Index place = 0; place < 2 * batch.rows; ++place)
    for (Index c = 0; c < batch.width; ++c) {
      const Index row = batch.indices[length(place)] + (place % 2 == 0 ? 0 : 700);
      expected[length(row * batch.width + c)] += scale * (0 - batch.target(length(place * batch.width + c)));
    }
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(batch.gradient(i) == expected[i]);
}

TEST_CASE("print the hash of a table gradient", "[.]") {
  const LargeBatch batch;
  const auto* bytes = reinterpret_cast<const char*>(batch.gradient.data());
  test::tell_parent(sha256({bytes, batch.gradient.extent(0) * sizeof(Scalar)}));
}

TEST_CASE("1, 2 and 7 threads give a table's gradient the same bits") {
  const std::string one = test::run_self("print the hash of a table gradient", 1);
  CHECK(test::run_self("print the hash of a table gradient", 2) == one);
  CHECK(test::run_self("print the hash of a table gradient", 7) == one);
}

TEST_CASE("tables without rows to group, no tables, and too many are refused") {
  ParameterLayout layout;
  CHECK_THROWS_AS(EmbeddingTables(layout, "none", {}, 3), std::logic_error);
  CHECK_THROWS_AS(EmbeddingTables(layout, "many", std::vector<TableSpec>(17, {"a", 2}), 3), std::logic_error);
  const EmbeddingTables tables(layout, "embedding", {{"a", 4}}, 3);
  TableRows rows({{"a", 4}});
  take(rows, {3, 0}, false);
  Tape tape;
  ForwardPass pass;
  pass.params = uniform(1, layout.size());
  tape.begin(layout, pass, Recording::on);
  CHECK_THROWS_AS(tables(tape, rows), std::logic_error);
}

TEST_CASE("the dot interaction is the dense vector and all products of pairs, and carries gradients to both sides") {
  const Index width = GENERATE(1, 7, 8, 19), features = GENERATE(1, 4), rows = 3;
  ParameterLayout layout;
  const Linear dense(layout, "dense", 4, width), embeddings(layout, "embeddings", 4, features * width);
  const Vector input = uniform(5, rows * 4);
  std::vector<double> expected;
  const auto run = [&](Tape& tape) {
    const Value x = tape.input({input.data(), {rows, 4}});
    const Value d = dense(tape, x), e = tape.reshape(embeddings(tape, x), {rows, features, width});
    expected.clear();
    for (Index i = 0; i < rows; ++i) {
      const auto vector = [&](Index a) {
        return a == 0 ? tape[d].data + i * width : tape[e].data + (i * features + a - 1) * width;
      };
      expected.insert(expected.end(), vector(0), vector(0) + width);
      for (Index a = 0; a <= features; ++a)
        for (Index b = a; b <= features; ++b) {
          double sum = 0;
          for (Index c = 0; c < width; ++c) sum += vector(a)[c] * vector(b)[c];
          expected.push_back(sum);
        }
    }
    const Value y = nn::dot_interaction(tape, d, e);
    REQUIRE(tape[y].size() == static_cast<Index>(expected.size()));
    // 19 products of numbers below five, in two orders.
    for (std::size_t i = 0; i < expected.size(); ++i)
      REQUIRE_THAT(tape[y].data[i], WithinAbs(expected[i], 19 * 25 * 0x1p-52));
    return y;
  };
  check(layout, run);
}

TEST_CASE("what interacts has one number of rows and one width") {
  const Vector memory = uniform(1, 100);
  const auto interact = [&](const Shape& dense, const Shape& embeddings) {
    ParameterLayout layout;
    Tape tape;
    tape.begin(layout, {}, Recording::off);
    return nn::dot_interaction(tape, tape.input({memory.data(), dense}), tape.input({memory.data(), embeddings}));
  };
  CHECK_NOTHROW(interact({3, 4}, {3, 2, 4}));
  CHECK_THROWS_AS(interact({3, 4}, {2, 2, 4}), std::logic_error);
  CHECK_THROWS_AS(interact({3, 4}, {3, 2, 5}), std::logic_error);
  CHECK_THROWS_AS(interact({3, 4}, {3, 8}), std::logic_error);
}

TEST_CASE("sigmoid cross-entropy is the textbook's, and its gradient the derivative") {
  const double smoothing = GENERATE(0.0, 0.1);
  ParameterLayout layout;
  const Linear layer(layout, "layer", 4, 1);
  const Vector params = uniform(3, layout.size()), input = uniform(4, 20);
  const Vector gradient("gradient", params.extent(0));
  Kokkos::View<std::uint8_t*, MemorySpace> labels("labels", 5);
  labels(1) = labels(4) = 1;
  Tape tape;
  Reduction reduction;
  ForwardPass pass;
  pass.params = params;
  double textbook = 0;
  const auto loss = [&](Recording recording) {
    tape.begin(layout, pass, recording);
    const Value z = layer(tape, tape.input({input.data(), {5, 4}}));
    textbook = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const double p = 1 / (1 + std::exp(-tape[z].data[i]));
      const double t = (1 - smoothing) * labels(i) + smoothing / 2;
      textbook -= (t * std::log(p) + (1 - t) * std::log(1 - p)) / 5;
    }
    return nn::sigmoid_cross_entropy(tape, z, labels.data(), smoothing, reduction);
  };
  // A dozen operations on numbers below five.
  const double value = loss(Recording::on);
  CHECK_THAT(value, WithinAbs(textbook, 1e-14));
  tape.backward(gradient);
  test::check_gradient(layout, params, gradient, [&] { return loss(Recording::off); });
}

TEST_CASE("sigmoid cross-entropy of a certain error is the size of the logit, however large") {
  const Scalar z = GENERATE(-1e4, -800.0, 800.0, 1e4);
  ParameterLayout layout;
  // A bias whose weight sees zeros: its gradient is that of the logit.
  const Linear layer(layout, "layer", 1, 1);
  const Vector params("params", 2), input("input", 1), gradient("gradient", 2);
  params(1) = z;
  Kokkos::View<std::uint8_t*, MemorySpace> labels("labels", 1);
  labels(0) = z < 0 ? 1 : 0;
  Tape tape;
  Reduction reduction;
  ForwardPass pass;
  pass.params = params;
  tape.begin(layout, pass, Recording::on);
  const Value y = layer(tape, tape.input({input.data(), {1, 1}}));
  CHECK(nn::sigmoid_cross_entropy(tape, y, labels.data(), 0.0, reduction) == std::abs(z));
  tape.backward(gradient);
  CHECK(gradient(1) == (z < 0 ? -1 : 1));
}

}  // namespace
}  // namespace velo
