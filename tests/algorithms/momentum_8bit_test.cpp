#include <catch2/catch_test_macros.hpp>

#include "tests/algorithms/quantised_reference.hpp"

namespace velo {
namespace {

using test::component;
using test::Rider;

TEST_CASE("momentum_8bit follows a scalar loop that stores its buffer block by block") {
  const ParameterLayout layout = test::quantised_layout();
  const std::vector<Scalar> book = test::reference_book(true);
  const auto size = static_cast<std::size_t>(layout.size());
  for (const Index block_size : {Index{2048}, Index{256}}) {
    test::GivenGradients oracle(layout, [&](std::int64_t step) { return test::uneven_gradient(layout, step); });
    Rider rider(component("momentum_8bit",
                          {{"lr", Schedule(0.001)}, {"weight_decay", Schedule(0.1)}, {"block_size", block_size}}),
                layout);
    rider.start(oracle);

    const auto lr = static_cast<Scalar>(0.001), decay = static_cast<Scalar>(0.1), mu = static_cast<Scalar>(0.9);
    std::vector<Scalar> x(size), buffer(size);
    const std::vector<double> start = test::initial_params(layout);
    for (std::size_t i = 0; i < size; ++i) x[i] = static_cast<Scalar>(start[i]);
    for (int t = 1; t <= 20; ++t) {
      const std::vector<double> gradient = oracle.gradients(t);
      rider.step(oracle, t);
      for (std::size_t i = 0; i < size; ++i) {
        const Scalar g = static_cast<Scalar>(gradient[i]) + decay * x[i];
        buffer[i] = mu * buffer[i] + g;
        x[i] = x[i] - lr * buffer[i];
      }
      test::store_and_read(buffer, layout, block_size, book);
      REQUIRE(rider.params() == std::vector<double>(x.begin(), x.end()));
    }
  }
}

TEST_CASE("momentum_8bit is sgd with momentum where every layer is below min_quantised_size") {
  const ParameterLayout layout = test::quantised_layout();
  const auto trajectory = [&](const char* name, test::Settings settings) {
    settings.emplace_back("momentum", Schedule(0.9));
    settings.emplace_back("weight_decay", Schedule(0.1));
    settings.emplace_back("decay", std::string("decoupled"));
    test::GivenGradients oracle(layout);
    Rider rider(component(name, settings), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  const std::vector<double> sgd = trajectory("sgd", {});
  CHECK(trajectory("momentum_8bit", {{"min_quantised_size", Index{5000}}}) == sgd);
  CHECK(trajectory("momentum_8bit", {}) != sgd);
}

TEST_CASE("momentum_8bit keeps a byte per parameter and a value per 2048 of a large model") {
  ParameterLayout layout;
  layout.add({.name = "weight", .kind = ParameterKind::weight, .shape = {1000, 1000}});
  CHECK(test::state_bytes("momentum_8bit", {}, layout) == test::bytes_of({.values = 489, .bytes = 1000000}, layout));
}

TEST_CASE("an outlier spoils the precision of its own block alone") {
  const ParameterLayout layout = test::quantised_layout();
  const std::size_t outlier = 10, block = 256;
  const auto trajectory = [&](double value) {
    test::GivenGradients oracle(layout, [&](std::int64_t step) {
      std::vector<double> gradient = test::uneven_gradient(layout, step);
      gradient[outlier] = value;
      return gradient;
    });
    Rider rider(component("momentum_8bit", {{"block_size", static_cast<Index>(block)}}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 3);
    return rider.params();
  };
  const std::vector<double> calm = trajectory(1.0), spoilt = trajectory(1e12);
  CHECK_FALSE(std::equal(calm.begin() + outlier + 1, calm.begin() + block, spoilt.begin() + outlier + 1));
  CHECK(std::equal(calm.begin() + block, calm.end(), spoilt.begin() + block));
}

}  // namespace
}  // namespace velo
