#include "harness/sweep/sweep.hpp"

#include <map>
#include <set>

#include "harness/component_text.hpp"
#include "harness/sweep/expansion.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// Has each data set provided once, and asks each variant of a workload for its data once.
class DataVersions {
 public:
  DataVersions(const SweepRequest& request, const Catalogue& catalogue) : request_(&request), catalogue_(&catalogue) {}

  [[nodiscard]] std::string of(const Cell& cell) {
    const CatalogueWorkload& workload = catalogue_->workload(cell.workload.name);
    if (request_->data_directory.empty() || !workload.data_version) return "";
    const std::string key = cat(cell.workload.name, parameters_json(cell.workload), cell.synthetic ? "s" : "");
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    if (request_->provide_data && !cell.synthetic && !workload.data_set.empty() &&
        provided_.insert(workload.data_set).second)
      request_->provide_data(workload.data_set);
    const std::string version =
        workload.data_version(cell.workload.parameters, request_->data_directory, cell.synthetic);
    return known_.emplace(key, version).first->second;
  }

 private:
  const SweepRequest* request_;
  const Catalogue* catalogue_;
  std::map<std::string, std::string> known_;
  std::set<std::string> provided_;
};

}  // namespace

Sweep load_sweep(const SweepRequest& request, const Catalogue& catalogue) {
  Expansion expansion = expand(request.path, request.overrides, catalogue);
  Sweep out = expansion.sweep;
  DataVersions data(request, catalogue);
  std::set<std::string> seen;
  for (std::int64_t study = 0; study < out.studies; ++study) {
    for (std::int64_t trial = 0; trial < out.trials; ++trial) {
      for (const SearchedPair& pair : expansion.pairs) {
        Cell cell = make_cell(expansion, pair, study, trial, catalogue);
        cell.backend = request.backend;
        cell.data_version = data.of(cell);
        if (!seen.insert(cat(cell_id(cell, catalogue), cell.label)).second)
          fail(pair.entries.workload.at,
               cat("'", cell.workload.name, "' with '", cell.label, "' is asked for twice in the same form"));
        out.cells.push_back(std::move(cell));
      }
    }
  }
  return out;
}

}  // namespace velo
