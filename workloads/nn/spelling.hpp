// workloads/nn/spelling.hpp
//
// What a path of CTC spells, and how far it is from what was said.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/device/tensor.hpp"

namespace velo::nn {

/// Merges runs of equal labels, then drops blanks (0), in place: 0 3 3 0 3 1 1 -> 3 3 1.
void collapse(std::vector<std::uint8_t>& path);

/// The least number of insertions, deletions and substitutions that turn one sequence into the other (Levenshtein,
/// Soviet Physics Doklady 10, 1966; by dynamic programming as Wagner & Fischer, J. ACM 21, 1974). Keeps its workspace.
class EditDistance {
 public:
  [[nodiscard]] Index operator()(std::span<const std::uint8_t> said, std::span<const std::uint8_t> heard);

 private:
  std::vector<Index> row_;  ///< distances of the prefix so far to every prefix of `heard`
};

}  // namespace velo::nn
