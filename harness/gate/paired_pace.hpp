// harness/gate/paired_pace.hpp
//
// Two builds of velo that work in turns: what the speed verdict measures (analysis/gate/speed.hpp has the rule).
//
// Each side is a process `velo pace` that holds one algorithm and its parameters, and makes so many steps when it is
// told to (algorithm_speed.hpp: gradients are noise and cost nothing). While one works the other waits on its pipe. A
// round has 40 turns of some 5 ms a side, in the order A B B A A B B A ..., so that a drift of the machine hits both.
// With one thread both sides share a core, another one every two rounds: on a virtual machine a core is much faster or
// slower for tens of milliseconds at a time, as its sibling on the host idles or works, and two cores not at the same
// time (tests/gate/slowdowns.md is with one core; with two, 29 of 50 slowdowns were found). A round during which others
// used more than the limit of the machine measures nothing.
// Host-only: processes, no Kokkos.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/gate/speed.hpp"
#include "harness/gate/gate_file.hpp"

namespace velo {

struct PaceBuilds {
  std::string candidate, baseline;  ///< programs
};

/// The program of a build folder (DIR/velo), or the file itself. Throws Error where there is none to run.
[[nodiscard]] std::string program_of_build(const std::string& build);

struct PaceRound {
  double log_speedup = 0;  ///< of the candidate
  double foreign_share = 0;
};

/// Round number `round` = 0, 1, ...: which side begins, and on which core. Throws Error when a process does not answer.
[[nodiscard]] PaceRound pace_round(const PaceBuilds& builds, const GateFile::SpeedCase& algorithm, const GateFile& gate,
                                   std::size_t round);

/// Rounds until the rule decides or the time is up; `say` hears of every round. `seconds` is what remains of the gate's.
[[nodiscard]] analysis::GateCase measure_pace(const PaceBuilds& builds, const GateFile::SpeedCase& algorithm,
                                              const GateFile& gate, double seconds,
                                              const std::function<void(const std::string&)>& say);

}  // namespace velo
