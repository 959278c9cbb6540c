#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <map>

#include "tests/algorithms/bilinear_game.hpp"

namespace velo {
namespace {

using test::BilinearGame;
using test::component;
using test::Rider;

Component complex_momentum(double lr, double beta, double phase, bool alternating = false) {
  return component("complex_momentum_sgd", {{"lr", Schedule(lr)},
                                            {"beta", Schedule(beta)},
                                            {"phase", Schedule(phase)},
                                            {"update", std::string(alternating ? "alternating" : "simultaneous")}});
}

/// The rule in complex arithmetic, element by element.
test::GameRule reference(double lr, double beta, double phase) {
  return [=, m = std::map<std::size_t, std::complex<double>>()](double x, double g, std::size_t i, int) mutable {
    m[i] = test::polar(beta, phase) * m[i] + g;
    return x - lr * m[i].real();
  };
}

// Per step: 2 roundings in the imaginary part, 3 in the real one, which the momentum keeps for 1 / (1 - beta) steps, 2
// in the parameter, 1 in the gradient. An error of one player is a gradient's of the other: over 25 steps it grows by
// less than (1 + lr s / (1 - beta))^25.
double bound(double lr, double beta) {
  return test::rounding_bound(8) * std::pow(1.0 + 2.0 * lr / (1.0 - beta), 25) / (1.0 - beta);
}

TEST_CASE("complex_momentum_sgd follows complex arithmetic, players moving at once or in turn") {
  for (const bool alternating : {false, true})
    for (const double phase : {0.125, 0.375, -0.25, 0.5, 1.0}) {
      INFO("phase " << phase << (alternating ? ", alternating" : ", simultaneous"));
      CHECK(test::largest_game_difference(complex_momentum(0.02, 0.8, phase, alternating), alternating,
                                          reference(0.02, 0.8, phase)) <= bound(0.02, 0.8));
    }
}

TEST_CASE("complex_momentum_sgd follows its scalar definition on blocks of one player, where turns change nothing") {
  const auto rule = [](ParameterKind) -> test::ScalarRule {
    return [m = std::complex<double>()](double x, double g, int) mutable {
      m = test::polar(0.9, 0.125) * m + g;
      return x - 0.01 * m.real();
    };
  };
  const double allowed = test::rounding_bound(8) / (1.0 - 0.9);
  CHECK(test::largest_difference(complex_momentum(0.01, 0.9, 0.125), rule) <= allowed);
  CHECK(test::largest_difference(complex_momentum(0.01, 0.9, 0.125, true), rule) <= allowed);
}

TEST_CASE("complex_momentum_sgd without phase is heavy-ball momentum") {
  const auto rule = [](ParameterKind) -> test::ScalarRule {
    return [b = 0.0](double x, double g, int) mutable {
      b = 0.9 * b + g;
      return x - 0.01 * b;
    };
  };
  CHECK(test::largest_difference(complex_momentum(0.01, 0.9, 0.0), rule) <= test::rounding_bound(8) / (1.0 - 0.9));
}

/// Spectral radius of the rule's own step on min_x max_y x y: every parameter and state in turn is set to 1, and what a
/// step makes of it is a column; the matrix squared 20 times shows its largest eigenvalue.
double spectral_radius(const Component& algorithm) {
  constexpr std::size_t n = 6;
  using Matrix = std::array<std::array<double, n>, n>;
  const ParameterLayout layout = test::pair_layout();
  BilinearGame oracle(layout);
  Matrix m{};
  for (std::size_t j = 0; j < n; ++j) {
    Rider rider(algorithm, layout);
    oracle.attach(rider.params_view());
    std::vector<double> start(n);
    start[j] = 1.0;
    Kokkos::deep_copy(rider.params_view(), test::to_device({start[0], start[1]}));
    Kokkos::deep_copy(rider.state().flat(), test::to_device({start[2], start[3], start[4], start[5]}));
    rider.step(oracle, 1);
    const std::vector<double> x = rider.params(), s = test::to_host(rider.state().flat());
    REQUIRE(s.size() == n - 2);
    for (std::size_t i = 0; i < n; ++i) m[i][j] = i < 2 ? x[i] : s[i - 2];
  }
  double log_radius = 0.0, power = 1.0;
  for (int squaring = 0; squaring <= 20; ++squaring, power *= 2.0) {
    double norm = 0.0;
    for (const auto& row : m)
      for (const double value : row) norm += value * value;
    norm = std::sqrt(norm);
    log_radius += std::log(norm) / power;
    Matrix next{};
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < n; ++k)
        for (std::size_t j = 0; j < n; ++j) next[i][j] += m[i][k] / norm * (m[k][j] / norm);
    m = next;
  }
  return std::exp(log_radius);
}

TEST_CASE("complex_momentum_sgd contracts towards the equilibrium of a bilinear game, and real momentum never does") {
  // Known to three digits; entries of the matrix are floats.
  CHECK_THAT(spectral_radius(complex_momentum(0.1, 0.81, 0.125)), Catch::Matchers::WithinAbs(0.973, 5e-4));
  // By the eigenvalues of the step written down in complex arithmetic. At lr 0.55 and 0.68 exp(3 i pi / 8) a rate of 0.895
  // is quoted; the characteristic polynomial, solved by hand too, has 0.9060.
  CHECK_THAT(spectral_radius(complex_momentum(0.55, 0.68, 0.375)), Catch::Matchers::WithinAbs(0.9060, 1e-4));
  CHECK_THAT(spectral_radius(complex_momentum(0.1, 0.81, 0.125, true)), Catch::Matchers::WithinAbs(0.9574, 1e-4));
  for (const double lr : {0.1, 0.3, 0.55, 1.0})
    for (const double beta : {0.9, 0.6, 0.3, 0.0})
      for (const double phase : {0.0, 1.0}) {
        INFO("lr " << lr << ", beta " << beta << ", phase " << phase);
        CHECK(spectral_radius(complex_momentum(lr, beta, phase)) >= 1.0);
      }
}

TEST_CASE("complex_momentum_sgd: real momentum needs negative sign and turns to contract") {
  CHECK(spectral_radius(complex_momentum(0.3, 0.5, 1.0, true)) < 0.99);
  // No momentum, in turn: the determinant is 1, both eigenvalues lie on the circle.
  CHECK_THAT(spectral_radius(complex_momentum(0.1, 0.0, 0.0, true)), Catch::Matchers::WithinAbs(1.0, 1e-5));
}

TEST_CASE("complex_momentum_sgd keeps two values per parameter") {
  CHECK(test::state_bytes("complex_momentum_sgd") == test::bytes_of({.per_parameter = 2}));
}

}  // namespace
}  // namespace velo
