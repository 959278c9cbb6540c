// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "tests/workloads/classifier_track.hpp"
#include "workloads/data/flights.hpp"

namespace velo {

WorkloadInfo flights_dlrm_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using test::ClassifierTrack;

std::size_t length(Index n) { return static_cast<std::size_t>(n); }

const ParameterBlock& block(const ParameterLayout& layout, const std::string& name) {
  const auto& blocks = layout.blocks();
  return *std::find_if(blocks.begin(), blocks.end(), [&](const ParameterBlock& b) { return b.name == name; });
}

TEST_CASE("flights_dlrm: parameters of either size, by hand") {
  const std::string size = GENERATE("mini", "small");
  ClassifierTrack track(flights_dlrm_workload_info(), {{"size", size}});
  const Index w = size == "mini" ? 32 : 96;
  const Index tables = (229 + 229 + 3399 + 24 + 7) * w;
  const Index bottom = 6 * 2 * w + (2 * w + 1) * w + (w + 1) * w;
  const Index top = (w + 21 + 1) * 4 * w + (4 * w + 1) * 4 * w + (4 * w + 1) * 2 * w + (2 * w + 1) * w + w + 1;
  CHECK(track.workload().layout().size() == tables + bottom + top);
  CHECK(track.workload().layout().size() == (size == "mini" ? 161729 : 687937));
  CHECK(track.workload().model_state_size() == 0);
}

TEST_CASE("flights_dlrm: the gradient is the derivative of the loss, in every variant") {
  const std::string activation = GENERATE("gelu", "tanh");
  const std::string normalisation = GENERATE("none", "batch", "layer");
  const bool residual = GENERATE(false, true);
  ClassifierTrack track(flights_dlrm_workload_info(), {{"hidden", Schedule(0.25)},
                                                       {"activation", activation},
                                                       {"normalisation", normalisation},
                                                       {"residual", residual},
                                                       {"embedding_init", Schedule(0.5)},
                                                       {"dropout", Schedule(0.25)},
                                                       {"label_smoothing", Schedule(0.1)}});
  // Batch norm over fewer examples has third derivatives beyond what the difference quotient's tolerance allows.
  track.check_gradient(24, 331);
}

TEST_CASE("flights_dlrm: rows that no flight of the batch takes have no gradient, all others have one") {
  ClassifierTrack track(flights_dlrm_workload_info(), {{"activation", "tanh"}, {"embedding_init", Schedule(0.5)}});
  const Batch batch = track.batch(40);
  std::vector<data::Flight> flights(40);
  data::open_flights({.directory = "", .synthetic = true})->gather(Split::train, batch.examples, flights.data());
  std::set<Index> routes;
  for (const data::Flight& flight : flights) routes.insert(flight.route);
  REQUIRE(routes.size() > 30);

  const Vector gradient = track.gradient(batch);
  const ParameterBlock& table = block(track.workload().layout(), "embedding/route");
  for (Index row = 0; row < data::flight_routes; ++row) {
    const Scalar* begin = gradient.data() + table.offset + row * table.shape[1];
    const bool zero = std::all_of(begin, begin + table.shape[1], [](Scalar g) { return g == 0; });
    REQUIRE(zero == !routes.contains(row));
  }
}

TEST_CASE("flights_dlrm: with vanishing weights the loss is log 2, in training and in evaluation") {
  ClassifierTrack track(flights_dlrm_workload_info(), {{"hidden", Schedule(0.05)}, {"initial_scale", Schedule(1e-9)}});
  CHECK_THAT(track.loss(track.batch(8)), WithinAbs(std::log(2.0), 1e-8));
  const auto metrics = track.workload().evaluate(track.params, track.model_state, Split::test);
  REQUIRE(metrics.size() == 1);
  CHECK(metrics[0].name == "cross_entropy");
  CHECK_THAT(metrics[0].value, WithinAbs(std::log(2.0), 1e-8));
}

TEST_CASE("flights_dlrm: evaluation is the loss of the whole split at once, last partial batch included") {
  ClassifierTrack track(flights_dlrm_workload_info(), {{"hidden", Schedule(0.05)}, {"embedding_init", Schedule(0.5)}});
  std::vector<Index> all(length(track.workload().examples(Split::test)));
  std::iota(all.begin(), all.end(), Index{0});
  const Batch batch{.id = 1000, .split = Split::test, .examples = all};
  const double whole = track.workload().loss(track.pass(), batch);
  // Both sides sum 28,573 losses below ten in chunks.
  CHECK_THAT(track.workload().evaluate(track.params, track.model_state, Split::test)[0].value,
             WithinAbs(whole, 1000 * 0x1p-53));
}

TEST_CASE("flights_dlrm: without normalisation a batch gives the mean of its parts") {
  ClassifierTrack track(flights_dlrm_workload_info(), {{"embedding_init", Schedule(0.5)}});
  const Batch whole = track.batch(9);
  const Vector g = track.gradient(whole);
  const Batch first{.id = 1001, .split = Split::train, .examples = whole.examples.subspan(0, 7)};
  const Batch rest{.id = 1002, .split = Split::train, .examples = whole.examples.subspan(7)};
  const Vector a = track.gradient(first), b = track.gradient(rest);
  // Eight layers of sums of at most 128 terms: 1024 * 2^-53 of numbers below ten.
  for (Index i = 0; i < track.workload().layout().size(); ++i)
    REQUIRE(std::abs(g(i) - (7 * a(i) + 2 * b(i)) / 9) <= 1e-12);
}

TEST_CASE("flights_dlrm: embeddings start within the half-width that was asked for") {
  const double asked = GENERATE(0.0, 1.0);
  ClassifierTrack track(flights_dlrm_workload_info(), {{"embedding_init", Schedule(asked)}});
  const double half_width = asked > 0 ? asked : 1 / std::sqrt(3888.0);
  const ParameterBlock& table = block(track.workload().layout(), "embedding/route");
  double largest = 0;
  for (Index i = 0; i < table.size(); ++i) largest = std::max(largest, std::abs(track.params(table.offset + i)));
  // The largest of 108,768 uniform numbers is below 0.999 with chance e^-109.
  CHECK(largest <= half_width);
  CHECK(largest >= 0.999 * half_width);
}

TEST_CASE("flights_dlrm: descending on one batch learns it by heart") {
  ClassifierTrack track(flights_dlrm_workload_info(), {{"embedding_init", Schedule(0.5)}});
  const Batch batch = track.batch(16);
  track.descend(batch, 100, 0.05);
  CHECK(track.loss(batch) < 0.2 * std::log(2.0));
}

}  // namespace
}  // namespace velo
