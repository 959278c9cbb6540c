// harness/sweep/explain.hpp
//
// Where a value came from: every place that gave it, the deciding one last.
#pragma once

#include <string>
#include <vector>

#include "harness/catalogue.hpp"

namespace velo {

struct ExplainedLayer {
  std::string subject;  ///< the entry it holds for: "adamw", "lookahead(adamw)", "fashion_mnist_mlp", "sweep"
  std::string key;      ///< what is set, in full: "adamw.lr", "budget.steps"
  std::string value;
  std::string source;  ///< default, module file, defaults, sweep, search_space, entry, grid, override
  std::string place;   ///< "sweep.yaml:3:12", "--set adamw.lr=0.1", "built in"
  bool decides = false;
};

/// Explains a path as --set takes it, a wrapped algorithm's included, for every entry it concerns. Throws Error for
/// whatever is wrong with the sweep, and for a path that means nothing in it, naming the nearest.
[[nodiscard]] std::vector<ExplainedLayer> explain(const std::string& sweep_path,
                                                  const std::vector<std::string>& overrides, const std::string& path,
                                                  const Catalogue& catalogue);

}  // namespace velo
