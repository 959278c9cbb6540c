#include "harness/sweep/plan.hpp"

#include <algorithm>
#include <map>

#include "harness/catalogue.hpp"
#include "harness/component_text.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What the store knows beyond the cells themselves.
class Past {
 public:
  explicit Past(const Store* store) {
    if (store == nullptr) return;
    for (const std::string& cell : store->cells()) {
      const auto run = store->current_run(cell);
      if (!run) continue;
      TrialSummary summary = store->read_status(*run);
      if (summary.status == Status::done) add(summary);
      by_cell_.emplace(cell, std::move(summary));
    }
  }

  [[nodiscard]] const TrialSummary* run_of(const std::string& cell) const {
    const auto found = by_cell_.find(cell);
    return found == by_cell_.end() ? nullptr : &found->second;
  }

  [[nodiscard]] std::optional<double> seconds(const Cell& cell) const {
    const std::string workload = cell.workload.name;
    const auto own = seconds_.find(cat(workload, " ", short_form(cell.algorithm)));
    if (own != seconds_.end()) return median(own->second);
    const auto any = seconds_.find(workload);
    if (any != seconds_.end()) return median(any->second);
    return std::nullopt;
  }

  /// A done run of the same question under other versions, or null.
  [[nodiscard]] const TrialSummary* other_version(const Cell& cell, const Registry& registry) const {
    const std::string workload = workload_changes_json(cell.workload, registry);
    const std::string algorithm = algorithm_changes_json(cell.algorithm, registry);
    for (const auto& [id, summary] : by_cell_) {
      const bool same = summary.status == Status::done && summary.workload == cell.workload.name &&
                        summary.workload_changes == workload && summary.algorithm == short_form(cell.algorithm) &&
                        summary.algorithm_changes == algorithm && summary.study == cell.study &&
                        summary.trial == cell.trial && summary.seed == cell.seed;
      const bool changed = summary.workload_version != cell.workload_version ||
                           summary.algorithm_version != cell.algorithm_version ||
                           summary.data_version != cell.data_version;
      if (same && changed) return &summary;
    }
    return nullptr;
  }

 private:
  void add(const TrialSummary& summary) {
    seconds_[summary.workload].push_back(summary.seconds.wall);
    seconds_[cat(summary.workload, " ", summary.algorithm)].push_back(summary.seconds.wall);
  }

  std::map<std::string, TrialSummary> by_cell_;
  std::map<std::string, std::vector<double>> seconds_;
};

std::string version_change(const TrialSummary& before, const Cell& now) {
  if (before.algorithm_version != now.algorithm_version)
    return cat("done with ", before.algorithm_version, ", now ", now.algorithm_version);
  if (before.workload_version != now.workload_version)
    return cat("done with ", now.workload.name, "@", before.workload_version, ", now @", now.workload_version);
  return "done with other data";
}

std::string reason(const Cell& cell, Need need, const TrialSummary* run, const Past& past, const Registry& registry) {
  const auto why = [&] {
    if (run == nullptr || !run->stop_reason) return std::string();
    return cat(": ", run->message.empty() ? std::string(name(*run->stop_reason)) : run->message);
  };
  switch (need) {
    case Need::fresh: {
      const TrialSummary* other = past.other_version(cell, registry);
      return other == nullptr ? "never run" : version_change(*other, cell);
    }
    case Need::resume:
      return "begun, and its worker is gone";
    case Need::retry:
    case Need::failed:
      return cat("failed before", why());
    case Need::redo:
    case Need::done:
      return cat("done", why());
    case Need::elsewhere:
      return "another process works on it";
  }
  return "";
}

}  // namespace

Plan make_plan(const Sweep& sweep, const Store* store, const CampaignSettings& settings, const Registry& registry) {
  const Catalogue catalogue = catalogue_of(registry);
  const Past past(store);
  Plan out;
  double total = 0.0;
  for (std::size_t i = 0; i < sweep.cells.size(); ++i) {
    const Cell& cell = sweep.cells[i];
    PlannedTrial trial;
    trial.cell = i;
    trial.id = cell_id(cell, catalogue);
    trial.need = store == nullptr ? Need::fresh : assess(*store, trial.id, settings);
    trial.reason = reason(cell, trial.need, past.run_of(trial.id), past, registry);
    trial.changes = algorithm_changes_json(cell.algorithm, registry);
    if (needs_work(trial.need)) {
      trial.seconds = past.seconds(cell);
      ++out.to_run;
      if (trial.seconds)
        total += *trial.seconds;
      else
        ++out.unknown;
    }
    out.trials.push_back(std::move(trial));
  }
  if (out.to_run > out.unknown) out.seconds = total / sweep.executor.workers;
  return out;
}

}  // namespace velo
