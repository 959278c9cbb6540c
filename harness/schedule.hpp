// harness/schedule.hpp
//
// A hyperparameter that may change during training. Every real hyperparameter is one; a plain number is the
// constant schedule. In a configuration:
//
//   lr: 1.0e-3
//   lr: {value: 1.0e-3, schedule: cosine, warmup_fraction: 0.05, final: 0.01}
//
// value(t) = base * factor(t), t = 1 for the first step, T = the step hint of the workload, w = warm-up steps:
//
//   t <= w          factor = t / w                                                    (linear warm-up)
//   after it, with  x = (t - 1 - w) / (T - w), clamped to [0, 1]: 0 at the first step after the warm-up
//     constant      1
//     linear        1 - (1 - final) x
//     cosine        final + (1 - final) (1 + cos(pi x)) / 2                           (Loshchilov & Hutter 2017, one cycle)
//     polynomial    final + (1 - final) (1 - x)^power
//     step          gamma^k, k = number of milestones (fractions of T - w) that are <= x
//     warm_restarts cosine in cycles (SGDR, Loshchilov & Hutter, ICLR 2017): cycle i lasts period * growth^i of the
//                   T - w steps and starts at 1 again
//     table         straight lines through `factors`, which lie at equal distances from x = 0 to x = 1: what `velo refine`
//                   makes of a finished run
//
// Differs from torch.optim.lr_scheduler: one object, evaluated at any step without history (resume needs no state).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

/// Where training stands, as schedules and algorithms may know it.
struct Progress {
  std::int64_t step = 1;       ///< number of the update about to be made, from 1
  std::int64_t step_hint = 1;  ///< updates the budget is expected to hold; the T of every schedule
  double elapsed = 0.0;        ///< spent fraction of the budget, the larger of steps and seconds, in [0, 1]
};

struct Schedule {
  enum class Shape { constant, linear, cosine, polynomial, step, warm_restarts, table };

  double base = 0.0;
  Shape shape = Shape::constant;
  double warmup_fraction = 0.0;    ///< of T, in [0, 1); excludes warmup_steps
  std::int64_t warmup_steps = 0;   ///< >= 0
  double final = 0.0;              ///< last factor, in [0, 1]
  double power = 1.0;              ///< polynomial, > 0
  double gamma = 0.1;              ///< step, > 0
  std::vector<double> milestones;  ///< step, increasing, in (0, 1)
  double period = 1.0;             ///< warm_restarts: first cycle as a fraction of T - w, in (0, 1]
  double growth = 1.0;             ///< warm_restarts: length ratio of successive cycles, >= 1
  std::vector<double> factors;     ///< table, at least two, in [0, 1]

  Schedule() = default;
  Schedule(double constant_value) : base(constant_value) {}  // NOLINT: a number is a schedule

  /// The factor that multiplies the base.
  [[nodiscard]] double factor(const Progress& progress) const;
  [[nodiscard]] double at(const Progress& progress) const { return base * factor(progress); }
  [[nodiscard]] bool is_constant() const {
    return shape == Shape::constant && warmup_fraction == 0 && warmup_steps == 0;
  }
};

[[nodiscard]] std::string_view name(Schedule::Shape shape);

}  // namespace velo
