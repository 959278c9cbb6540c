// workloads/nn/interaction.hpp
//
// Dot interaction of dense and categorical features (Naumov et al. 2019, arXiv:1906.00091, section 2; diagonal included
// as in AlgoPerf's Criteo workload): with x_0 = dense[i] and x_1 ... x_F = embeddings[i],
//   y[i] = (x_0, <x_0, x_0>, <x_0, x_1>, ..., <x_0, x_F>, <x_1, x_1>, ..., <x_F, x_F>)
//   dx_a = sum_{b != a} g_ab x_b + 2 g_aa x_a, and dx_0 gets the gradient of its copy besides
//
//   dense [rows, width]   embeddings [rows, features, width]   y [rows, width + (features + 1)(features + 2) / 2]
#pragma once

#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// Throws std::logic_error for shapes that do not fit.
[[nodiscard]] Value dot_interaction(Tape& tape, Value dense, Value embeddings);

}  // namespace velo::nn
