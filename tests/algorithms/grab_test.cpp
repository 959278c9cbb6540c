#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "tests/algorithms/quadratic_examples.hpp"

namespace velo {
namespace {

using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
constexpr Index examples = test::given_training_examples;

Component grab(const Component& inner, std::int64_t slice = 7) {
  return component("grab", {{"inner", std::vector<Component>{inner}}, {"slice", slice}});
}
Component sgd(double lr) { return component("sgd", {{"lr", Schedule(lr)}}); }

/// Keeps the batch that the last plain gradient was about.
class Ordered : public test::ChosenExamples {
 public:
  using ChosenExamples::ChosenExamples;
  double gradient(Vector out, const Query& query) override {
    if (query.batch != nullptr) asked_about.assign(query.batch->examples.begin(), query.batch->examples.end());
    return ChosenExamples::gradient(out, query);
  }
  std::vector<Index> asked_about;
};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// The paper's Algorithm 4 with Algorithm 5, one example at a time.
class Reference {
 public:
  Reference(std::vector<Index> start, std::size_t size)
      : order(std::move(start)), next(order.size()), s(size, 0.0), m(size, 0.0), fresh(size, 0.0) {
    right = next.size();
  }
  /// <s, c>
  double take(const std::vector<double>& g) {
    std::vector<double> c(g.size());
    for (std::size_t i = 0; i < g.size(); ++i) c[i] = g[i] - m[i];
    const double inner = dot(s, c);
    const double sign = inner < 0.0 ? 1.0 : -1.0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      s[i] += sign * c[i];
      fresh[i] += g[i] / static_cast<double>(order.size());
    }
    if (sign > 0.0)
      next[left++] = order[at++];
    else
      next[--right] = order[at++];
    if (at == order.size()) {
      order = next;
      m = fresh;
      std::fill(fresh.begin(), fresh.end(), 0.0);
      std::fill(s.begin(), s.end(), 0.0);
      at = left = 0;
      right = next.size();
    }
    return inner;
  }
  std::vector<Index> order, next;
  std::vector<double> s, m, fresh;
  std::size_t at = 0, left = 0, right = 0;
};

/// The order of the first epoch, which the rule draws at its start.
std::vector<Index> first_order(const RandomStream& stream) {
  const Permutation random(stream.fork(0x67726162), static_cast<std::uint64_t>(examples));
  std::vector<Index> out;
  for (std::uint64_t i = 0; i < random.size(); ++i) out.push_back(static_cast<Index>(random(i)));
  return out;
}

std::vector<double> state_of(const test::Rider& rider, const std::string& name) {
  for (const StateArena::Buffer& buffer : rider.state().buffers())
    if (buffer.name == name) return test::to_host(*buffer.target);
  throw std::logic_error(name);
}

TEST_CASE("grab visits examples in the paper's order and sgd on it follows the loop in double") {
  const double lr = 0.05;
  const ParameterLayout layout = test::awkward_layout();
  Ordered oracle(layout, 64);
  test::Rider rider(grab(sgd(lr)), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  Reference reference(first_order(oracle.random()), static_cast<std::size_t>(layout.size()));
  std::vector<double> x = test::initial_params(layout);
  std::vector<double> s_error(x.size(), 0.0), m_error(x.size(), 0.0);  // of the rule's s and m
  double clearest = std::numeric_limits<double>::infinity(), largest = 0.0;
  for (int t = 1; t <= 50; ++t) {  // three epochs and more: 15 batches of 64 and one of 40
    const std::vector<double> seen = rider.params();
    rider.step(oracle, t);
    REQUIRE(oracle.batches.size() == static_cast<std::size_t>(t));
    const std::vector<Index>& batch = oracle.batches.back();
    CHECK(batch.size() == (t % 16 == 0 ? 40u : 64u));
    const std::vector<double> g = oracle.gradient_at(x, batch);
    for (const Index e : batch) {
      REQUIRE(e == reference.order[reference.at]);
      const std::vector<double> own = oracle.gradient_at(seen, std::vector<Index>{e});
      double wrong = 0.0;  // of the rule's <s, c>, whose products and sum are exact to 2^-53
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double s = std::abs(reference.s[i]), c = std::abs(own[i] - reference.m[i]);
        const double c_error = half_ulp * std::abs(own[i]) + m_error[i];
        wrong += s * c_error + (c + c_error) * s_error[i];
        s_error[i] += c_error + half_ulp * (c + (s + c));
      }
      const double inner = reference.take(own);
      if (inner != 0.0) clearest = std::min(clearest, std::abs(inner) / wrong);
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] -= lr * g[i];
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(params[i] - x[i]));
    // At the end of an epoch the rule's next mean is what the reference has as its mean already.
    const bool end = t % 16 == 0;
    const std::vector<double> s = state_of(rider, "balance"), m = state_of(rider, end ? "next_mean" : "mean");
    for (std::size_t i = 0; i < x.size(); ++i) {
      s_error[i] = end ? 0.0 : std::abs(s[i] - reference.s[i]);
      m_error[i] = std::abs(m[i] - reference.m[i]);
    }
  }
  // The mean of a batch has 64 roundings of numbers below 5, times lr; an error shrinks by 1 - lr h a step.
  CHECK(largest <= 50 * half_ulp * (lr * 66 * 5.0 + 4.0));
  // Every sign was decided by more than rounding.
  CHECK(clearest > 1.0);
}

TEST_CASE("grab shows every example once an epoch and asks for single examples alone") {
  const ParameterLayout layout = test::awkward_layout();
  Ordered oracle(layout, 64);
  test::Rider rider(grab(sgd(0.05), 16), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, 48);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> seen(static_cast<std::size_t>(examples), 0);
    for (int k = 0; k < 16; ++k)
      for (const Index e : oracle.batches[static_cast<std::size_t>(16 * epoch + k)])
        ++seen[static_cast<std::size_t>(e)];
    CHECK(std::count(seen.begin(), seen.end(), 1) == examples);
  }
  CHECK(oracle.gradients_asked == 0);
  CHECK(oracle.example_gradients_asked == 3 * examples);
  CHECK(oracle.drawn().empty());
}

/// The largest norm of a sum of centred gradients over the first examples of an order.
double herding(const Ordered& oracle, const std::vector<double>& x, const std::vector<Index>& order) {
  std::vector<Index> all(static_cast<std::size_t>(examples));
  std::iota(all.begin(), all.end(), Index{0});
  const std::vector<double> mean = oracle.gradient_at(x, all);
  std::vector<double> sum(x.size(), 0.0);
  double largest = 0.0;
  for (const Index e : order) {
    const std::vector<double> g = oracle.gradient_at(x, std::vector<Index>{e});
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += g[i] - mean[i];
    largest = std::max(largest, std::sqrt(dot(sum, sum)));
  }
  return largest;
}

TEST_CASE("grab's orders keep the running sum of gradients far below a random order's") {
  ParameterLayout layout;
  layout.add({.name = "x", .kind = ParameterKind::weight, .shape = {5}});
  Ordered oracle(layout, 50);
  test::Rider rider(grab(sgd(0.0)), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  rider.steps(oracle, 1, 20 * 10);
  const auto epoch = [&](int number) {
    std::vector<Index> out;
    for (int k = 0; k < 20; ++k) {
      const std::vector<Index>& batch = oracle.batches[static_cast<std::size_t>(20 * number + k)];
      out.insert(out.end(), batch.begin(), batch.end());
    }
    return out;
  };
  const double random = herding(oracle, rider.params(), epoch(0)), last = herding(oracle, rider.params(), epoch(9));
  INFO("random " << random << ", after nine epochs " << last);
  CHECK(last < 0.25 * random);
}

TEST_CASE("grab resumes in the middle of any epoch as if it had run through") {
  const ParameterLayout layout = test::awkward_layout();
  const Component rule = grab(component("adamw"));
  Ordered oracle(layout, 64);
  test::Rider through(rule, layout);
  oracle.follow(through.params_view());
  through.start(oracle);
  through.steps(oracle, 1, 35);
  const std::vector<std::vector<Index>> batches = oracle.batches;
  for (const int stop : {9, 16, 17}) {
    Ordered before(layout, 64), after(layout, 64);
    test::Rider first(rule, layout), second(rule, layout);
    before.follow(first.params_view());
    first.start(before);
    first.steps(before, 1, stop);
    second.resume_from(first);
    after.follow(second.params_view());
    second.steps(after, stop + 1, 35);
    CHECK(second.params() == through.params());
    CHECK(std::equal(after.batches.begin(), after.batches.end(), batches.begin() + stop, batches.end()));
  }
}

TEST_CASE("what a rule asks beside its plain gradient is about grab's batch too") {
  const ParameterLayout layout = test::awkward_layout();
  Ordered oracle(layout, 64);
  const Component sam = component("sam", {{"inner", std::vector<Component>{sgd(0.1)}}, {"rho", Schedule(0.1)}});
  test::Rider rider(grab(sam), layout);
  oracle.follow(rider.params_view());
  rider.start(oracle);
  for (int t = 1; t <= 3; ++t) {
    rider.step(oracle, t);
    CHECK(oracle.gradients_asked == t);  // at the summit
    CHECK(oracle.asked_about == oracle.batches.back());
  }
  CHECK(oracle.example_gradients_asked == 3 * 64);
}

TEST_CASE(
    "grab keeps three values per parameter, two orders of the examples and two counts beside its inner algorithm") {
  CHECK(test::state_bytes("grab") ==
        test::bytes_of({.per_parameter = 3, .bytes = 2 * 4 * test::given_training_examples, .numbers = 2}));
}

}  // namespace
}  // namespace velo
