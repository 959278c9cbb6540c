// harness/catalogue.hpp
//
// What configuration may talk about: the names, versions, parameters, needs and offers of every algorithm and workload,
// as plain host data. It is the registry without the factories, so the rooms that read YAML and expand sweeps see no
// Kokkos.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/hyperparameters.hpp"
#include "harness/trivial.hpp"

namespace velo {

struct CatalogueMetric {
  std::string name;
  std::string unit;
  bool higher_is_better = false;
};

struct CatalogueAlgorithm {
  std::string name;
  std::string summary;
  std::string paper;
  int version = 1;
  bool open_division = false;
  std::vector<std::string> needs;                                            ///< names of capabilities
  std::function<std::vector<std::string>(const Parameters&)> variant_needs;  ///< where variants need less; or empty
  std::vector<ParameterSpec> parameters;
  /// Throws Error where parameters that are each in range cannot go together. Empty: nobody knows.
  std::function<void(const Parameters&)> check;

  [[nodiscard]] std::vector<std::string> needed_by(const Parameters& variant) const {
    return variant_needs ? variant_needs(variant) : needs;
  }
  /// The parameter that holds the algorithm it drives, or null: only wrappers have one.
  [[nodiscard]] const ParameterSpec* inner() const;
};

struct CatalogueWorkload {
  std::string name;
  std::string summary;
  int version = 1;
  std::string data_set;
  std::vector<CatalogueMetric> metrics;                                       ///< the first is the target metric
  std::vector<std::string> offers;                                            ///< names of capabilities
  std::function<std::vector<std::string>(const Parameters&)> variant_offers;  ///< where variants offer less; or empty
  std::vector<ParameterSpec> parameters;
  /// Hash of the converted data in `directory`, or of the generator. Throws Error when data is missing.
  std::function<std::string(const Parameters&, const std::string& directory, bool synthetic)> data_version;
  /// What a prediction that ignores its input scores on the data in `directory`, or on the generator's; empty where
  /// there is no input. Throws Error when data is missing.
  std::function<TrivialBaseline(const Parameters&, const std::string& directory, bool synthetic)> trivial;

  [[nodiscard]] std::vector<std::string> offered_by(const Parameters& variant) const {
    return variant_offers ? variant_offers(variant) : offers;
  }
};

/// Both lists are sorted by name.
struct Catalogue {
  std::vector<CatalogueAlgorithm> algorithms;
  std::vector<CatalogueWorkload> workloads;

  /// Null when there is none of that name.
  [[nodiscard]] const CatalogueAlgorithm* find_algorithm(std::string_view name) const;
  [[nodiscard]] const CatalogueWorkload* find_workload(std::string_view name) const;
  /// Throw Error naming the nearest known name.
  [[nodiscard]] const CatalogueAlgorithm& algorithm(std::string_view name) const;
  [[nodiscard]] const CatalogueWorkload& workload(std::string_view name) const;

  [[nodiscard]] std::vector<std::string> algorithm_names() const;
  [[nodiscard]] std::vector<std::string> workload_names() const;
};

class Registry;

/// The registry as configuration sees it, which must outlive it.
[[nodiscard]] Catalogue catalogue_of(const Registry& registry);

/// "adamw@1", "lookahead@1(adamw@1)".
[[nodiscard]] std::string algorithm_version(const Component& algorithm, const Catalogue& catalogue);

/// What a component and all it wraps need, sorted, without repetition.
[[nodiscard]] std::vector<std::string> needs_of(const Component& algorithm, const Catalogue& catalogue);

}  // namespace velo
