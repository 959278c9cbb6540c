// harness/sweep/blocks.hpp
//
// Variants of the entries: `grid` (every combination), `zip` (paired), `list` (explicit points), `union` (blocks one after
// the other) and `exclude`. Where several stand side by side, their points are combined.
//
//   grid: {adamw.lr: [0.1, 0.01], fashion_mnist_mlp.width: [64, 128]}
//   zip: {budget.steps: [100, 200], evaluate_every.steps: [10, 20]}
//   list: [{sgd.lr: 0.1, sgd.momentum: 0.9}, {sgd.lr: 0.5}]
//   union: [{grid: {...}}, {list: [...]}]
//   exclude: [{workload: fashion_mnist_cnn, algorithm: lion}, {adamw.lr: 0.1, fashion_mnist_mlp.width: [64]}]
//
// A point touches the pairs of entries that its paths concern; a pair that it does not concern is left alone by it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/sweep/entries.hpp"
#include "harness/sweep/sweep.hpp"

namespace velo {

/// Assignments that hold together.
using BlockPoint = std::vector<Assignment>;

/// The points of the keys grid, zip, list and union of a map (the sweep, or a member of a union); one empty point when
/// there are none.
[[nodiscard]] std::vector<BlockPoint> read_blocks(const Tree& map);

struct EntryPair {
  WorkloadEntry workload;
  AlgorithmEntry algorithm;
};

/// The variants of a pair of entries: one for each different set of assignments that concern it. The labels of algorithm
/// variants say what was assigned: "adamw[lr=0.1]".
[[nodiscard]] std::vector<EntryPair> variants(const EntryPair& pair, const std::vector<BlockPoint>& points,
                                              const Catalogue& catalogue);

/// Reads `exclude` and drops the pairs that match one of its maps; those of a map that says why join `left_out`. Throws
/// Error for one that matches nothing.
void drop_excluded(const Tree& exclude, std::vector<EntryPair>& pairs, std::vector<LeftOut>& left_out);

}  // namespace velo
