#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

Component measured(const char* inner) {
  return component("gradient_norms", {{"inner", std::vector<Component>{component(inner, {})}}});
}

TEST_CASE("gradient_norms reports both norms of every step's gradient, over twenty steps") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(measured("sgd"), layout);
  rider.start(oracle);
  // Terms and sums are in double; a sum of 139 rounds 138 times.
  const double tolerance = 139 * std::numeric_limits<double>::epsilon();
  for (int t = 1; t <= 20; ++t) {
    const std::vector<double> gradient = oracle.gradients(t);
    rider.step(oracle, t);
    const std::map<std::string, double> observed = rider.observed();
    const double l2 = std::sqrt(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0));
    const double l1 =
        std::accumulate(gradient.begin(), gradient.end(), 0.0, [](double sum, double g) { return sum + std::abs(g); });
    CHECK(std::abs(observed.at("grad_norm") - l2) <= tolerance * l2);
    CHECK(std::abs(observed.at("grad_norm_l1") - l1) <= tolerance * l1);
    CHECK(observed.contains("inner/lr"));
  }
}

TEST_CASE("gradient_norms changes nothing") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider watched(measured("adamw"), layout), free(component("adamw", {}), layout);
  watched.start(oracle);
  free.start(oracle);
  watched.steps(oracle, 1, 20);
  free.steps(oracle, 1, 20);
  CHECK(watched.params() == free.params());
  CHECK(watched.state().bytes() == free.state().bytes());
}

TEST_CASE("gradient_norms measures the first gradient of a step, before a climb") {
  const ParameterLayout layout = test::awkward_layout();
  // The second gradient of a step is another one.
  class Changing : public test::GivenGradients {
   public:
    using GivenGradients::GivenGradients;
    double gradient(Vector out, const Query& query) override {
      const double loss = GivenGradients::gradient(out, query);
      if (query.at.extent(0) > 0) Kokkos::deep_copy(out, Scalar(1));
      return loss;
    }
  } oracle(layout);
  const Component sam = component("sam", {{"inner", std::vector<Component>{component("sgd", {})}}});
  test::Rider rider(component("gradient_norms", {{"inner", std::vector<Component>{sam}}}), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  const std::map<std::string, double> observed = rider.observed();
  const std::vector<double> gradient = oracle.gradients(1);
  const double l2 = std::sqrt(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0));
  CHECK(std::abs(observed.at("grad_norm") - l2) <= 139 * std::numeric_limits<double>::epsilon() * l2);
}

/// Asks about drawn labels, and in even steps about the loss after that.
class Drawing : public TrainingAlgorithm {
 public:
  void declare(StateArena& state) override {
    gradient_ = Vector("gradient", static_cast<std::size_t>(state.layout().size()));
  }
  void step(Oracle& oracle, Vector /*params*/) override {
    oracle.gradient(gradient_, {.sampled_labels = true});
    if (oracle.progress().step % 2 == 0) oracle.gradient(gradient_, {});
  }

 private:
  Vector gradient_;
};

TEST_CASE("gradient_norms does not take a gradient of drawn labels for one of the loss") {
  AlgorithmInfo drawing;
  drawing.name = "drawing";
  drawing.make = [](const Parameters&, const Registry&) { return std::make_unique<Drawing>(); };
  Registry registry;
  registry.add(drawing);
  registry.add(builtin_registry().algorithm("gradient_norms"));
  Component wrapped{"gradient_norms", {}};
  wrapped.parameters.set("inner", std::vector<Component>{{"drawing", {}}});
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(wrapped, layout, registry);
  for (const int t : {1, 2, 3}) {
    rider.step(oracle, t);
    const std::map<std::string, double> observed = rider.observed();
    CHECK(std::isnan(observed.at("grad_norm")) == (t != 2));
    CHECK(std::isnan(observed.at("grad_norm_l1")) == (t != 2));
  }
}

TEST_CASE("gradient_norms reports a gradient that is not finite as it is") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout, [&](std::int64_t) {
    std::vector<double> gradient(static_cast<std::size_t>(layout.size()), 1.0);
    gradient[3] = -std::numeric_limits<double>::infinity();
    return gradient;
  });
  test::Rider rider(measured("sgd"), layout);
  rider.start(oracle);
  rider.step(oracle, 1);
  const std::map<std::string, double> observed = rider.observed();
  CHECK(std::isinf(observed.at("grad_norm")));
  CHECK(std::isinf(observed.at("grad_norm_l1")));
}

TEST_CASE("gradient_norms keeps nothing of its own") {
  CHECK(test::state_bytes("gradient_norms") == test::bytes_of({}));
}

TEST_CASE("gradient_norms keeps nothing beside its inner algorithm") {
  CHECK(test::state_bytes("gradient_norms") == test::bytes_of({}));
}

}  // namespace
}  // namespace velo
