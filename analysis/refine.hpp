// analysis/refine.hpp
//
// A learning-rate schedule from the gradient norms of a finished run, which `gradient_norms` records.
//   G_t   norm of the gradient at step t = 1 ... T, smoothed by a median over a window of `smoothing` T steps
//   w_t = G_t^-power
//   f_t = w_t (w_t + w_(t+1) + ... + w_T),   divided by the largest f; 0 behind the last step
// Constant norms give the linear decay to zero; norms that start large give a warm-up.
// Paper: Defazio, Cutkosky, Mehta, Mishchenko, "Optimal linear decay learning rate schedules and further refinements",
// arXiv:2310.07831: power 2 with l2 norms for SGD; for Adam's kind power 1 with l1 norms.
// Differs: the sum contains t itself, so the last step is not lost and constant norms give exactly the shape `linear`
// of harness/schedule.hpp. The window is mirrored at the end and continued by its first value at the start, as there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace velo::analysis {

struct Refinement {
  double power = 2.0;         ///< >= 0
  double smoothing = 0.1;     ///< of the run, in [0, 1]; the window has an odd number of steps, at least 1
  std::int64_t points = 101;  ///< factors, at equal distances from the first step to the end, at least 2
};

/// Norms at steps 1 ... total, from those that were logged at `steps` (increasing, from 1 on): straight lines between
/// them, constant beyond. What is NaN was not logged.
[[nodiscard]] std::vector<double> at_every_step(std::span<const double> steps, std::span<const double> norms,
                                                std::int64_t total);

/// The factors of a schedule `table`. Throws Error on norms that are not positive and finite.
[[nodiscard]] std::vector<double> refined_factors(std::span<const double> norms, const Refinement& how);

}  // namespace velo::analysis
