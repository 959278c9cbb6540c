// harness/sweep/plan.hpp
//
// What a sweep would do to a store, trial by trial, and why.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "harness/executors/campaign.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/store.hpp"

namespace velo {

class Registry;

struct PlannedTrial {
  std::size_t cell = 0;  ///< position in the sweep
  std::string id;
  Need need = Need::fresh;
  std::string reason;             ///< one phrase: "never run", "failed before: nan", "done with sgd@1, now sgd@2"
  std::string changes;            ///< the algorithm's parameters that differ from their defaults, as JSON
  std::optional<double> seconds;  ///< expected wall time, where past runs tell
};

struct Plan {
  std::vector<PlannedTrial> trials;  ///< in the order of the cells
  std::size_t to_run = 0;
  std::size_t unknown = 0;  ///< trials to run whose time no past run tells
  std::optional<double>
      seconds;  ///< expected wall time of what will run, with the sweep's workers; empty: nothing known
};

/// `store` null: a store that does not exist yet. Time is the median of done runs with the same workload and algorithm,
/// else of the same workload.
[[nodiscard]] Plan make_plan(const Sweep& sweep, const Store* store, const CampaignSettings& settings,
                             const Registry& registry);

}  // namespace velo
