#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  std::string preconditioner = "hutchinson", slack = "none";
  double lr = 1e6, slack_weight = 0.01, lower_bound = 0.0, beta = 0.9, alpha = 1e-4, eps = 1e-3;
  std::int64_t init_samples = 3;
};

Component psps(const Options& o) {
  return component("psps", {{"preconditioner", o.preconditioner},
                            {"slack", o.slack},
                            {"lr", Schedule(o.lr)},
                            {"slack_weight", Schedule(o.slack_weight)},
                            {"lower_bound", Schedule(o.lower_bound)},
                            {"beta", Schedule(o.beta)},
                            {"alpha", Schedule(o.alpha)},
                            {"eps", Schedule(o.eps)},
                            {"init_samples", o.init_samples}});
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Given gradients with losses between 1 and 3 and a dense Hessian: diag(c) + u u', with negative entries in c.
class Curved : public test::GivenGradients {
 public:
  using GivenGradients::GivenGradients;

  static double loss_at(std::int64_t step) { return 2.0 + test::scattered(static_cast<std::uint64_t>(step), 1000); }
  static double diagonal(std::size_t i) { return (i % 3 == 0 ? -1.0 : 1.0) * (1.0 + 0.5 * test::scattered(200, i)); }
  static double along(std::size_t i) { return 0.1 * test::scattered(201, i); }
  static std::vector<double> product(const std::vector<double>& direction) {
    std::vector<double> out(direction.size());
    double inner = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) inner += along(i) * direction[i];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = diagonal(i) * direction[i] + along(i) * inner;
    return out;
  }
  double gradient(Vector out, const Query& query) override {
    GivenGradients::gradient(out, query);
    return loss_at(progress().step);
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query& query) override {
    ++products;
    CHECK(query.batch == nullptr);
    CHECK(query.at.extent(0) == 0);
    Kokkos::deep_copy(out, test::to_device(product(test::to_host(direction))));
  }
  int products = 0;
};

/// z Hz of a sample, with the signs that the rule's stream promises: the last bit of number i.
std::vector<double> sample(std::size_t size, std::int64_t step, std::uint64_t number) {
  const RandomStream stream = RandomStream(7, Purpose::algorithm, static_cast<std::uint64_t>(step)).fork(number);
  std::vector<double> z(size);
  for (std::size_t i = 0; i < size; ++i) z[i] = (stream.bits(i) & 1) != 0 ? 1.0 : -1.0;
  std::vector<double> out = Curved::product(z);
  for (std::size_t i = 0; i < size; ++i) out[i] *= z[i];
  return out;
}

/// Steps that were shorter than the unbounded ones, out of 25.
int check_trajectory(const Options& o) {
  const ParameterLayout layout = test::awkward_layout();
  const auto size = static_cast<std::size_t>(layout.size());
  Curved oracle(layout, 25);
  test::Rider rider(psps(o), layout);
  rider.start(oracle);

  std::vector<double> kept(size, 0.0), error(size, 0.0), d(size, 1.0);
  double s = 0.0, s_error = 0.0;
  std::uint64_t samples = 0;
  int bounded = 0;
  for (int t = 1; t <= 25; ++t) {
    const std::vector<double> x = rider.params(), g = oracle.gradients(t);
    // d or v, each step 4 roundings of numbers no larger than the new one's terms.
    const auto mix = [&](double keep, double add, const std::vector<double>& fresh) {
      for (std::size_t i = 0; i < size; ++i) {
        const double magnitude = keep * std::abs(kept[i]) + add * std::abs(fresh[i]);
        kept[i] = keep * kept[i] + add * fresh[i];
        error[i] = keep * error[i] + 5.0 * half_ulp * magnitude;
      }
    };
    std::vector<double> squares(size);
    for (std::size_t i = 0; i < size; ++i) squares[i] = g[i] * g[i];
    if (o.preconditioner == "hutchinson") {
      if (t == 1)
        for (int k = 1; k <= o.init_samples; ++k) mix((k - 1.0) / k, 1.0 / k, sample(size, t, samples++));
      mix(o.beta, 1.0 - o.beta, sample(size, t, samples++));
    }
    if (o.preconditioner == "adam") mix(o.beta, 1.0 - o.beta, squares);
    if (o.preconditioner == "adagrad") mix(1.0, 1.0, squares);

    double norm = 0.0, norm_error = 0.0;
    std::vector<double> relative(size, 0.0);
    for (std::size_t i = 0; i < size; ++i) {
      if (o.preconditioner == "hutchinson") {
        d[i] = std::max(o.alpha, std::abs(kept[i]));
        relative[i] = error[i] / d[i];
      } else if (o.preconditioner != "none") {
        const double held = o.preconditioner == "adam" ? 1.0 - std::pow(o.beta, t) : 1.0;
        d[i] = std::sqrt(kept[i] / held) + o.eps;
        // The root halves what is relative to its square; eps only helps.
        relative[i] = kept[i] > 0.0 ? 0.5 * error[i] / kept[i] : 0.0;
      }
      norm += g[i] * g[i] / d[i];
      norm_error += g[i] * g[i] / d[i] * (relative[i] + 2.0 * half_ulp);
    }
    const double f = std::max(Curved::loss_at(t) - o.lower_bound, 0.0);
    double gamma = f / norm, gamma_error = f / norm * norm_error / norm;
    if (o.slack == "l1") {
      const double old_error = s_error;
      const double projected = std::max(f - s + o.slack_weight, 0.0) / (1.0 + norm);
      const double projected_error = (old_error + projected * norm_error) / (1.0 + norm);
      if (projected < gamma) {
        gamma = projected;
        gamma_error = std::max(projected_error, gamma_error);
      }
      s = std::max(s - o.slack_weight + projected, 0.0);
      s_error = old_error + projected_error;
    }
    if (o.slack == "l2") {
      const double u = 1.0 / (1.0 + o.slack_weight);
      gamma = std::max(f - u * s, 0.0) / (u + norm);
      gamma_error = (s_error + gamma * norm_error) / (u + norm);
      s = u * (s + gamma);
      s_error += gamma_error;
    }
    if (gamma > o.lr) {
      gamma = o.lr;
      gamma_error = 0.0;
      ++bounded;
    }

    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < size; ++i) {
      const double move = gamma * g[i] / d[i];
      const double expected = x[i] - move;
      // Its own roundings: the move's to a scalar and the difference.
      const double own = half_ulp * (std::abs(move) + std::abs(expected) + std::abs(move));
      CHECK(std::abs(params[i] - expected) <=
            std::abs(g[i] / d[i]) * gamma_error + std::abs(move) * 1.01 * relative[i] + 1.01 * own);
    }
  }
  if (o.preconditioner == "hutchinson") CHECK(oracle.products == 25 + static_cast<int>(o.init_samples));
  if (o.preconditioner != "hutchinson") CHECK(oracle.products == 0);
  return bounded;
}

TEST_CASE("psps follows the papers' updates, written down in double, for every preconditioner and slack") {
  for (const std::string preconditioner : {"none", "hutchinson", "adam", "adagrad"})
    for (const std::string slack : {"none", "l1", "l2"}) {
      INFO(preconditioner << ", slack " << slack);
      CHECK(check_trajectory({.preconditioner = preconditioner, .slack = slack}) == 0);
      CHECK(check_trajectory({.preconditioner = preconditioner, .slack = slack, .slack_weight = 0.7}) == 0);
      CHECK(check_trajectory({.preconditioner = preconditioner, .slack = slack, .lower_bound = 1.5}) == 0);
    }
  const int bounded = check_trajectory({.lr = 0.04, .alpha = 0.8});
  CHECK(bounded > 3);
  CHECK(bounded < 22);
}

/// f(x) = sum of c_i s_i^2 x_i^2 / 2: a quadratic whose columns are scaled by s_i.
class Scaled : public test::GivenGradients {
 public:
  Scaled(const ParameterLayout& layout, const test::Rider& rider, double spread)
      : GivenGradients(layout, 2000), rider_(&rider), spread_(spread) {}

  [[nodiscard]] double curvature(std::size_t i) const {
    const double scale = std::pow(spread_, static_cast<double>(i % 7) / 6.0);
    return (1.0 + 0.5 * test::scattered(200, i)) * scale * scale;
  }
  [[nodiscard]] double value() const {
    const std::vector<double> x = rider_->params();
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += 0.5 * curvature(i) * x[i] * x[i];
    return sum;
  }
  double gradient(Vector out, const Query&) override {
    std::vector<double> g = rider_->params();
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= curvature(i);
    Kokkos::deep_copy(out, test::to_device(g));
    return value();
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    std::vector<double> product = test::to_host(direction);
    for (std::size_t i = 0; i < product.size(); ++i) product[i] *= curvature(i);
    Kokkos::deep_copy(out, test::to_device(product));
  }

 private:
  const test::Rider* rider_;
  double spread_;
};

/// Steps until the loss is a millionth of its start, at most 1000.
int steps_to_solve(const Options& o, double spread) {
  const ParameterLayout layout = test::awkward_layout();
  test::Rider rider(psps(o), layout);
  Scaled oracle(layout, rider, spread);
  rider.start(oracle);
  const double start = oracle.value();
  for (int t = 1; t <= 1000; ++t) {
    rider.step(oracle, t);
    if (oracle.value() < 1e-6 * start) return t;
  }
  return 1000;
}

TEST_CASE("with the Hessian's diagonal, scaled columns cost psps no step; without it, the plain step size crawls") {
  const int scaled = steps_to_solve({.preconditioner = "hutchinson"}, 100.0);
  CHECK(scaled == steps_to_solve({.preconditioner = "hutchinson"}, 1.0));
  // D = H: Polyak's step is half a Newton step, so every step divides the loss by four.
  CHECK(scaled == 10);
  CHECK(steps_to_solve({.preconditioner = "none"}, 100.0) > 50 * scaled);
  CHECK(steps_to_solve({.preconditioner = "none"}, 1.0) < 10 * scaled);
}

/// 1/2 |x - y|_D^2 + 1/2 (s - s0)^2 + weight s (l1) or weight s^2 / 2 (l2) along the ray x - gamma D^-1 g, s as small as
/// the linear model and 0 allow.
double objective(const Options& o, double gamma, double f, double norm, double s0) {
  const double least = std::max(f - gamma * norm, 0.0);
  const double best = o.slack == "l1" ? s0 - o.slack_weight : s0 / (1.0 + o.slack_weight);
  const double s = std::max(least, best);
  const double penalty = o.slack == "l1" ? o.slack_weight * s : 0.5 * o.slack_weight * s * s;
  return 0.5 * gamma * gamma * norm + 0.5 * (s - s0) * (s - s0) + penalty;
}

TEST_CASE("the slack's step is the smallest of its convex problem, found by trying all") {
  for (const std::string slack : {"l1", "l2"}) {
    const Options o = {.preconditioner = "none", .slack = slack, .slack_weight = 0.3};
    const ParameterLayout layout = test::awkward_layout();
    Curved oracle(layout, 25);
    test::Rider rider(psps(o), layout);
    rider.start(oracle);
    double s0 = 0.0;
    for (int t = 1; t <= 10; ++t) {
      INFO(slack << ", step " << t);
      const std::vector<double> g = oracle.gradients(t);
      const double norm = dot(g, g), f = Curved::loss_at(t);
      rider.step(oracle, t);
      const std::map<std::string, double> seen = rider.observed();
      const double gamma = seen.at("step_size");
      const double here = objective(o, gamma, f, norm, s0);
      for (int k = 0; k <= 1000; ++k) CHECK(here <= objective(o, 0.001 * k * f / norm, f, norm, s0) * (1.0 + 1e-12));
      s0 = seen.at("slack");
    }
  }
}

TEST_CASE("psps rests where the loss is at its lower bound, and where there is no gradient") {
  const ParameterLayout layout = test::awkward_layout();
  Curved oracle(layout);
  test::Rider rider(psps({.lower_bound = 5.0}), layout);
  rider.start(oracle);
  const std::vector<double> before = rider.params();
  rider.steps(oracle, 1, 5);
  CHECK(rider.params() == before);
  CHECK(rider.observed().at("step_size") == 0.0);

  // Losses of 1, far above the bound, without a gradient but in the sixth step, whatever D and the slack are.
  test::GivenGradients flat(layout,
                            [&](std::int64_t t) { return std::vector<double>(before.size(), t == 6 ? 1.0 : 0.0); });
  for (const std::string preconditioner : {"none", "hutchinson", "adam", "adagrad"})
    for (const std::string slack : {"none", "l1", "l2"}) {
      INFO(preconditioner << ", slack " << slack);
      test::Rider resting(psps({.preconditioner = preconditioner, .slack = slack, .lower_bound = -1.0}), layout);
      resting.start(flat);
      resting.steps(flat, 1, 5);
      CHECK(resting.params() == before);
      CHECK(resting.observed().at("step_size") == 0.0);
      resting.step(flat, 6);
      CHECK(resting.observed().at("step_size") > 0.0);
      const std::vector<double> moved = resting.params();
      resting.step(flat, 7);
      CHECK(resting.params() == moved);
      CHECK(resting.observed().at("step_size") == 0.0);
    }
}

TEST_CASE("psps keeps its diagonal and what goes with it, nothing without one, and the slack") {
  CHECK(test::state_bytes("psps", {{"preconditioner", std::string("hutchinson")}}) ==
        test::bytes_of({.per_parameter = 1, .numbers = 1}));
  CHECK(test::state_bytes("psps", {{"preconditioner", std::string("adam")}}) ==
        test::bytes_of({.per_parameter = 1, .numbers = 1}));
  CHECK(test::state_bytes("psps", {{"preconditioner", std::string("adagrad")}}) ==
        test::bytes_of({.per_parameter = 1}));
  CHECK(test::state_bytes("psps", {{"preconditioner", std::string("none")}}) == test::bytes_of({}));
  CHECK(test::state_bytes("psps", {{"preconditioner", std::string("none")}, {"slack", std::string("l2")}}) ==
        test::bytes_of({.numbers = 1}));
}

}  // namespace
}  // namespace velo
