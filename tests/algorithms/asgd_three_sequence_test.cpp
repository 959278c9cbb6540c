#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;
using test::largest_difference;
using test::rounding_bound;
using test::ScalarRule;

struct Options {
  double lr = 0.01, long_step = 7.0, alpha = 0.9, beta = 0.1, weight_decay = 0.0, tail = 0.0;
};

Component asgd(const Options& o) {
  return component("asgd_three_sequence", {{"lr", Schedule(o.lr)},
                                           {"long_step", Schedule(o.long_step)},
                                           {"alpha", Schedule(o.alpha)},
                                           {"beta", Schedule(o.beta)},
                                           {"weight_decay", Schedule(o.weight_decay)},
                                           {"tail", Schedule(o.tail)}});
}

/// Algorithm 1 of Jain et al. for one number: the point where the next gradient is taken.
ScalarRule reference(const Options& o) {
  return [o, v = 0.0](double y, double g, int t) mutable {
    if (t == 1) v = y;
    g += o.weight_decay * y;
    const double x = y - o.lr * g;
    const double z = o.beta * y + (1.0 - o.beta) * v;
    v = z - o.long_step * o.lr * g;
    return o.alpha * x + (1.0 - o.alpha) * v;
  };
}

double difference(const Options& o) {
  return largest_difference(asgd(o), [o](ParameterKind) { return reference(o); });
}

// Per step and parameter: 2 roundings in g, 2 in x, 5 in v, 4 in y, of values below 4 (v moves by 0.07 at most a step).
// Mixtures do not lengthen errors, nor does the decay with long_step lr wd < beta.
constexpr int operations = 13;

TEST_CASE("asgd_three_sequence follows its scalar definition") {
  CHECK(difference({}) <= rounding_bound(operations, 25, 4.0));
  CHECK(difference({.alpha = 0.3, .beta = 0.7}) <= rounding_bound(operations, 25, 4.0));
  CHECK(difference({.long_step = 2.0}) <= rounding_bound(operations, 25, 4.0));
  CHECK(difference({.weight_decay = 0.3}) <= rounding_bound(operations, 25, 4.0));
}

TEST_CASE("asgd_three_sequence with its defaults is AccSGD with its own") {
  // Kidambi et al., in the form with a long step and one buffer.
  const double lr = 0.01, kappa = 1000.0, xi = 10.0, c = 0.7;
  const auto accsgd = [=](ParameterKind) -> ScalarRule {
    return [=, buffer = 0.0](double p, double g, int t) mutable {
      if (t == 1) buffer = p;
      const double forget = c * c * xi / kappa;
      buffer = (1.0 - forget) * buffer + forget * (p - lr * kappa / c * g);
      const double zeta = c / (c + forget);
      return zeta * (p - lr * g) + (1.0 - zeta) * buffer;
    };
  };
  const Component defaults = component("asgd_three_sequence", {{"lr", Schedule(lr)}});
  CHECK(largest_difference(defaults, accsgd) <= rounding_bound(operations, 25, 4.0));
}

TEST_CASE("asgd_three_sequence is sgd where both steps are one, and where the far sequence has no weight") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Options& o : {Options{.long_step = 1.0, .alpha = 0.6, .beta = 1.0}, Options{.alpha = 1.0}}) {
    test::GivenGradients oracle(layout);
    test::Rider rider(asgd(o), layout), sgd(component("sgd", {{"lr", Schedule(o.lr)}}), layout);
    rider.start(oracle);
    sgd.start(oracle);
    for (int t = 1; t <= 20; ++t) {
      rider.step(oracle, t);
      sgd.step(oracle, t);
      CHECK(rider.params() == sgd.params());
      CHECK(rider.evaluation_params() == sgd.params());
    }
  }
}

TEST_CASE("asgd_three_sequence evaluates the short step's point, then the mean of those in the tail") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);  // 20 steps
  const Options o = {.tail = 0.4};
  test::Rider rider(asgd(o), layout);
  rider.start(oracle);
  CHECK(rider.evaluation_params() == rider.params());
  std::vector<double> sum(static_cast<std::size_t>(layout.size()), 0.0);
  for (int t = 1; t <= 20; ++t) {
    const std::vector<double> y = rider.params(), g = oracle.gradients(t);
    rider.step(oracle, t);
    const std::vector<double> evaluated = rider.evaluation_params();
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double x = y[i] - o.lr * g[i];
      if (t > 12) sum[i] += x;
      const double expected = t > 12 ? sum[i] / (t - 12) : x;
      // 2 roundings in x, 3 in each of up to 8 updates of the mean.
      CHECK(std::abs(evaluated[i] - expected) <= rounding_bound(26, 1));
    }
  }
}

/// curvature * x + noise, coordinate by coordinate; the curvature is 1 in every other one and 1/100 between.
class Quadratic : public test::GivenGradients {
 public:
  Quadratic(const ParameterLayout& layout, double noise) : GivenGradients(layout), noise_(noise) {}
  [[nodiscard]] static bool steep(std::size_t i) { return i % 2 == 0; }
  void attach(const Vector& params) { params_ = params; }
  double gradient(Vector out, const Query&) override {
    std::vector<double> g = test::to_host(params_);
    for (std::size_t i = 0; i < g.size(); ++i)
      g[i] = (steep(i) ? 1.0 : 0.01) * g[i] + noise_ * test::scattered(static_cast<std::uint64_t>(progress().step), i);
    Kokkos::deep_copy(out, test::to_device(g));
    return 1.0;
  }

 private:
  double noise_;
  Vector params_;
};

struct Errors {
  double steep = 0.0, flat = 0.0;  ///< mean squares
};

Errors errors_after(const Component& algorithm, int steps, double start, double noise) {
  const ParameterLayout layout = test::awkward_layout();
  Quadratic oracle(layout, noise);
  test::Rider rider(algorithm, layout);
  Kokkos::deep_copy(rider.params_view(), static_cast<Scalar>(start));
  oracle.attach(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, steps);
  const std::vector<double> x = rider.evaluation_params();
  Errors out;
  for (std::size_t i = 0; i < x.size(); ++i) (Quadratic::steep(i) ? out.steep : out.flat) += x[i] * x[i] / 70.0;
  return out;
}

TEST_CASE("asgd_three_sequence forgets its start sooner than sgd where it is flat, later where it is steep") {
  // Li et al.: the bias. Both with the short step lr.
  const Component accelerated = component("asgd_three_sequence", {{"lr", Schedule(0.5)}});
  const Component sgd = component("sgd", {{"lr", Schedule(0.5)}});
  const Errors a = errors_after(accelerated, 100, 1.0, 0.0), s = errors_after(sgd, 100, 1.0, 0.0);
  CHECK(a.flat < 0.1 * s.flat);
  CHECK(a.steep > 1e6 * s.steep);
}

TEST_CASE("asgd_three_sequence gathers more noise than sgd everywhere") {
  // Li et al.: the variance.
  const Component accelerated = component("asgd_three_sequence", {{"lr", Schedule(0.5)}});
  const Component sgd = component("sgd", {{"lr", Schedule(0.5)}});
  const Errors a = errors_after(accelerated, 100, 0.0, 0.1), s = errors_after(sgd, 100, 0.0, 0.1);
  CHECK(a.flat > s.flat);
  CHECK(a.steep > s.steep);
}

TEST_CASE("asgd_three_sequence keeps two values per parameter, and how many points its mean holds") {
  CHECK(test::state_bytes("asgd_three_sequence") == test::bytes_of({.per_parameter = 2, .numbers = 1}));
}

}  // namespace
}  // namespace velo
