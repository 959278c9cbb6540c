// tests/contract/riders.hpp
//
// Every registered algorithm as a component, with its defaults and in variants that reach every part of it in a short
// run; wrappers around adamw.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "results/text.hpp"
#include "tests/contract/landscape.hpp"

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

/// What a short run takes of an algorithm with its defaults is often little: nothing happens every ten steps. A variant has
/// changes and a name that says them.
struct Variant {
  std::string name;
  Component algorithm;
};

/// The changes come from the declared parameters, so a new algorithm has its variants without being named here:
///   defaults
///   soon      intervals, warm-ups and starts counted in steps are 3, momenta that are 0 by default 0.5, decay is on
///   and, soon, one by one:  every other word of a choice, every boolean turned, every other 0 made positive
///   small     what is counted in anything else is 4 at most: tiles, slices, blocks
/// `steps` that are enough for all: an epoch and a few steps.
inline constexpr std::int64_t variant_steps = 20;
inline std::vector<Variant> variants_of(const AlgorithmInfo& info) {
  const Component plain = with_inner(info, component("adamw"));
  std::vector<Variant> out = {{info.name, plain}};
  Component soon = plain, small = plain;
  const auto differ = [&](std::string what, Component algorithm) {
    out.push_back({cat(info.name, " ", what), std::move(algorithm)});
  };
  const auto reduced = [](const ParameterSpec& spec, double most) {
    return static_cast<std::int64_t>(std::min(spec.number, std::max(most, spec.range.low)));
  };
  for (const ParameterSpec& spec : info.parameters) {
    if (spec.type == ParameterType::integer && spec.unit == "steps") soon.parameters.set(spec.name, reduced(spec, 3.0));
    if (spec.type == ParameterType::integer && spec.unit != "steps")
      small.parameters.set(spec.name, reduced(spec, 4.0));
    if (spec.type != ParameterType::real || spec.number != 0.0) continue;
    if (spec.range.high == 1.0 && !spec.range.high_included) soon.parameters.set(spec.name, Schedule(0.5));
    if (spec.name == "weight_decay") soon.parameters.set(spec.name, Schedule(0.01));
  }
  differ("soon", soon);
  differ("small", small);
  for (const ParameterSpec& spec : info.parameters) {
    const auto set = [&](const std::string& what, Parameters::Value value) {
      Component changed = soon;
      changed.parameters.set(spec.name, std::move(value));
      differ(cat("with ", spec.name, " ", what), std::move(changed));
    };
    if (spec.type == ParameterType::boolean) set(spec.number == 0.0 ? "on" : "off", spec.number == 0.0);
    for (const std::string& word : spec.choices)
      if (word != spec.word) set(word, word);
    if (spec.type == ParameterType::real && spec.number == 0.0 &&
        std::get<Schedule>(soon.parameters.values().at(spec.name)).base == 0.0)
      set("positive", Schedule(spec.range.high == 1.0 ? 0.5 : 0.01));
  }
  return out;
}

inline std::vector<Variant> every_variant() {
  std::vector<Variant> out;
  for (const AlgorithmInfo& info : builtin_registry().algorithms())
    for (Variant& variant : variants_of(info)) out.push_back(std::move(variant));
  return out;
}

/// A hash of the bits of everything that training has made: parameters, evaluation parameters, state.
inline std::string bits_of(const Rider& rider) {
  std::string bytes;
  const auto append = [&](const void* from, std::size_t count) { bytes.append(static_cast<const char*>(from), count); };
  const Vector& params = rider.params_view();
  for (const ConstVector& vector : {ConstVector(params), rider.evaluated_view(), ConstVector(rider.state().flat())}) {
    const auto host = Kokkos::create_mirror_view(vector);
    Kokkos::deep_copy(host, vector);
    append(host.data(), host.size() * sizeof(Scalar));
  }
  for (const StateArena::Number& number : rider.state().numbers()) {
    if (number.real != nullptr) append(number.real, sizeof(double));
    if (number.integer != nullptr) append(number.integer, sizeof(std::int64_t));
  }
  return sha256(bytes);
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
