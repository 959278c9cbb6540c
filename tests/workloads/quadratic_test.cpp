// In double: tolerances are 2^-53 times the operations that stand between the two sides.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

WorkloadInfo quadratic_workload_info();

namespace {

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

constexpr double epsilon = 0x1p-53;

struct Options {
  std::int64_t dimension = 20;
  double condition = 50.0;
  std::string spectrum = "loglinear";
  bool rotated = false;
  std::string start = "ones";
  double noise = 0.0;
  std::string covariance = "white";
  std::int64_t batch_size = 1;
  double optimum_scale = 1.0;
};

/// A workload with one point, and the questions the tests ask about it.
class Track {
 public:
  explicit Track(const Options& o) : info_(quadratic_workload_info()) {
    Parameters p = Parameters::defaults(info_.parameters);
    p.set("dimension", o.dimension);
    p.set("condition", Schedule(o.condition));
    p.set("spectrum", o.spectrum);
    p.set("rotated", o.rotated);
    p.set("start", o.start);
    p.set("noise", Schedule(o.noise));
    p.set("noise_covariance", o.covariance);
    p.set("batch_size", o.batch_size);
    p.set("optimum_scale", Schedule(o.optimum_scale));
    workload_ = info_.make(p, {});
    x_ = vector();
    workload_->init(RandomStream(3, Purpose::initialisation), x_, Vector());
  }

  [[nodiscard]] Vector vector() const { return Vector("v", static_cast<std::size_t>(workload_->layout().size())); }
  [[nodiscard]] const Vector& x() const { return x_; }
  [[nodiscard]] Workload& workload() { return *workload_; }

  [[nodiscard]] ForwardPass pass(std::uint64_t step = 1) const {
    ForwardPass pass;
    pass.params = x_;
    pass.random = RandomStream(3, Purpose::workload, step);
    return pass;
  }
  double loss(std::uint64_t step = 1) { return workload_->loss(pass(step), batch()); }
  double gradient(const Vector& out, std::uint64_t step = 1) { return workload_->gradient(pass(step), batch(), out); }
  double suboptimality() { return workload_->evaluate(x_, {}, Split::validation)[0].value; }
  Vector times_hessian(const Vector& direction) {
    const Vector out = vector();
    workload_->hessian_vector_product(pass(), batch(), direction, out);
    return out;
  }

 private:
  [[nodiscard]] Batch batch() const {
    return {.id = 1,
            .split = Split::train,
            .examples = {examples_.data(), static_cast<std::size_t>(workload_->batch_size())}};
  }

  WorkloadInfo info_;
  std::unique_ptr<Workload> workload_;
  std::vector<Index> examples_ = std::vector<Index>(1024);
  Vector x_;
};

std::vector<double> host(const Vector& v) {
  const auto h = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), v);
  return {h.data(), h.data() + h.size()};
}

/// Eigenvalues in the order of the header, read off the unrotated Hessian.
std::vector<double> spectrum(Track& track) {
  const Vector ones = track.vector();
  fill(ones, 1.0);
  return host(track.times_hessian(ones));
}

}  // namespace

TEST_CASE("every spectrum runs from one down to one over the condition number") {
  const std::string shape = GENERATE("loglinear", "linear", "power", "two_cluster");
  Track track({.spectrum = shape});
  const std::vector<double> l = spectrum(track);

  CHECK(l.front() == 1.0);
  CHECK_THAT(l.back(), WithinRel(1.0 / 50.0, 16 * epsilon));
  CHECK(std::is_sorted(l.rbegin(), l.rend()));
  if (shape == "loglinear") CHECK_THAT(l[1] / l[2], WithinRel(l[10] / l[11], 16 * epsilon));
  if (shape == "linear") CHECK_THAT(l[1] - l[2], WithinRel(l[10] - l[11], 64 * epsilon));
  if (shape == "power") CHECK_THAT(l[1] / l[3], WithinRel(l[4] / l[9], 16 * epsilon));
  if (shape == "two_cluster") CHECK((l[9] == 1.0 && l[10] == l[19]));
}

TEST_CASE("the starting points have the energy that the header states") {
  const bool rotated = GENERATE(false, true);
  // n = 20 terms, each with a few roundings; reflections add 3 x 40.
  const double tolerance = 400 * epsilon;

  Track ones({.rotated = rotated});
  Track plain({});
  const std::vector<double> l = spectrum(plain);
  CHECK_THAT(ones.suboptimality(), WithinRel(0.5 * std::accumulate(l.begin(), l.end(), 0.0), tolerance));

  Track energy({.rotated = rotated, .start = "equal_energy"});
  CHECK_THAT(energy.suboptimality(), WithinRel(0.5 * 20, tolerance));
}

TEST_CASE("the optimum has gradient zero and no suboptimality") {
  Track track({.rotated = true, .start = "ones"});
  // One Newton step with the exact Hessian: solve by conjugate gradients, which ends after n steps.
  const Vector g = track.vector(), r = track.vector(), p = track.vector();
  Reduction reduction;
  track.gradient(r);
  scale(r, -1.0);
  copy(r, p);
  double rho = reduction.squared_norm(r);
  for (int k = 0; k < 60; ++k) {
    const Vector hp = track.times_hessian(p);
    const double step = rho / reduction.dot(p, hp);
    axpy(step, p, track.x());
    axpy(-step, hp, r);
    const double next = reduction.squared_norm(r);
    scale(p, next / rho);
    axpy(1.0, r, p);
    rho = next;
  }
  track.gradient(g);

  // x - x* carries the rounding of x (|x| < 4); 60 steps of 20 coordinates, eigenvalues at most 1.
  CHECK(reduction.max_abs(g) < 4 * 60 * 20 * epsilon);
  CHECK(track.suboptimality() >= 0.0);
  CHECK(track.suboptimality() < 20 * 50 * std::pow(4 * 60 * 20 * epsilon, 2));
}

TEST_CASE("the gradient is the derivative of the loss, noise included") {
  const bool rotated = GENERATE(false, true);
  const std::string covariance = GENERATE("white", "hessian");
  Track track({.rotated = rotated, .start = "normal", .noise = 0.7, .covariance = covariance, .batch_size = 4});
  const Vector g = track.vector();
  CHECK_THAT(track.gradient(g), WithinRel(track.loss(), 100 * epsilon));
  const std::vector<double> gradient = host(g);

  // A quadratic's central difference is exact: what is left is rounding of losses below 100 (about 60 operations deep)
  // divided by 2 h.
  const double h = 0.5, tolerance = 2 * 100 * 200 * epsilon / (2 * h);
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const Vector unit = track.vector();
    const auto mirror = Kokkos::create_mirror_view(unit);
    mirror(i) = h;
    Kokkos::deep_copy(unit, mirror);
    axpy(1.0, unit, track.x());
    const double above = track.loss();
    axpy(-2.0, unit, track.x());
    const double below = track.loss();
    axpy(1.0, unit, track.x());
    CHECK_THAT(gradient[i], WithinAbs((above - below) / (2 * h), tolerance));
  }
}

TEST_CASE("Hessian-vector products are differences of gradients, whatever the noise") {
  Track track({.rotated = true, .start = "normal", .noise = 0.7});
  const Vector direction = track.vector(), before = track.vector(), after = track.vector();
  fill_normal(RandomStream(9, Purpose::algorithm), 0.0, 1.0, direction);
  track.gradient(before);
  axpy(1.0, direction, track.x());
  track.gradient(after);
  const std::vector<double> product = host(track.times_hessian(direction)), a = host(after), b = host(before);

  for (std::size_t i = 0; i < a.size(); ++i) CHECK_THAT(product[i], WithinAbs(a[i] - b[i], 1000 * epsilon));
}

TEST_CASE("gradient descent follows its closed form") {
  const bool rotated = GENERATE(false, true);
  Track track({.rotated = rotated}), plain({});
  const std::vector<double> l = spectrum(plain);
  const Vector g = track.vector();
  const double rate = 1.5;

  for (int t = 1; t <= 50; ++t) {
    track.gradient(g);
    axpy(-rate, g, track.x());
    // d_i(t) = (1 - rate l_i)^t d_i(0), d_i(0) = 1
    double exact = 0.0;
    for (const double value : l) exact += 0.5 * value * std::pow(1.0 - rate * value, 2 * t);
    // Every step adds rounding of x (|x| < 4) and of 3 reflections there and back to d, and f moves by |H d| <= sqrt(2 f).
    const double error = 4 * 300 * epsilon * t;
    CHECK_THAT(track.suboptimality(), WithinAbs(exact, std::sqrt(20 * 2 * exact) * error + error * error));
  }
}

TEST_CASE("heavy ball follows its closed form") {
  Track track({.condition = 10.0, .rotated = true}), plain({.condition = 10.0});
  const std::vector<double> l = spectrum(plain);
  const Vector g = track.vector(), velocity = track.vector();
  const double rate = 1.0, momentum = 0.8;

  // v <- momentum v + g, x <- x - rate v.  Per eigenvalue d(t+1) = (1 + momentum - rate l) d(t) - momentum d(t-1), whose
  // roots are complex here ((1 + momentum - rate l)^2 < 4 momentum): d(t) = momentum^(t/2) (cos(w t) + c sin(w t)), with
  // cos w = (1 + momentum - rate l) / (2 sqrt(momentum)), and c from d(0) = 1, d(1) = 1 - rate l.
  for (int t = 1; t <= 50; ++t) {
    track.gradient(g);
    scale(velocity, momentum);
    axpy(1.0, g, velocity);
    axpy(-rate, velocity, track.x());
    double exact = 0.0;
    for (const double value : l) {
      const double root = std::sqrt(momentum);
      const double cosine = (1.0 + momentum - rate * value) / (2.0 * root);
      REQUIRE(std::abs(cosine) < 1.0);
      const double w = std::acos(cosine);
      const double c = ((1.0 - rate * value) / root - cosine) / std::sin(w);
      const double d = std::pow(root, t) * (std::cos(w * t) + c * std::sin(w * t));
      exact += 0.5 * value * d * d;
    }
    // As for gradient descent; momentum keeps old errors alive for 1 / (1 - sqrt(momentum)) = 10 steps.
    const double error = 4 * 300 * epsilon * 10 * t;
    CHECK_THAT(track.suboptimality(), WithinAbs(exact, std::sqrt(20 * 2 * exact) * error + error * error));
  }
}

TEST_CASE("noise has the chosen covariance, shrinks with the batch and is absent from evaluation") {
  struct Case {
    std::string covariance;
    std::int64_t batch;
  };
  const Case c = GENERATE(Case{"white", 1}, Case{"white", 16}, Case{"hessian", 4});
  Track noisy({.noise = 0.5, .covariance = c.covariance, .batch_size = c.batch}), exact({});
  const std::vector<double> l = spectrum(exact);
  const Vector g = noisy.vector(), clean = noisy.vector();
  exact.gradient(clean);
  const std::vector<double> mean = host(clean);
  CHECK(noisy.suboptimality() == exact.suboptimality());

  const int draws = 4000;
  std::vector<double> sum(20), squares(20);
  for (int t = 0; t < draws; ++t) {
    noisy.gradient(g, static_cast<std::uint64_t>(t));
    const std::vector<double> values = host(g);
    for (std::size_t i = 0; i < 20; ++i) sum[i] += values[i] - mean[i], squares[i] += std::pow(values[i] - mean[i], 2);
  }
  for (std::size_t i = 0; i < 20; ++i) {
    const double variance = 0.25 / static_cast<double>(c.batch) * (c.covariance == "hessian" ? l[i] : 1.0);
    // Deviation of a mean sqrt(variance / draws), of a mean square variance sqrt(2 / draws); five of them.
    CHECK(std::abs(sum[i] / draws) < 5 * std::sqrt(variance / draws));
    CHECK(std::abs(squares[i] / draws - variance) < 5 * variance * std::sqrt(2.0 / draws));
  }
}

TEST_CASE("one batch has one noise, another step another") {
  Track track({.noise = 0.5});
  const double loss = track.loss(1);
  CHECK(track.loss(1) == loss);
  CHECK(track.loss(2) != loss);
}

TEST_CASE("one dimension is the smallest quadratic") {
  Track track({.dimension = 1, .condition = 7.0, .rotated = true});
  CHECK_THAT(track.suboptimality(), WithinRel(0.5, 100 * epsilon));
}

TEST_CASE("a normal start depends on the trial's seed, the problem does not") {
  const WorkloadInfo info = quadratic_workload_info();
  Parameters p = Parameters::defaults(info.parameters);
  p.set("start", std::string("normal"));
  const auto first = info.make(p, {}), second = info.make(p, {});
  const Vector a("a", 100), b("b", 100), c("c", 100);
  first->init(RandomStream(1, Purpose::initialisation), a, Vector());
  second->init(RandomStream(1, Purpose::initialisation), b, Vector());
  second->init(RandomStream(2, Purpose::initialisation), c, Vector());

  CHECK(host(a) == host(b));
  CHECK(host(a) != host(c));
  CHECK(first->evaluate(a, {}, Split::test)[0].value == second->evaluate(a, {}, Split::test)[0].value);
}

}  // namespace velo
