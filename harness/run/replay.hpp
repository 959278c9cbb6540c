// harness/run/replay.hpp
//
// `velo replay`, the conformance door: drives an algorithm with recorded gradients, or over a quadratic problem, and
// returns every intermediate point, so that an implementation can be compared with a reference.
//
// Recorded gradients are an open loop: at step t every gradient query, wherever it asks, is answered with gradient t.
// The quadratic problem answers gradients, losses and Hessian-vector products at any point, computed in double from
// the parameters as they are and rounded once.
// Plain C++: the verb includes it, replay.cpp is device code.
#pragma once

#include "harness/hyperparameters.hpp"
#include "harness/run/replay_file.hpp"

namespace velo {

class Registry;

/// Throws Error when a block's kind is unknown, or the algorithm needs what the input cannot answer. Needs a Runtime.
[[nodiscard]] ReplayOutput replay(const Component& algorithm, const Registry& registry, const ReplayInput& input);

}  // namespace velo
