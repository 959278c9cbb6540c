// tests/contract/riders.hpp
//
// Every registered algorithm as a component with its default parameters; wrappers around adamw.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

inline bool is_wrapper(const AlgorithmInfo& info) {
  return std::any_of(info.parameters.begin(), info.parameters.end(),
                     [](const ParameterSpec& spec) { return spec.type == ParameterType::algorithm; });
}

/// `info` with its defaults, every required algorithm set to `inner`.
inline Component with_inner(const AlgorithmInfo& info, const Component& inner) {
  Component out{info.name, Parameters::defaults(info.parameters)};
  for (const ParameterSpec& spec : info.parameters)
    if (spec.type == ParameterType::algorithm) out.parameters.set(spec.name, std::vector<Component>{inner});
  return out;
}

inline std::vector<Component> every_algorithm() {
  const Component adamw = component("adamw");
  std::vector<Component> out;
  for (const AlgorithmInfo& info : builtin_registry().algorithms()) out.push_back(with_inner(info, adamw));
  return out;
}

/// Sets a real parameter wherever the component or something it wraps has it.
inline void set_everywhere(Component& component, std::string_view name, double value) {
  const std::map<std::string, Parameters::Value, std::less<>> values = component.parameters.values();
  for (const auto& [key, old] : values) {
    if (const auto* parts = std::get_if<std::vector<Component>>(&old)) {
      std::vector<Component> changed = *parts;
      for (Component& part : changed) set_everywhere(part, name, value);
      component.parameters.set(key, changed);
    } else if (key == name) {
      component.parameters.set(key, Schedule(value));
    }
  }
}

}  // namespace velo::test
