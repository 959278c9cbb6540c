// harness/gate/gate_file.hpp
//
// The file of `velo gate`, strict YAML:
//
//   gate: regression
//   replay:
//     changed: hold          hold (default): a changed trajectory is inconclusive until accepted; note: it is reported
//     cases:                 more than the derived ones (replay_cases.hpp): algorithm entries as in a sweep, with labels
//       - adamw: {lr: {value: 0.01, schedule: linear}, amsgrad: true}
//         label: adamw_linear
//   quality:
//     sweep: regression_sweep.yaml   relative to this file; its studies are the seeds
//     margin: 10%            a difference below is none
//     margins: {fashion_mnist_mlp: 20%}   of workloads, variants included, whose seeds see less than the others'
//     level: 0.95
//   speed:
//     algorithms: [adamw]    entries as in a sweep; [] for none
//     parameters: 1000000    of the model that a step updates
//     threads: 1
//     margin: 5%
//     level: 0.95
//     looks: [6, 9, 12, 16, 20]   numbers of rounds
//     seconds: 120           for all of it; what is undecided then is inconclusive
//     foreign_limit: 0.05    share of the machine that others may use while a round is measured
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/gate/speed.hpp"
#include "harness/catalogue.hpp"
#include "harness/gate/replay_cases.hpp"

namespace velo {

struct GateFile {
  std::string name;
  std::string path;
  bool hold = true;
  std::vector<ReplayCase> extra_replays;

  std::string sweep;  ///< path, as the program sees it; empty: no quality part
  double quality_margin = 0.1;
  std::map<std::string, double> quality_margins;  ///< by workload, where it is not quality_margin
  double quality_level = 0.95;

  struct SpeedCase {
    std::string label;
    std::string entry;  ///< YAML on one line, for the workers of both builds
  };
  std::vector<SpeedCase> speed_cases;
  std::int64_t parameters = 1'000'000;
  std::int64_t threads = 1;
  analysis::SpeedOptions speed;
  double speed_seconds = 120;
  double foreign_limit = 0.05;
};

/// The margin of a workload, whose name may carry a variant: "fashion_mnist_mlp{width=64}".
[[nodiscard]] double quality_margin(const GateFile& gate, const std::string& workload);

/// Throws Error "file:line:column: sentence" for everything that is wrong with it.
[[nodiscard]] GateFile read_gate_file(const std::string& path, const Catalogue& catalogue);

/// An algorithm entry on one line of YAML: `adamw`, `{adamw: {lr: 0.1}}`. `argument` is what errors call it.
[[nodiscard]] Component component_from(const std::string& yaml, const std::string& argument,
                                       const Catalogue& catalogue);

}  // namespace velo
