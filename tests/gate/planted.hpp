// tests/gate/planted.hpp
//
// Bugs that optimizer libraries had, planted one at a time: the registry of the program with one algorithm's rule
// replaced or misled. Nothing of this is in the shipped program. `adamw_control` is AdamW written anew without a bug: its
// bits must be the library's, else the bugs beside it would show for being written differently.
#pragma once

#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/registry.hpp"
#include "results/error.hpp"

namespace velo::test {

enum class AdamBug : int {
  none,
  no_bias_correction,
  no_correction_of_v,
  correction_one_ahead,
  decay_after_step,
  decay_coupled,
  decay_without_lr,
  stale_momentum,
  stale_variance,
  eps_inside_root,
  eps_before_correction,
  variance_of_difference,
  variance_in_bfloat16,
  last_element_skipped,
  momentum_without_rest,
};

/// AdamW in the library's order of operations, for a constant decay of all blocks.
class PlantedAdamW : public GradientRule {
 public:
  PlantedAdamW(const Parameters& parameters, AdamBug bug) : parameters_(parameters), bug_(bug) {}

  void pass(Index n, const Scalar* g, Scalar* x, Scalar* m, Scalar* v, double weight1, double weight2, double lr,
            double decay) const {
    const AdamBug bug = bug_;
    const auto beta1 = static_cast<Scalar>(parameters_.real("beta1").base);
    const auto beta2 = static_cast<Scalar>(parameters_.real("beta2").base);
    const auto rest1 = static_cast<Scalar>(1.0 - parameters_.real("beta1").base);
    const auto rest2 = static_cast<Scalar>(1.0 - parameters_.real("beta2").base);
    const auto eps = static_cast<Scalar>(parameters_.real("eps").base);
    const auto step_size = static_cast<Scalar>(lr / weight1);
    const auto root_scale = static_cast<Scalar>(1.0 / std::sqrt(weight2));
    const auto keep = static_cast<Scalar>(1.0 - (bug == AdamBug::decay_without_lr ? 1.0 : lr) * decay);
    const auto coupled = static_cast<Scalar>(decay);
    for_each(
        "velo::test::planted_adamw", n, KOKKOS_LAMBDA(const Index i) {
          const Scalar gradient = bug == AdamBug::decay_coupled ? g[i] + coupled * x[i] : g[i];
          const Scalar old_m = m[i], old_v = v[i];
          const Scalar new_m =
              bug == AdamBug::momentum_without_rest ? beta1 * old_m + gradient : beta1 * old_m + rest1 * gradient;
          const Scalar deviation = bug == AdamBug::variance_of_difference ? gradient - new_m : gradient;
          Scalar new_v = beta2 * old_v + rest2 * deviation * deviation;
          if (bug == AdamBug::variance_in_bfloat16) {
            const float scale = 256.0F * static_cast<float>(new_v);  // rounds to eight bits of mantissa
            new_v = (static_cast<float>(new_v) + scale) - scale;
          }
          m[i] = new_m;
          v[i] = new_v;
          const Scalar first = bug == AdamBug::stale_momentum ? old_m : new_m;
          const Scalar second = bug == AdamBug::stale_variance ? old_v : new_v;
          Scalar root = std::sqrt(second) * root_scale + eps;
          if (bug == AdamBug::eps_inside_root) root = std::sqrt(second * root_scale * root_scale + eps);
          if (bug == AdamBug::eps_before_correction) root = (std::sqrt(second) + eps) * root_scale;
          if (bug == AdamBug::last_element_skipped && i == n - 1) return;
          if (bug == AdamBug::decay_after_step)
            x[i] = keep * (x[i] - step_size * first / root);
          else
            x[i] = (bug == AdamBug::decay_coupled ? Scalar(1) : keep) * x[i] - step_size * first / root;
        });
  }

 protected:
  void declare_state(StateArena& state) override {
    state.vector("m", m_);
    state.vector("v", v_);
    state.number("product1", product1_);
    state.number("product2", product2_);
  }
  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    const double beta1 = parameters_.real("beta1").base, beta2 = parameters_.real("beta2").base;
    if (progress.step == 1) product1_ = product2_ = 1.0;
    product1_ *= beta1;
    product2_ *= beta2;
    double weight1 = 1.0 - product1_, weight2 = 1.0 - product2_;
    if (bug_ == AdamBug::correction_one_ahead) {
      weight1 = 1.0 - product1_ * beta1;
      weight2 = 1.0 - product2_ * beta2;
    }
    if (bug_ == AdamBug::no_bias_correction) weight1 = weight2 = 1.0;
    if (bug_ == AdamBug::no_correction_of_v) weight2 = 1.0;
    pass(static_cast<Index>(params.extent(0)), gradient.data(), params.data(), m_.data(), v_.data(), weight1, weight2,
         parameters_.real("lr").at(progress), parameters_.real("weight_decay").base);
  }

 private:
  Parameters parameters_;
  AdamBug bug_;
  Vector m_, v_;
  double product1_ = 1.0, product2_ = 1.0;
};

/// Tells the algorithm that it is one step further: every schedule is off by one.
class StepAhead : public OracleDecorator {
 public:
  explicit StepAhead(Oracle& base) : OracleDecorator(base), progress_(base.progress()) { ++progress_.step; }
  [[nodiscard]] const Progress& progress() const override { return progress_; }

 private:
  Progress progress_;
};

/// Answers with the last step's gradient.
class StaleGradient : public OracleDecorator {
 public:
  StaleGradient(Oracle& base, Vector& last) : OracleDecorator(base), last_(&last) {}
  double gradient(Vector out, const Query& query) override {
    const double loss = base_->gradient(out, query);
    Vector fresh("fresh", out.extent(0));
    Kokkos::deep_copy(fresh, out);
    if (last_->extent(0) == out.extent(0)) Kokkos::deep_copy(out, *last_);
    *last_ = fresh;
    return loss;
  }

 private:
  Vector* last_;
};

class Misled : public Wrapper {
 public:
  Misled(std::unique_ptr<TrainingAlgorithm> inner, bool stale) : Wrapper(std::move(inner)), stale_(stale) {}
  void declare(StateArena& state) override { inner().declare(state); }
  void step(Oracle& oracle, Vector params) override {
    if (stale_) {
      StaleGradient misled(oracle, last_);
      inner().step(misled, params);
    } else {
      StepAhead misled(oracle);
      inner().step(misled, params);
    }
  }

 private:
  bool stale_;
  Vector last_;
};

/// Takes a share longer for each step, by spinning.
class Slowed : public Wrapper {
 public:
  Slowed(std::unique_ptr<TrainingAlgorithm> inner, double share) : Wrapper(std::move(inner)), share_(share) {}
  void declare(StateArena& state) override { inner().declare(state); }
  void step(Oracle& oracle, Vector params) override {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    inner().step(oracle, params);
    Kokkos::fence();
    const Clock::time_point end =
        start + std::chrono::duration_cast<Clock::duration>((1.0 + share_) * (Clock::now() - start));
    while (Clock::now() < end) {
    }
  }

 private:
  double share_;
};

struct PlantedBug {
  std::string name;
  std::string algorithm;  ///< whose rule it is
  std::string what;
  /// Makes the algorithm with its bug; `make` is what the library does.
  std::function<std::unique_ptr<TrainingAlgorithm>(const Parameters&, const Registry&, const AlgorithmInfo&)> make;
};

using MakeBug = decltype(PlantedBug::make);

inline MakeBug adam_bug(AdamBug bug) {
  return [bug](const Parameters& parameters, const Registry& registry,
               const AlgorithmInfo& info) -> std::unique_ptr<TrainingAlgorithm> {
    // amsgrad, moving betas and exceptions of the decay are not in the planted rule.
    if (parameters.boolean("amsgrad") || !parameters.boolean("decay_norms_and_biases"))
      return info.make(parameters, registry);
    return std::make_unique<PlantedAdamW>(parameters, bug);
  };
}

/// A rule that computes with another constant than it was told.
inline MakeBug factor_bug(const std::string& parameter, double factor) {
  return [=](const Parameters& parameters, const Registry& registry, const AlgorithmInfo& info) {
    Parameters changed = parameters;
    Schedule schedule = parameters.real(parameter);
    schedule.base *= factor;
    changed.set(parameter, schedule);
    return info.make(changed, registry);
  };
}

inline MakeBug value_bug(const std::string& parameter, const Parameters::Value& value) {
  return [=](const Parameters& parameters, const Registry& registry, const AlgorithmInfo& info) {
    Parameters changed = parameters;
    changed.set(parameter, value);
    return info.make(changed, registry);
  };
}

inline MakeBug misled(bool stale) {
  return [=](const Parameters& parameters, const Registry& registry, const AlgorithmInfo& info) {
    return std::make_unique<Misled>(info.make(parameters, registry), stale);
  };
}

inline std::vector<PlantedBug> planted_bugs() {
  return {
      {"adamw_beta2", "adamw", "beta2 is 1 % too small", factor_bug("beta2", 0.99)},
      {"adamw_beta1", "adamw", "beta1 is 1 % too small", factor_bug("beta1", 0.99)},
      {"adamw_lr", "adamw", "the learning rate is 1 % too large", factor_bug("lr", 1.01)},
      {"adamw_eps", "adamw", "eps is 1e-6 instead of 1e-8", factor_bug("eps", 100)},
      {"adamw_decay_lost", "adamw", "the weight decay is forgotten", factor_bug("weight_decay", 0)},
      {"adamw_schedule", "adamw", "the schedule is off by one step", misled(false)},
      {"adamw_no_correction", "adamw", "no bias correction", adam_bug(AdamBug::no_bias_correction)},
      {"adamw_no_correction_of_v", "adamw", "no bias correction of the second moment",
       adam_bug(AdamBug::no_correction_of_v)},
      {"adamw_correction_ahead", "adamw", "bias correction off by one step", adam_bug(AdamBug::correction_one_ahead)},
      {"adamw_decay_after", "adamw", "decay after the step instead of before", adam_bug(AdamBug::decay_after_step)},
      {"adamw_decay_coupled", "adamw", "decay in the gradient (Adam with L2)", adam_bug(AdamBug::decay_coupled)},
      {"adamw_decay_without_lr", "adamw", "decay not multiplied by the learning rate",
       adam_bug(AdamBug::decay_without_lr)},
      {"adamw_stale_momentum", "adamw", "the step uses the last momentum", adam_bug(AdamBug::stale_momentum)},
      {"adamw_stale_variance", "adamw", "the step uses the last second moment", adam_bug(AdamBug::stale_variance)},
      {"adamw_eps_inside", "adamw", "eps inside the root", adam_bug(AdamBug::eps_inside_root)},
      {"adamw_eps_before", "adamw", "eps added before the bias correction", adam_bug(AdamBug::eps_before_correction)},
      {"adamw_variance_of_difference", "adamw", "second moment of g - m instead of g",
       adam_bug(AdamBug::variance_of_difference)},
      {"adamw_bfloat16", "adamw", "second moment kept in eight bits of mantissa",
       adam_bug(AdamBug::variance_in_bfloat16)},
      {"adamw_last_element", "adamw", "the loop ends one element early", adam_bug(AdamBug::last_element_skipped)},
      {"adamw_no_rest", "adamw", "the gradient enters the momentum without 1 - beta1",
       adam_bug(AdamBug::momentum_without_rest)},
      {"sgd_momentum", "sgd", "momentum is 1 % too small", factor_bug("momentum", 0.99)},
      {"sgd_nesterov_ignored", "sgd", "nesterov is ignored", value_bug("nesterov", false)},
      {"sgd_stale_gradient", "sgd", "the step uses the last gradient", misled(true)},
      {"sgd_decay_decoupled", "sgd", "decay beside the gradient instead of in it",
       value_bug("decay", std::string("decoupled"))},
      {"nadamw_beta2", "nadamw", "beta2 is 1 % too small", factor_bug("beta2", 0.99)},
      {"nadamw_momentum_constant", "nadamw", "the momentum does not warm up",
       value_bug("momentum_schedule", std::string("constant"))},
      {"lion_beta1", "lion", "beta1 is 1 % too small", factor_bug("beta1", 0.99)},
      {"lookahead_k", "lookahead", "synchronises a step late",
       [](const Parameters& parameters, const Registry& registry, const AlgorithmInfo& info) {
         Parameters changed = parameters;
         changed.set("k", parameters.integer("k") + 1);
         return info.make(changed, registry);
       }},
  };
}

/// The program's registry with one bug in it; also "adamw_control" and "slow_10" (every step 10 % slower). Throws Error
/// for another name; the empty one plants nothing.
inline Registry planted_registry(const std::string& name) {
  std::vector<PlantedBug> bugs = planted_bugs();
  bugs.push_back({"adamw_control", "adamw", "AdamW written anew", adam_bug(AdamBug::none)});
  const bool slow = name.starts_with("slow_");
  const double share = slow ? std::strtod(name.c_str() + 5, nullptr) / 100 : 0.0;
  Registry out;
  bool planted = name.empty() || slow;
  for (AlgorithmInfo info : builtin_registry().algorithms()) {
    const AlgorithmInfo original = info;
    for (const PlantedBug& bug : bugs) {
      if (bug.name != name || bug.algorithm != info.name) continue;
      planted = true;
      info.make = [bug, original](const Parameters& parameters, const Registry& registry) {
        return bug.make(parameters, registry, original);
      };
    }
    if (slow)
      info.make = [original, share](const Parameters& parameters, const Registry& registry) {
        return std::make_unique<Slowed>(original.make(parameters, registry), share);
      };
    out.add(info);
  }
  if (!planted) throw Error("no bug is called '" + name + "'");
  for (const WorkloadInfo& info : builtin_registry().workloads()) out.add(info);
  for (const DataSetInfo& info : builtin_registry().data_sets()) out.add(info);
  return out;
}

}  // namespace velo::test
