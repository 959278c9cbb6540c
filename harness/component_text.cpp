#include "harness/component_text.hpp"

#include <cmath>
#include <map>

#include "harness/registry.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

std::string in_quotes(std::string_view text) {
  return cat("\"", text, "\"");
}  // names and words hold no special characters

/// JSON has no infinities; they become text.
std::string json_number(double value) {
  return std::isfinite(value) ? number_text(value) : in_quotes(number_text(value));
}

std::string json(const Schedule& s) {
  if (s.is_constant()) return json_number(s.base);
  std::string out = cat("{\"value\": ", json_number(s.base), ", \"schedule\": ", in_quotes(name(s.shape)));
  const Schedule standard;
  const auto field = [&](std::string_view key, double value, double usual) {
    if (value != usual) out += cat(", \"", key, "\": ", json_number(value));
  };
  field("warmup_fraction", s.warmup_fraction, standard.warmup_fraction);
  field("warmup_steps", static_cast<double>(s.warmup_steps), 0.0);
  field("final", s.final, standard.final);
  field("power", s.power, standard.power);
  field("gamma", s.gamma, standard.gamma);
  field("period", s.period, standard.period);
  field("growth", s.growth, standard.growth);
  const auto list = [&](std::string_view key, const std::vector<double>& values) {
    if (values.empty()) return;
    out += cat(", \"", key, "\": [");
    for (std::size_t i = 0; i < values.size(); ++i) out += cat(i > 0 ? ", " : "", json_number(values[i]));
    out += "]";
  };
  list("milestones", s.milestones);
  list("factors", s.factors);
  return out + "}";
}

using Flat = std::map<std::string, std::string>;

void flatten(const Component& component, const std::string& prefix, Flat& out) {
  for (const auto& [key, value] : component.parameters.values()) {
    const std::string full = prefix + key;
    if (const auto* schedule = std::get_if<Schedule>(&value)) out[full] = json(*schedule);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) out[full] = number_text(*integer);
    if (const auto* flag = std::get_if<bool>(&value)) out[full] = *flag ? "true" : "false";
    if (const auto* word = std::get_if<std::string>(&value)) out[full] = in_quotes(*word);
    if (const auto* parts = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *parts) flatten(part, full + ".", out);
  }
}

std::string object(const Flat& fields) {
  std::string out = "{";
  for (const auto& [key, value] : fields) out += cat(out.size() > 1 ? ", " : "", in_quotes(key), ": ", value);
  return out + "}";
}

/// The same component with every parameter at its default, inner algorithms included.
Component at_defaults(const Component& component, const Registry& registry) {
  Component out{component.name, Parameters::defaults(registry.algorithm(component.name).parameters)};
  for (const auto& [key, value] : component.parameters.values()) {
    const auto* parts = std::get_if<std::vector<Component>>(&value);
    if (parts == nullptr) continue;
    std::vector<Component> inner;
    for (const Component& part : *parts) inner.push_back(at_defaults(part, registry));
    out.parameters.set(key, std::move(inner));
  }
  return out;
}

std::string changes(const Component& component, const Component& standard) {
  Flat now;
  Flat usual;
  flatten(component, "", now);
  flatten(standard, "", usual);
  std::erase_if(now, [&](const auto& field) {
    const auto found = usual.find(field.first);
    return found != usual.end() && found->second == field.second;
  });
  return object(now);
}

}  // namespace

std::string short_form(const Component& component) {
  std::string inside;
  for (const auto& [key, value] : component.parameters.values())
    if (const auto* parts = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *parts) inside += (inside.empty() ? "" : ", ") + short_form(part);
  return inside.empty() ? component.name : cat(component.name, "(", inside, ")");
}

std::string parameters_json(const Component& component) {
  Flat out;
  flatten(component, "", out);
  return object(out);
}

std::string algorithm_changes_json(const Component& component, const Registry& registry) {
  return changes(component, at_defaults(component, registry));
}

std::string workload_changes_json(const Component& component, const Registry& registry) {
  return changes(component, {component.name, Parameters::defaults(registry.workload(component.name).parameters)});
}

}  // namespace velo
