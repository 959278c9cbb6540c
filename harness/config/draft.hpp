// harness/config/draft.hpp
//
// A draft is a component (an algorithm with what it wraps, or a workload) while its parameters are still being
// collected from the places that may set them. assign() checks every value when it arrives, also one that a stronger
// place replaces later; resolve() makes the Component.
//
// Parameters are addressed by path, relative to the component:
//   lr                      the value of a real parameter; a map {value: ..., schedule: ...} sets several slots at once
//   lr.schedule             one slot of its schedule
//   inner.adamw.lr          through a wrapper; inner.lr says the same
//   inner                   replaces the wrapped algorithm
// A plain number sets the value of a real parameter and leaves its schedule as it is.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/catalogue.hpp"
#include "harness/config/layers.hpp"

namespace velo {

struct Draft {
  std::string name;
  Origin at;
  const std::vector<ParameterSpec>* specs = nullptr;
  bool schedules = true;                            ///< real parameters may change during training: true for algorithms
  Slots slots;                                      ///< "lr.value", "lr.schedule", "batch_size"
  std::map<std::string, std::vector<Draft>> inner;  ///< one draft for each parameter of type algorithm
};

/// What an assignment carries beside its value.
struct Assigning {
  Rank rank = Rank::entry;
  int use = -1;
};

/// `adamw`, `{adamw: {lr: 0.1}}` or `{chain: [a, b, c]}`, in which a wraps b and b wraps c.
[[nodiscard]] Draft read_algorithm(const Tree& tree, const Catalogue& catalogue, Assigning how);
/// `fashion_mnist_mlp` or `{fashion_mnist_mlp: {batch_size: 64}}`.
[[nodiscard]] Draft read_workload(const Tree& tree, const Catalogue& catalogue, Assigning how);

/// Sets the parameters of a map {lr: 0.1, beta1: 0.9}; a null tree sets nothing.
void assign_all(Draft& draft, const Tree& parameters, const Catalogue& catalogue, Assigning how);
/// Sets one parameter by its path. Throws Error at `value.at` for unknown names, types and ranges.
void assign(Draft& draft, std::span<const std::string> path, const Tree& value, const Catalogue& catalogue,
            Assigning how);

/// One typed value for a slot, checked: what assign() stores. `slot` as in Slots: "lr.value", "batch_size".
[[nodiscard]] SlotValue read_slot(const Draft& draft, const std::string& slot, const Tree& value);
/// The slot a path names, "lr" -> "lr.value"; throws Error at `at` for unknown names and for algorithm parameters.
[[nodiscard]] std::string slot_of(const Draft& draft, std::span<const std::string> path, const Origin& at);

/// The parameter of that name, or null.
[[nodiscard]] const ParameterSpec* find_spec(const Draft& draft, std::string_view name);

/// Throws Error when a required algorithm is missing or the slots of a schedule contradict each other.
[[nodiscard]] Component resolve(const Draft& draft);

/// Visits a draft and everything it wraps, innermost first.
template <typename AnyDraft, typename Visit>
void for_each_part(AnyDraft& draft, Visit visit) {
  for (auto& [name, parts] : draft.inner)
    for (auto& part : parts) for_each_part(part, visit);
  visit(draft);
}

/// "a.b.c" -> {"a", "b", "c"}. Throws Error at `at` for empty pieces.
[[nodiscard]] std::vector<std::string> split_path(const std::string& path, const Origin& at);

}  // namespace velo
