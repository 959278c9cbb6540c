#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <map>

#include "algorithms/private/privacy_accountant.hpp"
#include "results/error.hpp"
#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  double lr = 0.1, momentum = 0.0, clip_norm = 5.0, noise = 0.7;
  std::int64_t slice = 5;
};

Component dp_sgd(const Options& o) {
  return component("dp_sgd", {{"lr", Schedule(o.lr)},
                              {"momentum", Schedule(o.momentum)},
                              {"clip_norm", Schedule(o.clip_norm)},
                              {"noise_multiplier", Schedule(o.noise)},
                              {"slice", o.slice}});
}

double norm(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

/// Keeps what was chosen; every slice that is asked about is part of it.
class Chosen : public test::QuadraticExamples {
 public:
  using QuadraticExamples::QuadraticExamples;
  Batch choose(std::span<const Index> examples) override {
    chosen.assign(examples.begin(), examples.end());
    asked.clear();
    return {.id = ++choices, .split = Split::train, .examples = examples};
  }
  double example_gradients(Vector out, const Query& query) override {
    REQUIRE(query.batch != nullptr);
    largest_slice = std::max(largest_slice, query.batch->size());
    asked.insert(asked.end(), query.batch->examples.begin(), query.batch->examples.end());
    return QuadraticExamples::example_gradients(out, query);
  }
  std::vector<Index> chosen, asked;
  std::uint64_t choices = 0;
  Index largest_slice = 0;
};

/// The step's sample as the header says it, with the logarithm of the standard library.
std::vector<Index> sampled(std::int64_t step, double rate, Index count) {
  const RandomStream stream = RandomStream(7, Purpose::algorithm, static_cast<std::uint64_t>(step)).fork(0);
  std::vector<Index> out;
  Index at = -1;
  for (std::uint64_t k = 0;; ++k) {
    const double u = static_cast<double>((stream.bits(k) >> 11) + 1) * 0x1p-53;
    at += 1 + static_cast<Index>(std::floor(std::log(u) / std::log1p(-rate)));
    if (at >= count) return out;
    out.push_back(at);
  }
}

/// Share of the examples that were clipped, over 25 steps.
double check_trajectory(const Options& o, Index batch_size) {
  const ParameterLayout layout = test::awkward_layout();
  const auto size = static_cast<std::size_t>(layout.size());
  Chosen oracle(layout, batch_size, 1.5);
  test::Rider rider(dp_sgd(o), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const double rate = static_cast<double>(batch_size) / 1000.0;
  std::vector<double> velocity(size, 0.0), velocity_error(size, 0.0);
  double clipped = 0.0, seen = 0.0;
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> x = rider.params();
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    const std::vector<Index> examples = sampled(t, rate, 1000);
    REQUIRE(oracle.chosen == examples);
    REQUIRE(oracle.asked == examples);

    std::vector<double> sum(size, 0.0), magnitude(size, 0.0);
    for (const Index e : examples) {
      std::vector<double> g = oracle.gradient_at(x, std::vector<Index>{e});
      const double length = norm(g), factor = length > o.clip_norm ? o.clip_norm / length : 1.0;
      clipped += length > o.clip_norm ? 1.0 : 0.0;
      seen += 1.0;
      for (std::size_t i = 0; i < size; ++i) {
        sum[i] += factor * g[i];
        magnitude[i] += factor * std::abs(g[i]);
      }
    }
    const RandomStream noise = RandomStream(7, Purpose::algorithm, static_cast<std::uint64_t>(t)).fork(1);
    for (std::size_t i = 0; i < size; ++i) {
      const double z = o.noise * o.clip_norm * noise.normal(i);
      velocity[i] = o.momentum * velocity[i] + (sum[i] + z) / static_cast<double>(batch_size);
      // Every gradient is rounded once, its factor by as much; the sum is rounded once a slice; then noise, sum with
      // noise, 1 / batch and product, momentum and its sum: 7 of what the velocity is made of.
      const double slices = static_cast<double>(examples.size()) / static_cast<double>(o.slice) + 1.0;
      const double parts =
          (magnitude[i] * (2.0 + slices) + 5.0 * (magnitude[i] + std::abs(z))) / static_cast<double>(batch_size);
      velocity_error[i] = o.momentum * velocity_error[i] + half_ulp * (parts + 2.0 * std::abs(velocity[i]));
      const double expected = x[i] - o.lr * velocity[i];
      const double own = half_ulp * (2.0 * o.lr * std::abs(velocity[i]) + std::abs(expected));
      CHECK(std::abs(params[i] - expected) <= 1.01 * (o.lr * velocity_error[i] + own));
    }
  }
  CHECK(oracle.largest_slice <= o.slice);
  return clipped / seen;
}

TEST_CASE("dp_sgd follows the paper's Algorithm 1, written down in double, whatever the slice") {
  const double some = check_trajectory({.clip_norm = 17.0}, 16);
  CHECK(some > 0.05);
  CHECK(some < 0.95);
  CHECK(check_trajectory({.momentum = 0.9, .clip_norm = 1.0, .slice = 1}, 30) == 1.0);
  CHECK(check_trajectory({.clip_norm = 1e4, .noise = 1e-3, .slice = 64}, 7) == 0.0);
}

TEST_CASE("without clipping and noise, and with every example in the batch, dp_sgd is sgd") {
  const ParameterLayout layout = test::awkward_layout();
  Chosen oracle(layout, 1000);
  test::Rider rider(dp_sgd({.lr = 0.1, .clip_norm = 1e6, .noise = 0.0, .slice = 64}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  const std::vector<double> x = rider.params();
  rider.step(oracle, 1);
  REQUIRE(oracle.chosen.size() == 1000);
  const std::vector<double> g = oracle.gradient_at(x, oracle.chosen), params = rider.params();
  // 16 slices and a few more roundings of numbers below 10.
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(std::abs(params[i] - (x[i] - 0.1 * g[i])) <= 20.0 * half_ulp * 10.0);
}

TEST_CASE("one example moves a step by at most lr clip_norm over the batch size: its influence is bounded") {
  const ParameterLayout layout = test::awkward_layout();
  const double clip_norm = 2.0;
  for (const double size : {1e-3, 1.0, 1e20}) {
    test::GivenGradients oracle(
        layout, [&](std::int64_t) { return std::vector<double>(static_cast<std::size_t>(layout.size()), size); });
    test::Rider rider(dp_sgd({.lr = 1.0, .clip_norm = clip_norm, .noise = 0.0}), layout);
    rider.start(oracle);
    std::vector<double> moved = rider.params();
    rider.step(oracle, 1);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= params[i];
    const auto examples = static_cast<double>(sampled(1, 0.064, 1000).size());
    const double each = std::min(clip_norm, size * std::sqrt(139.0));
    // The move is a difference of numbers below 4, in 139 coordinates.
    CHECK_THAT(norm(moved), WithinAbs(examples * each / 64.0, 30.0 * half_ulp * 4.0 * std::sqrt(139.0)));
  }
}

TEST_CASE("the noise of dp_sgd has mean zero and the deviation that its account counts on") {
  ParameterLayout layout;
  layout.add({.name = "x", .kind = ParameterKind::weight, .shape = {40000}});
  test::GivenGradients oracle(layout, [](std::int64_t) { return std::vector<double>(40000, 0.0); });
  test::Rider rider(dp_sgd({.lr = 1.0, .clip_norm = 3.0, .noise = 1.5, .slice = 2}), layout);
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.step(oracle, 1);
  const std::vector<double> after = rider.params();
  double mean = 0.0, square = 0.0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double z = after[i] - before[i];
    mean += z / 40000.0;
    square += z * z / 40000.0;
  }
  const double deviation = 1.5 * 3.0 / 64.0;
  // Five standard errors: 5 / sqrt(40000), and 5 sqrt(2 / 40000) of a variance.
  CHECK(std::abs(mean) < 0.025 * deviation);
  CHECK_THAT(square / (deviation * deviation), WithinAbs(1.0, 0.036));
}

TEST_CASE("batches of dp_sgd are Poisson samples: each example as often as the rate says, sizes binomial") {
  const ParameterLayout layout = test::awkward_layout();
  Chosen oracle(layout, 50);
  test::Rider rider(dp_sgd({.lr = 0.0}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  std::vector<int> count(1000, 0);
  double total = 0.0, squares = 0.0;
  const int steps = 400;
  for (int t = 1; t <= steps; ++t) {
    rider.step(oracle, t);
    CHECK(std::is_sorted(oracle.chosen.begin(), oracle.chosen.end()));
    for (const Index e : oracle.chosen) ++count[static_cast<std::size_t>(e)];
    total += static_cast<double>(oracle.chosen.size());
    squares += std::pow(static_cast<double>(oracle.chosen.size()) - 50.0, 2);
  }
  // Five standard errors: of the mean size, sqrt(47.5 / 400), and of its variance 47.5, sqrt(2 / 400) of it.
  CHECK_THAT(total / steps, WithinAbs(50.0, 5.0 * std::sqrt(47.5 / steps)));
  CHECK_THAT(squares / steps, WithinAbs(47.5, 5.0 * 47.5 * std::sqrt(2.0 / steps)));
  // Expected 20 each, deviation 4.4; the farthest of 1000 stays within 5.
  for (const int c : count) CHECK(std::abs(c - 20) <= 22);
}

TEST_CASE("dp_sgd reports the epsilon of the steps made so far, and none without noise") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout);
  test::Rider rider(dp_sgd({.noise = 1.1}), layout);
  rider.start(oracle);
  const PrivacyAccountant accountant(0.064, 1.1);
  for (int t = 1; t <= 3; ++t) {
    rider.step(oracle, t);
    const std::map<std::string, double> observed = rider.observed();
    CHECK(observed.at("epsilon") == accountant.epsilon(t, 1e-5));
    CHECK(observed.at("batch") == static_cast<double>(sampled(t, 0.064, 1000).size()));
    CHECK(observed.at("clipped") == 1.0);
  }
  test::Rider open(dp_sgd({.noise = 0.0}), layout);
  open.start(oracle);
  open.step(oracle, 1);
  CHECK_FALSE(open.observed().contains("epsilon"));
}

TEST_CASE("dp_sgd refuses a noise that changes: its account would be wrong") {
  Schedule falling(1.0);
  falling.shape = Schedule::Shape::linear;
  CHECK_THROWS_WITH(builtin_registry().make(component("dp_sgd", {{"noise_multiplier", falling}})),
                    Catch::Matchers::ContainsSubstring("dp_sgd: noise_multiplier must be a number, not a schedule"));
}

// The accountant.

TEST_CASE("the accountant gives the published epsilons of TensorFlow Privacy") {
  // tensorflow/privacy, compute_dp_sgd_privacy_test.py: examples, batch, sigma, epochs, delta, epsilon and order.
  struct Known {
    double examples, batch, sigma, epochs, delta, epsilon;
    std::int64_t order;
  };
  for (const Known& k : {Known{60000, 150, 1.3, 15, 1e-5, 0.7242234026109595, 19},
                         Known{100000, 100, 1.0, 30, 1e-7, 1.4154988495444845, 13}}) {
    const PrivacyAccountant accountant(k.batch / k.examples, k.sigma);
    const auto steps = static_cast<std::int64_t>(std::llround(k.epochs * k.examples / k.batch));
    // Logarithms of factorials up to 64! carry errors of 2^-53 log(64!) = 2e-14, relative in every term.
    CHECK_THAT(accountant.epsilon(steps, k.delta), WithinRel(k.epsilon, 1e-12));
    CHECK(accountant.order(steps, k.delta) == k.order);
  }
  // Its third case is best at order 1.25, which is not among ours: an upper bound.
  CHECK(PrivacyAccountant(1024.0 / 1e8, 0.1).epsilon(976563, 1e-7) >= 5907982.31138195);
}

TEST_CASE("the accountant gives the published divergences of TensorFlow Privacy") {
  // tensorflow/privacy, rdp_accountant_test.py, with the digits printed there.
  CHECK_THAT(10.0 * sampled_gaussian_divergence(0.1, 2.0, 5), WithinAbs(0.07737, 5e-6));
  CHECK_THAT(50.0 * sampled_gaussian_divergence(0.01, 2.5, 5), WithinAbs(0.00218075, 1e-5));
  CHECK_THAT(50.0 * sampled_gaussian_divergence(0.01, 2.5, 50), WithinAbs(0.023846, 1e-5));
  CHECK_THAT(50.0 * sampled_gaussian_divergence(0.01, 2.5, 100), WithinAbs(167.416307, 1e-5));
  CHECK(sampled_gaussian_divergence(0.0, 10.0, 20) == 0.0);
  CHECK_THAT(sampled_gaussian_divergence(1.0, 10.0, 20), WithinRel(0.1, 1e-15));
}

/// E over z ~ N(0, sigma^2) of ((1 - q) + q exp((2 z - 1) / (2 sigma^2)))^a by the trapezoidal rule, which converges
/// faster than any power on a Gaussian.
double divergence_by_quadrature(double q, double sigma, double a) {
  const double step = sigma / 64.0, end = 14.0 * sigma + a;
  std::vector<double> logs;
  for (double z = -14.0 * sigma; z <= end; z += step) {
    const double log_density = -0.5 * z * z / (sigma * sigma) - std::log(sigma * std::sqrt(2.0 * M_PI));
    const double ratio = (1.0 - q) + q * std::exp((2.0 * z - 1.0) / (2.0 * sigma * sigma));
    logs.push_back(std::log(step) + log_density + a * std::log(ratio));
  }
  const double largest = *std::max_element(logs.begin(), logs.end());
  double sum = 0.0;
  for (const double value : logs) sum += std::exp(value - largest);
  return (largest + std::log(sum)) / (a - 1.0);
}

TEST_CASE("the accountant's sum is the integral that defines the divergence") {
  for (const double q : {0.001, 0.02, 0.3, 0.9})
    for (const double sigma : {0.8, 1.5, 6.0})
      for (const std::int64_t a : {2, 3, 8, 31}) {
        INFO("q " << q << ", sigma " << sigma << ", order " << a);
        const double integral = divergence_by_quadrature(q, sigma, static_cast<double>(a));
        // The integral loses what lies below the rounding of 1.
        CHECK_THAT(sampled_gaussian_divergence(q, sigma, a), WithinRel(integral, 1e-9) || WithinAbs(integral, 1e-13));
      }
}

/// The delta of Gaussian noise on sums that differ by mu deviations: the least possible one at this epsilon (Balle & Wang,
/// ICML 2018, arXiv:1805.06530, theorem 8). Releases without sampling are one release with mu = sqrt(releases) / sigma.
double gaussian_delta(double mu, double epsilon) {
  const auto below = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  return below(0.5 * mu - epsilon / mu) - std::exp(epsilon) * below(-0.5 * mu - epsilon / mu);
}

TEST_CASE("epsilon is no smaller than the least possible one") {
  for (const double sigma : {0.7, 1.0, 4.0})
    for (const std::int64_t releases : {1, 16, 100})
      for (const double least : {0.25, 1.0, 4.0}) {
        const double delta = gaussian_delta(std::sqrt(static_cast<double>(releases)) / sigma, least);
        if (delta < 1e-12) continue;  // the difference of two numbers of this size
        INFO("sigma " << sigma << ", releases " << releases << ", epsilon " << least);
        CHECK(PrivacyAccountant(1.0, sigma).epsilon(releases, delta) >= least);
      }
  // Koskela, Jalko, Honkela, AISTATS 2020, arXiv:1906.03049, the example of their code: q = 0.01, sigma = 4 and 10000
  // releases have delta(1) = 4.2435e-6 when an example is added or removed. So has the distribution of the privacy loss
  // log((1 - q) + q exp((2 z - 1) / (2 sigma^2))), z ~ (1 - q) N(0, sigma^2) + q N(1, sigma^2), convolved 10000 times on
  // 2^21 points in [-12, 12]; with the roles of the two exchanged it is smaller, 3.5299e-6.
  const PrivacyAccountant accountant(0.01, 4.0);
  const double delta = 4.243484012034273e-06, epsilon = accountant.epsilon(10000, delta);
  CHECK(epsilon >= 1.0);
  // What Renyi orders cost above that: the smallest epsilon over our orders, of divergences that are integrated, is best
  // at order 18. The integral's error of 1e-13 enters 10000 / 17 times.
  const double a = 18.0;
  const double renyi =
      10000.0 * divergence_by_quadrature(0.01, 4.0, a) + std::log1p(-1.0 / a) - std::log(delta * a) / (a - 1.0);
  CHECK(accountant.order(10000, delta) == 18);
  CHECK_THAT(epsilon, WithinAbs(renyi, 1e-9));
}

TEST_CASE("epsilon grows with releases, rate and certainty, and falls with noise") {
  const PrivacyAccountant accountant(0.01, 4.0);
  CHECK(accountant.epsilon(2000, 1e-5) > accountant.epsilon(1000, 1e-5));
  CHECK(PrivacyAccountant(0.02, 4.0).epsilon(1000, 1e-5) > accountant.epsilon(1000, 1e-5));
  CHECK(PrivacyAccountant(0.01, 3.0).epsilon(1000, 1e-5) > accountant.epsilon(1000, 1e-5));
  CHECK(accountant.epsilon(1000, 1e-6) > accountant.epsilon(1000, 1e-5));
  // Abadi et al., section 3.2: q = 0.01, sigma = 4, delta = 1e-5, 100 epochs: 1.26 by their accountant, whose conversion
  // to epsilon is looser. The least possible one, by the convolution above, is 0.947.
  CHECK(accountant.epsilon(10000, 1e-5) < 1.26);
  CHECK(accountant.epsilon(10000, 1e-5) > 0.947);
}

/// Least squares with examples that nearly agree, at a batch size of 100: the last parameters, whether every example was
/// always clipped, and the mean loss of the steps after the fortieth.
struct Outcome {
  std::vector<double> params;
  bool all_clipped = true;
  double loss = 0.0;
};
Outcome train(double clip_norm, double lr) {
  const ParameterLayout layout = test::awkward_layout();
  Chosen oracle(layout, 100, 0.1);
  test::Rider rider(dp_sgd({.lr = lr, .clip_norm = clip_norm, .noise = 1.0, .slice = 32}), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  Outcome out;
  for (int t = 1; t <= 60; ++t) {
    rider.step(oracle, t);
    out.all_clipped = out.all_clipped && rider.observed().at("clipped") == 1.0;
    if (t > 40) out.loss += oracle.loss_at(rider.params(), std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7}) / 20.0;
  }
  out.params = rider.params();
  return out;
}

TEST_CASE("below every example's length the clip norm is a factor of the learning rate: lowering it costs nothing") {
  // Gradient and noise are proportional to it; powers of two leave every bit as it is.
  const Outcome reference = train(0.25, 0.3);
  CHECK(reference.all_clipped);
  for (const double factor : {0.5, 0.0625}) CHECK(train(0.25 * factor, 0.3 / factor).params == reference.params);
}

TEST_CASE("above every example's length the clip norm only adds noise, whose loss grows with its square") {
  // At rest x has the variance lr^2 s^2 / (1 - (1 - lr h)^2) about its mean, s = clip_norm / 100, which costs h / 2 of it:
  // lr s^2 / (2 (2 - lr h)) in each of 139 coordinates. The mean over 20 steps, whose noise lasts about 1 / (lr h) = 3 of
  // them, has a relative deviation of sqrt(2 / 139 * 3 * 2 / 20) = 0.07; three of those.
  const ParameterLayout layout = test::awkward_layout();
  const Chosen oracle(layout, 100, 0.1);
  const double quiet = train(4.0, 0.3).loss;
  for (const double clip_norm : {40.0, 400.0}) {
    double expected = 0.0;
    for (std::size_t i = 0; i < 139; ++i)
      expected += 0.3 * std::pow(clip_norm / 100.0, 2) / (2.0 * (2.0 - 0.3 * oracle.curvature(i)));
    INFO("clip norm " << clip_norm);
    CHECK_THAT(train(clip_norm, 0.3).loss - quiet, WithinRel(expected, 0.2));
  }
}

TEST_CASE("dp_sgd keeps one value per parameter, and a count of its steps") {
  CHECK(test::state_bytes("dp_sgd") == test::bytes_of({.per_parameter = 1, .numbers = 1}));
}

}  // namespace
}  // namespace velo
