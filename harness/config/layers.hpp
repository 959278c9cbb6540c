// harness/config/layers.hpp
//
// A setting may be given in several places. Slots keep all of them, in order of strength, so that the strongest wins and
// `velo explain` can show the others.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/config/tree.hpp"

namespace velo {

/// Where a value comes from, weakest first.
enum class Rank {
  standard,      ///< the default in the registry
  module_file,   ///< configs/workloads/NAME.yaml, or a point of the search space in configs/algorithms/NAME.yaml
  defaults_all,  ///< `defaults: {algorithms: ...}` and `defaults: {workloads: ...}`
  defaults,      ///< `defaults: {NAME: ...}`
  sweep,         ///< a key of the sweep: `budget`, `evaluate_every`, `target`
  search,        ///< a point of the sweep's own search space
  entry,         ///< the entry in `workloads` or `algorithms`
  block,         ///< `grid`, `zip`, `list` or `union`
  override,      ///< --set
};
[[nodiscard]] std::string_view name(Rank rank);

/// A typed value; empty means "none": an inherited limit is lifted.
using SlotValue = std::variant<std::monostate, double, std::int64_t, bool, std::string, std::vector<double>>;

/// "0.001", "cosine", "[0.5, 0.8]", "none".
[[nodiscard]] std::string text(const SlotValue& value);

struct Layer {
  Rank rank = Rank::standard;
  SlotValue value;
  Origin at;
  int use = -1;  ///< number of the assignment it came from, where unused ones are errors; else -1
};

class Slots {
 public:
  /// Above the layers of the same rank that are already there.
  void put(const std::string& slot, Layer layer);
  /// The strongest layer, or null.
  [[nodiscard]] const Layer* top(std::string_view slot) const;
  /// All layers of a slot, weakest first; empty when it was never set.
  [[nodiscard]] const std::vector<Layer>& layers(std::string_view slot) const;
  [[nodiscard]] const std::map<std::string, std::vector<Layer>, std::less<>>& all() const { return slots_; }

 private:
  std::map<std::string, std::vector<Layer>, std::less<>> slots_;
};

/// The rank of a value that was written at `at`: an override is one wherever it was merged in.
[[nodiscard]] inline Rank rank_at(const Origin& at, Rank rank) {
  return at.kind == Origin::Kind::override ? Rank::override : rank;
}

}  // namespace velo
