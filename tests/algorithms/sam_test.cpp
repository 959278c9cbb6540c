#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "tests/algorithms/layer_oracle.hpp"
#include "tests/algorithms/quadratic_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::QuadraticGradients;

constexpr double lr = 0.1;

Component sgd() { return component("sgd", {{"lr", Schedule(lr)}}); }

Component sam(double rho, bool adaptive = false, double eta = 0.01) {
  return component("sam", {{"inner", std::vector<Component>{sgd()}},
                           {"rho", Schedule(rho)},
                           {"adaptive", adaptive},
                           {"eta", Schedule(eta)}});
}

double norm(const std::vector<double>& x) { return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)); }

/// Keeps the last point it was asked at that is not the parameters.
class Recorder : public test::GivenGradients {
 public:
  using GivenGradients::GivenGradients;
  double gradient(Vector out, const Query& query) override {
    if (query.at.extent(0) > 0) summit = test::to_host(query.at);
    return GivenGradients::gradient(out, query);
  }
  std::vector<double> summit;
};

/// The point that SAM climbs to, as the papers write it.
std::vector<double> summit(const std::vector<double>& x, const std::vector<double>& g, double rho, bool adaptive,
                           double eta) {
  std::vector<double> t(x.size(), 1.0), scaled(x.size()), out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (adaptive) t[i] = std::abs(x[i]) + eta;
    scaled[i] = t[i] * g[i];
  }
  REQUIRE(norm(scaled) > 0.7);  // the bound below builds on it
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] + rho * t[i] * scaled[i] / norm(scaled);
  return out;
}

/// Largest Euclidean distance from sgd with the summits' gradients over 25 steps.
double difference(double rho, bool adaptive) {
  const double eta = 0.01;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  test::Rider rider(sam(rho, adaptive, eta), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  std::vector<double> x = test::initial_params(layout);
  double largest = 0.0;
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    const std::vector<double> up = summit(x, oracle.gradient_at(x, t), rho, adaptive, eta);
    const std::vector<double> g = oracle.gradient_at(up, t);
    std::vector<double> off = rider.params();
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] -= lr * g[i];
      off[i] -= x[i];
    }
    if (!(norm(off) <= largest)) largest = norm(off);
  }
  return largest;
}

// How an error d of the parameters, as a Euclidean norm, goes through a step. Sgd itself shortens it by 1 - lr h, at
// most 0.95. Through the summit comes lr h |du|, u = rho T s / |s|, s = T g, and lr h <= 0.15:
//   T = 1:        |du| <= rho |dg| / |g| <= rho 1.5 |d| / 0.7, so rho = 0.15 adds 0.048
//   T = |x| + eta:   x stays between its start and the targets, but for the climb, so T < 1.2 and |g_i| < 3.3;
//                 |ds| <= (3.3 + 1.2 * 1.5) |d|, |du| <= rho (|d| + 1.2 |ds| / 0.7) <= 9.8 rho |d|; rho = 0.03 adds 0.044
// Together at most 1: the roundings of the steps add up. A step has 6 in every parameter: 1 in the first gradient and
// 2 in the summit, which count lr h times at most, 1 in the second gradient, 2 in the step; of values below 4.
const double bound = std::sqrt(139.0) * test::rounding_bound(6, 25, 4.0);

TEST_CASE("sam follows sgd with the gradient from the summit, written down in double") {
  CHECK(difference(0.15, false) <= bound);
  CHECK(difference(0.05, false) <= bound);
}

TEST_CASE("adaptive sam measures its distance relative to the parameters") { CHECK(difference(0.03, true) <= bound); }

TEST_CASE("sam asks twice a step: as it was asked, then at distance rho, the model state discarded") {
  const double rho = 0.3;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  test::Rider rider(sam(rho), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  for (int t = 1; t <= 5; ++t) {
    const std::vector<double> before = rider.params();
    oracle.asked.clear();
    rider.step(oracle, t);
    REQUIRE(oracle.asked.size() == 2);
    CHECK(oracle.asked[0].at == before);
    CHECK(oracle.asked[0].model_state == ModelStateUse::automatic);
    CHECK(oracle.asked[1].model_state == ModelStateUse::discard);
    CHECK(oracle.asked[1].batch == oracle.asked[0].batch);
    std::vector<double> climbed = oracle.asked[1].at;
    for (std::size_t i = 0; i < climbed.size(); ++i) climbed[i] -= before[i];
    // Two roundings in each of 139 coordinates below 2.
    CHECK(std::abs(norm(climbed) - rho) <= std::sqrt(139.0) * test::rounding_bound(2, 1));
  }
}

TEST_CASE("sam climbs from wherever it is asked") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  const Component twice = component("sam", {{"inner", std::vector<Component>{sam(0.1)}}, {"rho", Schedule(0.2)}});
  test::Rider rider(twice, layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  rider.step(oracle, 1);
  // The inner sam's first question costs points x and p; its second, asked at q, costs q and a point above q.
  REQUIRE(oracle.asked.size() == 4);
  const auto distance = [&](std::size_t a, std::size_t b) {
    std::vector<double> d = oracle.asked[a].at;
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= oracle.asked[b].at[i];
    return norm(d);
  };
  const double rounding = std::sqrt(139.0) * test::rounding_bound(2, 1);
  CHECK(std::abs(distance(1, 0) - 0.2) <= rounding);
  CHECK(std::abs(distance(2, 0) - 0.1) <= rounding);
  CHECK(std::abs(distance(3, 2) - 0.2) <= rounding);
  for (std::size_t k = 1; k < 4; ++k) CHECK(oracle.asked[k].model_state == ModelStateUse::discard);
}

TEST_CASE("sam with rho 0 is its inner algorithm, at its price") {
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout), plain_oracle(layout);
  test::Rider rider(sam(0.0), layout), plain(sgd(), layout);
  oracle.attach(rider.params_view());
  plain_oracle.attach(plain.params_view());
  rider.start(oracle);
  plain.start(plain_oracle);
  rider.steps(oracle, 1, 20);
  plain.steps(plain_oracle, 1, 20);
  CHECK(rider.params() == plain.params());
  CHECK(oracle.asked.size() == 20);
}

TEST_CASE("adaptive sam with eta 0 sees the same sharpness however the parameters are scaled") {
  // f(x) and f(x / c) are the same model. Powers of two, so that every product is exact: the summits must agree to the
  // bit. Kwon et al., section 3.
  const ParameterLayout layout = test::awkward_layout();
  const std::vector<double> gradient = test::GivenGradients(layout).gradients(1);
  const auto scale_of = [](std::size_t i) { return std::ldexp(1.0, static_cast<int>(i % 7) - 3); };

  const auto summit_of = [&](bool scaled) {
    Recorder oracle(layout, [&](std::int64_t) {
      std::vector<double> out = gradient;
      if (scaled)
        for (std::size_t i = 0; i < out.size(); ++i) out[i] /= scale_of(i);
      return out;
    });
    test::Rider rider(sam(0.5, true, 0.0), layout);
    std::vector<double> start = test::initial_params(layout);
    if (scaled)
      for (std::size_t i = 0; i < start.size(); ++i) start[i] *= scale_of(i);
    Kokkos::deep_copy(rider.params_view(), test::to_device(start));
    rider.start(oracle);
    rider.step(oracle, 1);
    return oracle.summit;
  };
  std::vector<double> expected = summit_of(false);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] *= scale_of(i);
  CHECK(summit_of(true) == expected);
}

TEST_CASE("sam reports how much higher the loss is at the summit") {
  const double rho = 0.25;
  const ParameterLayout layout = test::awkward_layout();
  QuadraticGradients oracle(layout);
  test::Rider rider(sam(rho), layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  const std::vector<double> g = oracle.gradient_at(rider.params(), 1);
  rider.step(oracle, 1);
  double curved = 0.0;
  for (std::size_t i = 0; i < g.size(); ++i) curved += QuadraticGradients::curvature(i) * g[i] * g[i];
  const double expected = rho * norm(g) + 0.5 * rho * rho * curved / (norm(g) * norm(g));
  // The slope |g| < 30 times the summit's rounding.
  CHECK(std::abs(rider.observed().at("sharpness") - expected) <= 30.0 * std::sqrt(139.0) * test::rounding_bound(3, 1));
  CHECK(rider.observed().at("inner/lr") == lr);
}

TEST_CASE("sam climbs its whole distance where the gradient is denormal") {
  const ParameterLayout layout = test::awkward_layout();
  Recorder oracle(layout,
                  [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), 1e-42); });
  test::Rider rider(sam(0.5), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  const std::vector<double> start = test::initial_params(layout);
  REQUIRE(oracle.summit.size() == start.size());
  for (std::size_t i = 0; i < start.size(); ++i)
    CHECK(std::abs(oracle.summit[i] - start[i] - 0.5 / std::sqrt(139.0)) <= test::rounding_bound(2, 1));
}

TEST_CASE("sam shows an inner rule the layers at the summit alone") {
  const ParameterLayout layout = test::LayerOracle::model();
  test::LayerOracle oracle(layout);
  Component outer = component("sam");
  outer.parameters.set("inner", std::vector<Component>{component("kfac", {{"fisher", std::string("empirical")}})});
  test::Rider rider(outer, layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  REQUIRE(oracle.asked.size() == 2);
  CHECK(oracle.asked[0].layers == nullptr);
  CHECK(oracle.asked[1].layers != nullptr);
  CHECK(oracle.asked[1].at.extent(0) != 0);
}

TEST_CASE("sam keeps nothing of its own") { CHECK(test::state_bytes("sam") == test::bytes_of({})); }

}  // namespace
}  // namespace velo
