// algorithms/averaging/schedule_free.hpp
//
// What the schedule-free rules share: three sequences, of which the trained parameters are y.
//   z   what the base rule moves: z <- z - lr_t u
//   x   its weighted average, which is evaluated: x <- (1 - c) x + c z
//   y   = (1 - beta) z + beta x, where the gradient is asked
// with  w_t = t^r max(lr_1 ... lr_t)^weight_lr_power,  c = w_t / (w_1 + ... + w_t)
//
// x is never kept. With d = y - z, so x = z + d / beta, one step reads and writes y and z alone:
//   y <- z + keep d - move u,   keep = (1 - c) beta / beta_old,   move = lr_t (1 - beta (1 - c))
//   z <- z - lr_t u
// At rest, d = 0 or u = 0, no rounding moves anything. beta_old is the last step's beta: it may follow a schedule.
//
// Paper: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, NeurIPS 2024, arXiv:2405.15682, Algorithm 1, with a linear
// warm-up: lr's warmup_steps. Names, r, weight_lr_power and the maximum agree with facebookresearch/schedule_free. With
// r = 0, power 2 and a learning rate that never falls the weights are the paper's lr_t^2; where lr falls the paper's
// weights fall with it, these do not.
#pragma once

#include <string_view>
#include <vector>

#include "algorithms/transforms/model_state_refresh.hpp"
#include "harness/algorithm.hpp"

namespace velo {

/// One step's coefficients; `u` is the base rule's direction.
struct ScheduleFreeFactors {
  Scalar keep, move;  ///< y <- z + keep (y - z) - move u
  Scalar lr;          ///< z <- z - lr u
};

class ScheduleFree : public GradientRule {
 public:
  /// `beta`: what the rule calls it.
  ScheduleFree(const Parameters& parameters, std::string_view beta);

  /// beta admits neither 0, which leaves nothing of the average in y, nor 1, where z does not act.
  [[nodiscard]] static Range beta_range() { return {0.0, 1.0, false, false}; }
  /// The specs of r, weight_lr_power and refresh_batches.
  static void declare_weighting(std::vector<ParameterSpec>& specs);

  void init(Oracle& oracle, Vector params) final;
  void prepare_for_eval(Oracle& oracle, ConstVector params) final;
  [[nodiscard]] ConstVector evaluation_params(ConstVector params) const final;
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const final;
  void observe(Observer& observer) const final;

 protected:
  void declare_state(StateArena& state) override;

  /// Takes a step of learning rate `lr` into the average.
  [[nodiscard]] ScheduleFreeFactors advance(const Progress& progress, double lr);

  Vector z_;

 private:
  Schedule beta_;
  Schedule r_;
  Schedule weight_lr_power_;
  ModelStateRefresh refresh_;
  Vector x_;  ///< made anew before every evaluation, so no state
  double last_beta_ = 1.0;
  double lr_max_ = 0.0;
  double weight_sum_ = 0.0;
  double last_lr_ = 0.0;
  double last_share_ = 0.0;
};

}  // namespace velo
