#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "algorithms/transforms/conflict_free_direction.hpp"
#include "harness/run/trial_oracle.hpp"
#include "tests/algorithms/several_terms.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::component;
using test::Rider;
using test::SeveralTerms;

/// Half a unit in the last place of 1.
constexpr double unit = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

Component conflict_free(const Component& inner) {
  return component("conflict_free", {{"inner", std::vector<Component>{inner}}});
}
Component sgd(double lr) { return component("sgd", {{"lr", Schedule(lr)}}); }

/// What the direction of some gradients is.
std::vector<double> direction_of(const std::vector<std::vector<double>>& gradients) {
  std::vector<Vector> device;
  for (const auto& g : gradients) device.push_back(test::to_device(g));
  const std::vector<double> scales(gradients.size(), 1.0);
  const Vector out("out", gradients.front().size());
  ConflictFreeDirection direction;
  combine(device, direction.coefficients(device, scales), out);
  return test::to_host(out);
}

std::vector<std::vector<double>> some_gradients(Index terms) {
  const ParameterLayout layout = test::awkward_layout();
  const SeveralTerms oracle(layout, terms);
  std::vector<std::vector<double>> out;
  for (Index k = 0; k < terms; ++k) out.push_back(oracle.term(1, k));
  return out;
}

/// A combination of m vectors: a rounding of each product and sum, of coefficients of a few units.
double combination_rounding(std::size_t terms, double magnitude) {
  return 2.0 * static_cast<double>(terms) * unit * magnitude;
}

TEST_CASE("conflict_free moves its inner algorithm along the direction that elimination finds") {
  const Index terms = GENERATE(2, 3, 5);
  const double lr = 0.05;
  const ParameterLayout layout = test::awkward_layout();
  SeveralTerms oracle(layout, terms);
  Rider rider(conflict_free(sgd(lr)), layout, builtin_registry(), terms);
  rider.start(oracle);
  std::vector<double> reference = test::initial_params(layout);
  for (int t = 1; t <= 25; ++t) {
    std::vector<std::vector<double>> g;
    for (Index k = 0; k < terms; ++k) g.push_back(oracle.term(t, k));
    const std::vector<double> d = test::conflict_free_direction(g);
    for (std::size_t i = 0; i < d.size(); ++i) reference[i] -= lr * d[i];
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    // Elements of the direction are below sum_k c_k |g_k|, a few units; the parameters below 4.
    const double allowed = t * (lr * combination_rounding(g.size(), 8.0) + 2.0 * unit * 4.0);
    for (std::size_t i = 0; i < params.size(); ++i) CHECK(std::abs(params[i] - reference[i]) <= allowed);
  }
  CHECK(oracle.asked.size() == static_cast<std::size_t>(25 * terms));
}

TEST_CASE(
    "conflict_free's direction has one positive cosine with every gradient, and the length of their sum along it") {
  const Index terms = GENERATE(2, 3, 5);
  const std::vector<std::vector<double>> g = some_gradients(terms);
  const std::vector<double> d = direction_of(g);
  const double first = test::dot(d, g[0]) / (test::norm(d) * test::norm(g[0]));
  CHECK(first > 0.3);  // 1 / sqrt(terms) were they orthogonal
  double along = 0.0;
  for (const auto& part : g) {
    CHECK_THAT(test::dot(d, part) / (test::norm(d) * test::norm(part)), WithinAbs(first, 64 * unit));
    along += test::dot(d, part) / test::norm(d);
  }
  CHECK_THAT(test::norm(d), WithinRel(along, 64 * unit));
}

TEST_CASE("conflict_free of two gradients is the sum of the unit vectors of their mutually orthogonal parts") {
  const std::vector<std::vector<double>> g = some_gradients(2);
  const auto orthogonal = [](const std::vector<double>& from, const std::vector<double>& to) {
    std::vector<double> out = to;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] -= test::dot(from, to) / test::dot(from, from) * from[i];
    const double length = test::norm(out);
    for (double& value : out) value /= length;
    return out;
  };
  const std::vector<double> a = orthogonal(g[0], g[1]), b = orthogonal(g[1], g[0]);
  std::vector<double> expected(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) expected[i] = a[i] + b[i];
  const double length = test::norm(expected);
  double along = 0.0;
  for (const auto& part : g) along += test::dot(part, expected) / length;
  const std::vector<double> d = direction_of(g);
  for (std::size_t i = 0; i < d.size(); ++i)
    CHECK(std::abs(d[i] - along / length * expected[i]) <= combination_rounding(2, 8.0));
}

TEST_CASE("conflict_free: a gradient counted twice has one say, opposite ones leave no direction, a zero one no say") {
  std::vector<std::vector<double>> g = some_gradients(2);
  const std::vector<double> zero(g[0].size());
  std::vector<double> opposite = g[0];
  for (double& value : opposite) value = -0.25 * value;

  const std::vector<double> pair = direction_of(g);
  const std::vector<double> with_zero = direction_of({g[0], zero, g[1]});
  for (std::size_t i = 0; i < pair.size(); ++i) CHECK(with_zero[i] == pair[i]);
  CHECK(direction_of({g[0], opposite}) == zero);
  CHECK(direction_of({zero, zero}) == zero);

  // The direction is the pair's; the length counts the first gradient's part twice.
  const std::vector<double> twice = direction_of({g[0], g[1], g[0]});
  const double longer = (2.0 * test::norm(g[0]) + test::norm(g[1])) / (test::norm(g[0]) + test::norm(g[1]));
  for (std::size_t i = 0; i < pair.size(); ++i)
    CHECK(std::abs(twice[i] - longer * pair[i]) <= combination_rounding(4, 16.0));
}

TEST_CASE("conflict_free asks each term at the inner algorithm's point, and the model state follows the first alone") {
  const ParameterLayout layout = test::awkward_layout();
  SeveralTerms oracle(layout, 3);
  Rider rider(conflict_free(component("sam", {{"inner", std::vector<Component>{sgd(0.1)}}})), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  REQUIRE(oracle.asked.size() == 6);
  for (std::size_t k = 0; k < 6; ++k) {
    CHECK(oracle.asked[k].loss_term == static_cast<Index>(k % 3));
    CHECK((oracle.asked[k].at.extent(0) > 0) == (k >= 3));
    CHECK(oracle.asked[k].model_state == (k == 0 ? ModelStateUse::automatic : ModelStateUse::discard));
  }
}

TEST_CASE("conflict_free shrinks all residuals of conflicting losses alike, however different their sizes") {
  const WorkloadInfo& info = builtin_registry().workload("theory_conflicting_losses");
  const auto workload = info.make(Parameters::defaults(info.parameters), {});
  const double lr = 0.5;
  const auto largest_residual = [&](const Component& algorithm, int steps) {
    PhaseClock clock(Phase::init);
    TrialOracle oracle(*workload, info.offers, 1, clock);
    const auto rider = builtin_registry().make(algorithm);
    StateArena state(workload->layout(), {.loss_terms = workload->loss_terms()});
    rider->declare(state);
    state.allocate();
    workload->init(RandomStream(1, Purpose::initialisation), oracle.params(), oracle.mutable_model_state());
    rider->init(oracle, oracle.params());
    for (int t = 1; t <= steps; ++t) {
      oracle.begin_step({.step = t, .step_hint = steps, .elapsed = 0.0});
      rider->step(oracle, oracle.params());
    }
    return workload->evaluate(oracle.params(), {}, Split::validation).at(0).value;
  };
  // Three terms of scales 1, 0.1 and 0.01 at cosine -0.4: c^2 = 0.2 / 3.
  const double factor = 1.0 - lr * 1.11 * 0.2 / 3.0;
  // A step rounds parameters below 4 and three products of directions.
  CHECK_THAT(largest_residual(conflict_free(sgd(lr)), 100), WithinAbs(std::pow(factor, 100), 100 * 16 * 4 * unit));
  CHECK(largest_residual(sgd(lr), 100) > 0.5);
}

TEST_CASE("conflict_free keeps nothing of its own") { CHECK(test::state_bytes("conflict_free") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
