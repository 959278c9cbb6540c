// tests/algorithms/bilinear_game.hpp
//
// Two players of awkward sizes, x_i owned by one and y_i by the other, pair by pair:
//   min_x max_y sum_i s_i x_i y_i,   gradient s_i y_i for x_i and -s_i x_i for y_i
#pragma once

#include <algorithm>
#include <complex>
#include <functional>
#include <numbers>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

/// Player 1's second block lies behind player 0's: players are no runs of the flat vector.
inline ParameterLayout game_layout() {
  ParameterLayout layout;
  layout.add({.name = "x0", .shape = {7}, .player = 0});
  layout.add({.name = "y0", .shape = {7}, .player = 1});
  layout.add({.name = "x1", .shape = {1, 17}, .player = 0});
  layout.add({.name = "y1", .shape = {17}, .player = 1});
  return layout;
}

/// One pair of numbers.
inline ParameterLayout pair_layout() {
  ParameterLayout layout;
  layout.add({.name = "x", .shape = {1}, .player = 0});
  layout.add({.name = "y", .shape = {1}, .player = 1});
  return layout;
}

class BilinearGame : public GivenGradients {
 public:
  /// Singular values: 1 for one pair, else scattered in (0, 2).
  explicit BilinearGame(const ParameterLayout& layout)
      : GivenGradients(layout), pair_(layout.size()), weight_(layout.size()) {
    for (const ParameterBlock& block : layout.blocks())
      for (Index i = 0; i < block.size(); ++i) {
        const Index other = block.player == 0 ? block.size() : -block.size();
        const auto at = static_cast<std::size_t>(block.offset + i);
        pair_[at] = static_cast<std::size_t>(block.offset + i + other);
        const double value = layout.size() == 2 ? 1.0 : 1.0 + scattered(90, std::min(at, pair_[at]));
        weight_[at] = block.player == 0 ? value : -value;
      }
  }
  void attach(const Vector& params) { params_ = params; }

  [[nodiscard]] double gradient_at(const std::vector<double>& x, std::size_t i) const {
    return weight_[i] * x[pair_[i]];
  }
  [[nodiscard]] bool is_first_player(std::size_t i) const { return weight_[i] > 0.0; }

  double gradient(Vector out, const Query&) override {
    ++asked;
    const std::vector<double> x = to_host(params_);
    std::vector<double> g(x.size());
    for (std::size_t i = 0; i < g.size(); ++i) g[i] = gradient_at(x, i);
    Kokkos::deep_copy(out, to_device(g));
    return 0.0;
  }

  int asked = 0;

 private:
  std::vector<std::size_t> pair_;
  std::vector<double> weight_;
  Vector params_;
};

/// beta of `absolute` value and an argument of `phase` times pi.
inline std::complex<double> polar(double absolute, double phase) {
  return std::polar(absolute, std::numbers::pi * phase);
}

/// The largest |algorithm - reference| over 25 steps of the game. `rule(x, g, i, t)` is the new value of element i.
using GameRule = std::function<double(double x, double g, std::size_t i, int t)>;
inline double largest_game_difference(const Component& algorithm, bool alternating, const GameRule& rule) {
  const ParameterLayout layout = game_layout();
  BilinearGame oracle(layout);
  Rider rider(algorithm, layout);
  oracle.attach(rider.params_view());
  rider.start(oracle);
  std::vector<double> reference = initial_params(layout);
  double largest = 0.0;
  for (int t = 1; t <= 25; ++t) {
    rider.step(oracle, t);
    std::vector<double> seen = reference;
    for (const bool first : {true, false}) {
      for (std::size_t i = 0; i < reference.size(); ++i)
        if (oracle.is_first_player(i) == first) reference[i] = rule(reference[i], oracle.gradient_at(seen, i), i, t);
      if (alternating) seen = reference;
    }
    const std::vector<double> params = rider.params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      const double difference = std::abs(params[i] - reference[i]);
      if (!(difference <= largest)) largest = difference;
    }
  }
  if (oracle.asked != (alternating ? 50 : 25)) throw std::logic_error("a player asked too often or too seldom");
  return largest;
}

}  // namespace velo::test
