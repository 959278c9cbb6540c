#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "results/error.hpp"
#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticExamples;
using test::Rider;

struct Options {
  double lr = 0.3, eta = 0.25, eps = 0.1, weight_decay = 0.0;
  Index micro_batch = 4, max_batch_size = 256;
};

Component adadagrad(Options o) {
  return component("adadagrad", {{"lr", Schedule(o.lr)},
                                 {"eta", Schedule(o.eta)},
                                 {"eps", Schedule(o.eps)},
                                 {"weight_decay", Schedule(o.weight_decay)},
                                 {"micro_batch", o.micro_batch},
                                 {"max_batch_size", o.max_batch_size}});
}

/// Sizes of the batches over 30 steps that a scalar loop follows; 10 examples in the first.
std::vector<Index> compare(Options o, double spread = 1.0) {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 10, spread);
  Rider rider(adadagrad(o), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  std::vector<double> expected = test::initial_params(layout), sum(expected.size());
  std::vector<Index> sizes;
  double wanted = 10.0, bound = 0.0;
  for (int t = 1; t <= 30; ++t) {
    const std::vector<double> before = rider.params();
    rider.step(oracle, t);
    const std::span<const Index> examples = oracle.drawn().back();
    const auto size = static_cast<Index>(examples.size());
    CHECK(static_cast<double>(size) == wanted);
    CHECK(rider.observed().at("batch_size") == wanted);
    sizes.push_back(size);

    // Two passes over the micro-batches: the mean, then the distances from it.
    const std::vector<double> mean = oracle.gradient_at(before, examples);
    double squared_norm = 0.0, scatter = 0.0, parts = 0.0, largest = 0.0;
    for (const double g : mean) squared_norm += g * g;
    for (Index first = 0; first < size; first += o.micro_batch, ++parts) {
      const auto part = examples.subspan(static_cast<std::size_t>(first),
                                         static_cast<std::size_t>(std::min(o.micro_batch, size - first)));
      const std::vector<double> gradient = oracle.gradient_at(before, part);
      for (std::size_t i = 0; i < mean.size(); ++i) {
        scatter += static_cast<double>(part.size()) * std::pow(gradient[i] - mean[i], 2);
        largest = std::max(largest, std::abs(gradient[i]));
      }
    }
    const double test = scatter / (parts - 1.0) / (o.eta * o.eta * squared_norm);
    const auto micro = static_cast<double>(o.micro_batch);
    if (test > wanted) wanted = std::min(std::ceil(test / micro) * micro, static_cast<double>(o.max_batch_size));

    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double g = mean[i] + o.weight_decay * before[i];
      sum[i] += g * g;
      expected[i] -= o.lr * g / (std::sqrt(sum[i]) + o.eps);
    }
    // A running mean of k terms: the roundings of k means, of which half remain, and of the last differences. The root of
    // a sum of t squares is as wrong as the root of t of them; both divided by at least eps. Eight roundings of numbers
    // below 2.
    const double gradient_error =
        (0.5 * parts + 12.0) * 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()) * largest;
    bound += o.lr * gradient_error * (1.0 + std::sqrt(t)) / o.eps + test::rounding_bound(8, 1);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) CHECK(std::abs(params[i] - expected[i]) <= bound);
  }
  CHECK(bound < 0.05);  // against parameters that move by about 1
  return sizes;
}

TEST_CASE("adadagrad follows a scalar loop that tests the norm over micro-batches, or over single examples") {
  compare({});
  compare({.weight_decay = 0.1});
  compare({.micro_batch = 1});
}

TEST_CASE("adadagrad's batch grows as the gradient shrinks, never shrinks, and stops at its bound") {
  const std::vector<Index> sizes = compare({.eta = 0.1, .max_batch_size = 200});
  CHECK(std::is_sorted(sizes.begin(), sizes.end()));
  CHECK(sizes.front() == 10);
  CHECK(sizes[1] < 200);
  CHECK(sizes.back() == 200);
}

TEST_CASE("a lenient test leaves the batch as it is, and so do examples that agree") {
  CHECK(compare({.eta = 1e3}).back() == 10);
  CHECK(compare({.eta = 1e-3}, 0.0).back() == 10);
}

TEST_CASE("adadagrad with examples that agree is adagrad") {
  const auto trajectory = [](const char* name) {
    const ParameterLayout layout = test::awkward_layout();
    test::GivenGradients oracle(layout);
    Rider rider(component(name, {{"weight_decay", Schedule(0.1)}}), layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  CHECK(trajectory("adadagrad") == trajectory("adagrad"));
}

TEST_CASE("adadagrad goes on with the batch it had grown to") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 10);
  Rider first(adadagrad({}), layout), second(adadagrad({}), layout);
  oracle.follow(first.params_view());
  first.start(oracle);
  first.steps(oracle, 1, 10);
  second.resume_from(first);
  first.step(oracle, 11);
  const std::size_t size = oracle.drawn().back().size();
  oracle.follow(second.params_view());
  second.step(oracle, 11);
  CHECK(size > 10);
  CHECK(oracle.drawn().back().size() == size);
}

TEST_CASE("adadagrad refuses a batch of a single micro-batch: it has no variance") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticExamples oracle(layout, 10);
  Rider rider(adadagrad({.micro_batch = 10}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  CHECK_THROWS_AS(rider.step(oracle, 1), Error);
}

TEST_CASE("adadagrad keeps one value per parameter, and its batch size") {
  CHECK(test::state_bytes("adadagrad") == test::bytes_of({.per_parameter = 1, .numbers = 1}));
}

}  // namespace
}  // namespace velo
