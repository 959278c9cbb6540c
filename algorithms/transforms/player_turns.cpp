#include "algorithms/transforms/player_turns.hpp"

#include <map>

#include "harness/device/memory.hpp"

namespace velo {

PlayerTurns::PlayerTurns(const Parameters& parameters) : alternating_(parameters.choice("update") == "alternating") {}

void PlayerTurns::declare(std::vector<ParameterSpec>& specs) {
  specs.push_back(choice("update", "simultaneous", {"simultaneous", "alternating"},
                         "players of a game move at once, or one after the other with a gradient each"));
}

void PlayerTurns::prepare(const ParameterLayout& layout) {
  std::map<Index, std::vector<Run>> by_player;
  for (const ParameterBlock& block : layout.blocks()) {
    std::vector<Run>& runs = by_player[alternating_ ? block.player : 0];
    if (!runs.empty() && runs.back().last == block.offset)
      runs.back().last += block.size();
    else
      runs.push_back({block.offset, block.offset + block.size()});
  }
  turns_.clear();
  for (auto& [player, runs] : by_player) turns_.push_back(std::move(runs));
  gradient_ = zeros("gradient", layout.size());
}

}  // namespace velo
