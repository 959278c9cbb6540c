// harness/sweep/search_space.hpp
//
// A search space says which values of a module's parameters a study tries:
//
//   adamw:
//     lr: {min: 1.0e-4, max: 1.0e-2, scale: log}       uniform in log(lr)
//     beta1: {min: 0.8, max: 0.99, scale: one_minus_log}  uniform in log(1 - beta1)
//     weight_decay: {min: 0, max: 0.1}                 uniform
//     amsgrad: [true, false]                           one of a list
//     eps: {values: [1.0e-8, 1.0e-4], when: {amsgrad: true}}   only when an earlier parameter has the value
//     lr.schedule: [constant, cosine]                  any path of the module
//   sgd: [{lr: 0.1}, {lr: 0.1, momentum: 0.9}]         points as written: trial t takes point t, in every study
//
// Integer parameters take whole values, both ends as likely as the others. Drawn reals are rounded to six significant
// digits: they read well, and the last bit of a mathematics library changes no trial's identity.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/config/draft.hpp"
#include "harness/sweep/points.hpp"
#include "harness/sweep/uses.hpp"

namespace velo {

struct Dimension {
  enum class Scale { linear, log, one_minus_log };
  struct Condition {
    std::string slot;
    std::vector<SlotValue> values;
  };

  std::string slot;
  Origin at;
  int use = -1;
  std::vector<SlotValue> values;  ///< discrete; empty for a range
  double min = 0.0;
  double max = 0.0;
  Scale scale = Scale::linear;
  bool integer = false;
  std::int64_t points = 0;  ///< of a range in a grid
  std::vector<Condition> when;

  /// The value at u in [0, 1).
  [[nodiscard]] SlotValue at_unit(double u) const;
  /// Value number i of count() for a grid.
  [[nodiscard]] SlotValue at_index(std::size_t i) const;
  [[nodiscard]] std::size_t count() const { return values.empty() ? static_cast<std::size_t>(points) : values.size(); }
};

/// The space of one module.
struct ModuleSpace {
  using Point = std::vector<std::pair<std::string, SlotValue>>;
  std::vector<Dimension> dimensions;
  std::vector<Point> points;  ///< the list form; dimensions are empty then
  Rank rank = Rank::search;
  Origin at;
  int use = -1;  ///< of the list form

  [[nodiscard]] bool is_list() const { return !points.empty(); }
};

/// Reads {lr: {...}, ...} or a list of points for the module of `part`. With `uses`, every dimension must be used.
[[nodiscard]] ModuleSpace read_module_space(const Draft& part, const Tree& tree, Rank rank, Uses* uses);

/// The spaces of an algorithm entry, one for each part (innermost first; empty where a part is not searched).
struct SearchPlan {
  Sampler sampler = Sampler::halton;
  std::vector<ModuleSpace> spaces;

  [[nodiscard]] bool searches() const;
  /// Points a grid or list has; nothing when points are drawn.
  [[nodiscard]] std::optional<std::size_t> size(const Draft& draft) const;
};

/// A parameter set by something stronger than the space is pinned: its dimension is not searched.
[[nodiscard]] bool is_pinned(const Draft& part, const std::string& slot, Rank space);
/// Marks the dimensions this draft leaves open; one that only --set pins counts as used.
void mark_uses(const SearchPlan& plan, const Draft& draft, Uses& uses);

/// Puts the point of (study, trial) into the draft. Dimensions are numbered from the innermost algorithm outward, pinned
/// ones included, so that a wrapped algorithm is tried at the points of the bare one.
void place_point(const SearchPlan& plan, std::uint64_t root_seed, std::int64_t study, std::int64_t trial, Draft& draft);

/// "halton" -> Sampler::halton; throws Error for anything else.
[[nodiscard]] Sampler read_sampler(const Tree& value);
[[nodiscard]] std::string_view name(Sampler sampler);

}  // namespace velo
