#include <catch2/catch_test_macros.hpp>

#include "tests/algorithms/several_terms.hpp"

namespace velo {
namespace {

using test::component;
using test::Rider;
using test::SeveralTerms;

/// Half a unit in the last place of 1.
constexpr double unit = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  double lr = 0.01, beta1 = 0.9, beta2 = 0.99, eps = 0.1;
};

Component conflict_free_momentum(Options o) {
  return component(
      "conflict_free_momentum",
      {{"lr", Schedule(o.lr)}, {"beta1", Schedule(o.beta1)}, {"beta2", Schedule(o.beta2)}, {"eps", Schedule(o.eps)}});
}

/// M-ConFIG in double, its direction found by elimination.
class Reference {
 public:
  Reference(Options o, std::vector<double> start, std::size_t terms)
      : o_(o), x_(std::move(start)), m_(terms, std::vector<double>(x_.size())), seen_(terms), p_(x_.size()), v_(p_) {}

  void step(std::size_t term, const std::vector<double>& g) {
    ++seen_[term];
    for (std::size_t i = 0; i < g.size(); ++i) m_[term][i] = o_.beta1 * m_[term][i] + (1.0 - o_.beta1) * g[i];
    std::vector<std::vector<double>> corrected = m_;
    for (std::size_t k = 0; k < m_.size(); ++k) {
      if (seen_[k] == 0) return;
      for (double& value : corrected[k]) value /= 1.0 - std::pow(o_.beta1, seen_[k]);
    }
    ++steps_;
    const std::vector<double> d = test::conflict_free_direction(corrected);
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double p = d[i] * (1.0 - std::pow(o_.beta1, steps_));
      const double q = (p - o_.beta1 * p_[i]) / (1.0 - o_.beta1);
      p_[i] = p;
      v_[i] = o_.beta2 * v_[i] + (1.0 - o_.beta2) * q * q;
      x_[i] -= o_.lr * d[i] / (std::sqrt(v_[i] / (1.0 - std::pow(o_.beta2, steps_))) + o_.eps);
    }
  }
  [[nodiscard]] const std::vector<double>& params() const { return x_; }

 private:
  Options o_;
  std::vector<double> x_;
  std::vector<std::vector<double>> m_;
  std::vector<int> seen_;
  std::vector<double> p_, v_;
  int steps_ = 0;
};

void compare(Options o, Index terms) {
  const ParameterLayout layout = test::awkward_layout();
  SeveralTerms oracle(layout, terms);
  Rider rider(conflict_free_momentum(o), layout, builtin_registry(), terms);
  rider.start(oracle);
  Reference reference(o, test::initial_params(layout), static_cast<std::size_t>(terms));
  // A momentum below 1 has 3 roundings a step, kept 1 / (1 - beta1) steps. The direction, below 4, takes those of all
  // terms, twice through weights whose cosines are small, and 2 of its own each. The pseudo-gradient divides two of its
  // errors by 1 - beta1, and so does the root of its mean square; eps bounds the divisor. The step has 4 roundings
  // more.
  const double momentum = 3.0 * unit / (1.0 - o.beta1);
  const double direction = 2.0 * static_cast<double>(terms) * (momentum + 2.0 * 4.0 * unit);
  const double root = 2.0 * (direction + 2.0 * 4.0 * unit) / (1.0 - o.beta1);
  const double a_step = o.lr * (direction + root * 4.0 / o.eps) / o.eps + 4.0 * unit * 2.0;
  for (int t = 1; t <= 30; ++t) {
    const Index k = (t - 1) % terms;
    reference.step(static_cast<std::size_t>(k), oracle.term(t, k));
    rider.step(oracle, t);
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) CHECK(std::abs(params[i] - reference.params()[i]) <= t * a_step);
    if (t < terms) CHECK(params == test::initial_params(layout));
    REQUIRE(oracle.asked.size() == static_cast<std::size_t>(t));
    CHECK(oracle.asked.back().loss_term == k);
  }
  CHECK(30 * a_step < 0.1);  // so the comparison says something: 30 steps go up to 30 lr d / eps
}

TEST_CASE("conflict_free_momentum follows its definition, a term's gradient a step, none before every term was seen") {
  compare({}, 2);
  compare({}, 3);
  compare({.beta1 = 0.5, .beta2 = 0.6}, 5);
}

TEST_CASE("conflict_free_momentum of one term is Adam") {
  const Options o{.eps = 1e-3};
  const auto adam = [o](ParameterKind) -> test::ScalarRule {
    return [o, m = 0.0, v = 0.0](double x, double g, int t) mutable {
      m = o.beta1 * m + (1.0 - o.beta1) * g;
      v = o.beta2 * v + (1.0 - o.beta2) * g * g;
      return x - o.lr * (m / (1.0 - std::pow(o.beta1, t))) / (std::sqrt(v / (1.0 - std::pow(o.beta2, t))) + o.eps);
    };
  };
  // As Adam, 17 roundings; those of the pseudo-gradient, 4, are divided by 1 - beta1.
  CHECK(test::largest_difference(conflict_free_momentum(o), adam) <= test::rounding_bound(17 + 40));
}

TEST_CASE("conflict_free_momentum keeps a momentum of every term") {
  const ParameterLayout layout = test::awkward_layout();
  for (const Index terms : {1, 4}) {
    const Rider rider(conflict_free_momentum({}), layout, builtin_registry(), terms);
    // And a product of beta1 for each, and two more.
    CHECK(rider.state().bytes() ==
          static_cast<std::int64_t>(sizeof(Scalar)) * (terms + 2) * layout.size() + 8 * (terms + 2));
  }
}

}  // namespace
}  // namespace velo
