#include "harness/catalogue.hpp"

#include <algorithm>
#include <set>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

template <typename Module>
const Module* find(const std::vector<Module>& list, std::string_view name) {
  const auto at = std::find_if(list.begin(), list.end(), [&](const Module& module) { return module.name == name; });
  return at == list.end() ? nullptr : &*at;
}

template <typename Module>
std::vector<std::string> names(const std::vector<Module>& list) {
  std::vector<std::string> out;
  for (const Module& module : list) out.push_back(module.name);
  return out;
}

template <typename Module>
const Module& get(const std::vector<Module>& list, std::string_view name, std::string_view kind) {
  if (const Module* module = find(list, name)) return *module;
  throw Error(
      cat("no ", kind, " is called '", name, "'", did_you_mean(name, names(list)), "; `velo list` shows them all"));
}

void collect_needs(const Component& component, const Catalogue& catalogue, std::set<std::string>& out) {
  const auto own = catalogue.algorithm(component.name).needed_by(component.parameters);
  out.insert(own.begin(), own.end());
  for (const auto& [name, value] : component.parameters.values())
    if (const auto* parts = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *parts) collect_needs(part, catalogue, out);
}

}  // namespace

const ParameterSpec* CatalogueAlgorithm::inner() const {
  for (const ParameterSpec& spec : parameters)
    if (spec.type == ParameterType::algorithm) return &spec;
  return nullptr;
}

const CatalogueAlgorithm* Catalogue::find_algorithm(std::string_view name) const { return find(algorithms, name); }
const CatalogueWorkload* Catalogue::find_workload(std::string_view name) const { return find(workloads, name); }
const CatalogueAlgorithm& Catalogue::algorithm(std::string_view name) const {
  return get(algorithms, name, "algorithm");
}
const CatalogueWorkload& Catalogue::workload(std::string_view name) const { return get(workloads, name, "workload"); }
std::vector<std::string> Catalogue::algorithm_names() const { return names(algorithms); }
std::vector<std::string> Catalogue::workload_names() const { return names(workloads); }

std::string algorithm_version(const Component& algorithm, const Catalogue& catalogue) {
  std::string inner;
  for (const auto& [name, value] : algorithm.parameters.values())
    if (const auto* parts = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *parts) inner += cat(inner.empty() ? "" : ",", algorithm_version(part, catalogue));
  const std::string own = cat(algorithm.name, "@", catalogue.algorithm(algorithm.name).version);
  return inner.empty() ? own : cat(own, "(", inner, ")");
}

std::vector<std::string> needs_of(const Component& algorithm, const Catalogue& catalogue) {
  std::set<std::string> out;
  collect_needs(algorithm, catalogue, out);
  return {out.begin(), out.end()};
}

}  // namespace velo
