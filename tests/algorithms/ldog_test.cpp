#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/measuring_oracle.hpp"

namespace velo {
namespace {

using test::component;
using test::rounding_bound;

Component rule(const char* name, double reps_rel, double eps, double weight_decay = 0.0) {
  return component(name, {{"reps_rel", Schedule(reps_rel)},
                          {"eps", Schedule(eps)},
                          {"weight_decay", Schedule(weight_decay)},
                          {"refresh_batches", std::int64_t{3}}});
}

TEST_CASE("ldog follows its definition in every block at every step") {
  // As in dog's test: the reference keeps distances and sums in double over the points that ldog visited.
  struct Block {
    double distance, sum;
  };
  for (const double weight_decay : {0.0, 0.1}) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout, 25);
    test::Rider rider(rule("ldog", 0.05, 1e-8, weight_decay), layout);
    rider.start(oracle);
    const std::vector<double> start = rider.params();
    std::vector<double> average = start;
    std::vector<Block> blocks;
    for (const ParameterBlock& block : layout.blocks()) {
      double square = 0.0;
      for (Index i = block.offset; i < block.offset + block.size(); ++i)
        square += start[static_cast<std::size_t>(i)] * start[static_cast<std::size_t>(i)];
      blocks.push_back({0.05 * (1.0 + std::sqrt(square)), 1e-8});
    }
    for (int t = 1; t <= 25; ++t) {
      const std::vector<double> before = rider.params(), given = oracle.gradients(t);
      rider.step(oracle, t);
      const std::vector<double> after = rider.params(), evaluated = rider.evaluation_params();
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        const auto first = static_cast<std::size_t>(layout.blocks()[b].offset);
        const auto last = first + static_cast<std::size_t>(layout.blocks()[b].size());
        double moved = 0.0;
        for (std::size_t i = first; i < last; ++i) {
          const double g = given[i] + weight_decay * before[i];
          moved += (before[i] - start[i]) * (before[i] - start[i]);
          blocks[b].sum += g * g;
        }
        blocks[b].distance = std::max(blocks[b].distance, std::sqrt(moved));
        const double eta = blocks[b].distance / std::sqrt(blocks[b].sum);
        for (std::size_t i = first; i < last; ++i) {
          const double step = eta * (given[i] + weight_decay * before[i]);
          // Of the step: 2 roundings for the decay, as many in the norm, its own product and eta's cast. Of x: the sum.
          CHECK(std::abs(after[i] - (before[i] - step)) <=
                rounding_bound(6, 1, std::abs(step) + weight_decay * eta) +
                    rounding_bound(1, 1, std::abs(before[i]) + std::abs(step)));
          average[i] += 9.0 / (t + 8.0) * (after[i] - average[i]);
          // 4 roundings a step (share, difference, product, sum) of points that stay below 2.
          CHECK(std::abs(evaluated[i] - average[i]) <= rounding_bound(4, t));
        }
      }
    }
  }
}

TEST_CASE("ldog on a single block is dog") {
  ParameterLayout layout;
  layout.add({.name = "only", .kind = ParameterKind::weight, .shape = {7, 5}});
  test::GivenGradients oracle(layout);
  test::Rider layerwise(rule("ldog", 0.05, 1e-8, 0.1), layout), whole(rule("dog", 0.05, 1e-8, 0.1), layout);
  layerwise.start(oracle);
  whole.start(oracle);
  layerwise.steps(oracle, 1, 20);
  whole.steps(oracle, 1, 20);
  CHECK(layerwise.params() == whole.params());
  CHECK(layerwise.evaluation_params() == whole.evaluation_params());
}

TEST_CASE("ldog does not see the scale of one block's gradient, dog does") {
  const ParameterLayout layout = test::awkward_layout();
  const auto trajectory = [&](const char* name, double scale) {
    const auto scaled = [&, scale](std::int64_t step) {
      std::vector<double> out = test::GivenGradients(layout).gradients(step);
      const ParameterBlock& block = layout.blocks()[2];
      for (Index i = block.offset; i < block.offset + block.size(); ++i) out[static_cast<std::size_t>(i)] *= scale;
      return out;
    };
    test::GivenGradients oracle(layout, scaled);
    test::Rider rider(rule(name, 0.05, 1e-300), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory("ldog", 1.0) == trajectory("ldog", 1024.0));
  CHECK(trajectory("dog", 1.0) != trajectory("dog", 1024.0));
}

TEST_CASE("ldog measures the statistics of its average") {
  const ParameterLayout layout = test::awkward_layout();
  test::MeasuringOracle oracle(layout);
  test::Rider rider(rule("ldog", 0.05, 1e-8), layout);
  rider.start(oracle);
  for (int t = 1; t <= 20; ++t) {
    rider.step(oracle, t);
    CHECK(test::evaluates_with_own_statistics(rider, oracle, 3));
  }
  test::Rider stateless(rule("ldog", 0.05, 1e-8), layout);
  CHECK_FALSE(test::draws_without_model_state(stateless, layout));
}

TEST_CASE("ldog keeps the start, the average and two numbers of each of six blocks") {
  CHECK(test::state_bytes("ldog") == test::bytes_of({.per_parameter = 2, .numbers = 12}));
  CHECK(test::state_bytes("ldog", {{"average", false}}) == test::bytes_of({.per_parameter = 1, .numbers = 12}));
}

}  // namespace
}  // namespace velo
