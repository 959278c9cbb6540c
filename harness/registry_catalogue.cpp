#include "harness/catalogue.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

std::vector<std::string> names(const Capabilities& capabilities) {
  std::vector<std::string> out;
  for (const Capability capability : capabilities.list()) out.emplace_back(name(capability));
  return out;
}

}  // namespace

Catalogue catalogue_of(const Registry& registry) {
  Catalogue out;
  for (const AlgorithmInfo& info : registry.algorithms()) {
    CatalogueAlgorithm algorithm;
    algorithm.name = info.name;
    algorithm.summary = info.summary;
    algorithm.paper = info.paper;
    algorithm.version = info.version;
    algorithm.open_division = info.division == Division::open;
    algorithm.needs = names(info.needs);
    if (info.variant_needs)
      algorithm.variant_needs = [of = info.variant_needs](const Parameters& parameters) {
        return names(of(parameters));
      };
    algorithm.parameters = info.parameters;
    // Whoever makes one finds out; nothing is allocated before it declares its state.
    algorithm.check = [&registry, make = info.make](const Parameters& parameters) {
      static_cast<void>(make(parameters, registry));
    };
    out.algorithms.push_back(std::move(algorithm));
  }
  for (const WorkloadInfo& info : registry.workloads()) {
    CatalogueWorkload workload;
    workload.name = info.name;
    workload.summary = info.summary;
    workload.version = info.version;
    workload.data_set = info.data_set;
    for (const MetricInfo& metric : info.metrics)
      workload.metrics.push_back({metric.name, metric.unit, metric.higher_is_better});
    workload.offers = names(info.offers);
    if (info.variant_offers)
      workload.variant_offers = [of = info.variant_offers](const Parameters& parameters) {
        return names(of(parameters));
      };
    workload.parameters = info.parameters;
    if (info.data_version)
      workload.data_version = [data_version = info.data_version](const Parameters& parameters,
                                                                 const std::string& directory, bool synthetic) {
        return data_version(parameters, DataSource{directory, synthetic});
      };
    if (info.trivial)
      workload.trivial = [trivial = info.trivial](const Parameters& parameters, const std::string& directory,
                                                  bool synthetic) {
        return trivial(parameters, DataSource{directory, synthetic});
      };
    out.workloads.push_back(std::move(workload));
  }
  return out;
}

}  // namespace velo
