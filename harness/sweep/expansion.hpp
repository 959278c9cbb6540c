// harness/sweep/expansion.hpp
//
// A sweep between its file and its cells: every pair of a workload variant and an algorithm variant, with all layers of
// all values and the search space that remains. load_sweep() makes cells of it, explain() shows the layers.
#pragma once

#include <string>
#include <vector>

#include "harness/sweep/blocks.hpp"
#include "harness/sweep/document.hpp"
#include "harness/sweep/search_space.hpp"
#include "harness/sweep/sweep.hpp"

namespace velo {

struct SearchedPair {
  EntryPair entries;
  SearchPlan plan;
};

struct Expansion {
  SweepDocument document;
  Sweep sweep;  ///< all but the cells
  double budget_factor = 1.0;
  std::int64_t checkpoint_every = 0;
  std::vector<SearchedPair> pairs;  ///< workload by workload, algorithms within
};

/// Throws Error for everything that is wrong with the file.
[[nodiscard]] Expansion expand(const std::string& path, const std::vector<std::string>& overrides,
                               const Catalogue& catalogue);

/// The cell of one trial, without data version and back-end.
[[nodiscard]] Cell make_cell(const Expansion& expansion, const SearchedPair& pair, std::int64_t study,
                             std::int64_t trial, const Catalogue& catalogue);

}  // namespace velo
