#include "harness/registry.hpp"

#include <algorithm>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

template <typename Info>
void insert(std::vector<Info>& list, Info info, std::string_view kind) {
  const auto at = std::lower_bound(list.begin(), list.end(), info.name,
                                   [](const Info& other, const std::string& name) { return other.name < name; });
  if (at != list.end() && at->name == info.name) throw Error(cat("two ", kind, "s are called '", info.name, "'"));
  list.insert(at, std::move(info));
}

template <typename Info>
const Info& find(const std::vector<Info>& list, std::string_view name, std::string_view kind,
                 std::string_view overview = "velo list") {
  std::vector<std::string> names;
  for (const Info& info : list) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  throw Error(
      cat("no ", kind, " is called '", name, "'", did_you_mean(name, names), "; `", overview, "` shows them all"));
}

/// Calls `visit` for a component and everything it wraps.
template <typename Visit>
void for_each_part(const Component& component, Visit visit) {
  visit(component);
  for (const auto& [name, value] : component.parameters.values())
    if (const auto* parts = std::get_if<std::vector<Component>>(&value))
      for (const Component& part : *parts) for_each_part(part, visit);
}

}  // namespace

void Registry::add(AlgorithmInfo info) { insert(algorithms_, std::move(info), "algorithm"); }
void Registry::add(WorkloadInfo info) { insert(workloads_, std::move(info), "workload"); }
void Registry::add(DataSetInfo info) { insert(data_sets_, std::move(info), "data set"); }

const AlgorithmInfo& Registry::algorithm(std::string_view name) const { return find(algorithms_, name, "algorithm"); }
const WorkloadInfo& Registry::workload(std::string_view name) const { return find(workloads_, name, "workload"); }
const DataSetInfo& Registry::data_set(std::string_view name) const {
  return find(data_sets_, name, "data set", "velo data list");
}

std::unique_ptr<TrainingAlgorithm> Registry::make(const Component& component) const {
  return algorithm(component.name).make(component.parameters, *this);
}

Capabilities Registry::needs(const Component& component) const {
  Capabilities out;
  for_each_part(component, [&](const Component& part) { out |= algorithm(part.name).needed_by(part.parameters); });
  return out;
}

Division Registry::division(const Component& component) const {
  Division out = Division::closed;
  for_each_part(component, [&](const Component& part) {
    if (algorithm(part.name).division == Division::open) out = Division::open;
  });
  return out;
}

}  // namespace velo
