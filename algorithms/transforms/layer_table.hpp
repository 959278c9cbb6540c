// algorithms/transforms/layer_table.hpp
//
// The layers that a rule of the K-FAC family treats, found in two steps: the blocks that may have one, from the layout,
// when the state is declared; whether a layer has a bias, and which, from the first record it is seen with.
//
// A layer y = W a + b is a matrix [dW, db] of rows x side(): the bias is the weight of one more input, 1. A block
// qualifies with two axes or more unless it is an embedding (a table is looked up, and nothing shows it) or has a side
// above the rule's limit. What qualifies and is never seen stays as it is without a layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/state_arena.hpp"
#include "harness/workload.hpp"

namespace velo {

class LayerTable {
 public:
  struct Layer {
    Index block = 0;
    std::string name;            ///< of the weight's block
    Index offset = 0;            ///< of the weight, in the flat vector
    Index rows = 0;              ///< fan-out
    Index columns = 0;           ///< fan-in: of a convolution, the size of a patch
    std::int64_t bias = unseen;  ///< its block, `no_bias` or `unseen`; part of the state
    Index bias_offset = 0;       ///< in the flat vector
    bool normalisation = false;  ///< a scale: rows are its width, columns 1

    [[nodiscard]] bool seen() const { return bias != unseen; }
    [[nodiscard]] bool has_bias() const { return bias >= 0; }
    [[nodiscard]] Index side() const { return columns + (has_bias() ? 1 : 0); }
    [[nodiscard]] Index largest_side() const { return columns + 1; }
  };
  static constexpr std::int64_t unseen = -2, no_bias = -1;

  /// Finds the layers whose sides are at most `limit`, and declares "<block>/bias" for each.
  void prepare(StateArena& state, Index limit, bool normalisations = false);

  [[nodiscard]] std::vector<Layer>& layers() { return layers_; }
  [[nodiscard]] const std::vector<Layer>& layers() const { return layers_; }
  /// Number of the layer that a record is of, having taken its bias down; -1 for none.
  [[nodiscard]] int see(const LayerRecord& record);
  /// Finds the biases again after a resume; cheap.
  void locate_biases();

 private:
  std::vector<Layer> layers_;
  std::vector<int> of_block_;  ///< number of the layer, or -1
  std::vector<Index> offsets_;
};

}  // namespace velo
