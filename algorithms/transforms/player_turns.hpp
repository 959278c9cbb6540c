// algorithms/transforms/player_turns.hpp
//
// Who moves when in a game (ParameterBlock::player):
//   simultaneous   one gradient, then all players move
//   alternating    player 0 moves, then player 1 sees where player 0 went, and so on: a gradient of the same batch for
//                  each player, of which the mover's part is used
// With one player, which every ordinary model has, both are the same.
#pragma once

#include <vector>

#include "harness/algorithm.hpp"

namespace velo {

class PlayerTurns {
 public:
  /// Reads `update`.
  explicit PlayerTurns(const Parameters& parameters);

  /// The spec of `update`, to be appended to a rule's own.
  static void declare(std::vector<ParameterSpec>& specs);

  /// Finds the players. Called from declare().
  void prepare(const ParameterLayout& layout);

  /// One step: asks for gradients and calls pass(first, last, gradient) for every run of elements that moves.
  template <typename Pass>
  void run(Oracle& oracle, Pass pass) {
    for (const std::vector<Run>& turn : turns_) {
      oracle.gradient(gradient_, {});
      for (const Run& run : turn) pass(run.first, run.last, gradient_.data());
    }
  }

 private:
  struct Run {
    Index first;
    Index last;
  };

  bool alternating_;
  std::vector<std::vector<Run>> turns_;
  Vector gradient_;
};

}  // namespace velo
