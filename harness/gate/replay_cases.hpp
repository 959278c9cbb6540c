// harness/gate/replay_cases.hpp
//
// Verdict zero of the gate: what is replayed, and the trajectories that come out.
//
// Cases, for every registered algorithm (a wrapper drives adamw), derived from what it declares so that a new algorithm
// or option is covered without anybody's doing:
//   NAME                  its defaults
//   NAME{amsgrad=true}    each boolean the other way round, with momentum and weight decay on (0.1) where their default is
//                         0: an option that acts upon them would change nothing else
//   NAME{variant=word}    each other word of a choice
//   NAME{momentum=0.1}    each real whose default is 0, which would leave its term untested (0.1, where admitted)
//   NAME{lr=cosine}       a schedule: cosine with a warm-up of a fifth, where there is an lr
// and those that the gate's file adds.
//
// The problem: blocks of 1, 9 x 4, 17 x 33, 17, 11 and 4 x 2 x 3 x 3 elements, no multiple of a vector register,
// each of another kind; `replay_steps` steps, which are also what schedules take for the length of the run. The gradient
// at point x, for query q of step t, is d x + n with d in [0.5, 1.5) fixed and n in [-1, 1) from the counter-based
// stream of (t, q): a noisy quadratic, so that what a rule does with points of its own (SAM, Lookahead) shows. It
// answers every question: single examples (noise of their own), terms of the loss, Hessian-vector products d v, layer
// records (noise of their own, not those of the gradient). All of it is IEEE +, * on the host.
//
// Plain C++: replay_cases.cpp is device code.
#pragma once

#include <string>
#include <vector>

#include "harness/catalogue.hpp"

namespace velo {

class Registry;

inline constexpr int replay_steps = 20;

struct ReplayCase {
  std::string name;
  Component algorithm;
};

/// Sorted by algorithm; the defaults first.
[[nodiscard]] std::vector<ReplayCase> replay_cases(const Catalogue& catalogue);

/// Names of the problem's blocks, in order.
[[nodiscard]] std::vector<std::string> replay_blocks();

/// The line of one case (analysis/gate/replay_digest.hpp). Needs a Runtime. A rule that throws gives no line: Error.
[[nodiscard]] std::string replay_line(const Component& algorithm, const Registry& registry);

}  // namespace velo
