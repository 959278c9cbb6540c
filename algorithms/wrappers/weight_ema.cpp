// algorithms/wrappers/weight_ema.cpp
//
// Evaluates an exponential moving average of the parameters; the training itself is the inner algorithm's alone.
//   a <- d a + (1 - d) x after every step;   a starts at the initial parameters
//   d = decay;   with warm_up: d = min(decay, (1 + t) / (10 + t)), so a short run is not dominated by its start
// Papers: Polyak & Juditsky, SIAM J. Control Optim. 1992 (averaging); Tarvainen & Valpola, NeurIPS 2017,
// arXiv:1703.01780 (exponential average of network weights). The warm-up is TensorFlow's `num_updates` rule.
// The average is evaluated with batch-norm statistics of its own (refresh_batches).
// State: 1 value per parameter beside the inner algorithm's. Traffic per step: 2 reads, 1 write per parameter.

#include <algorithm>

#include "algorithms/transforms/model_state_refresh.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void average_pass(Index size, Scalar keep, Scalar rest, const Scalar* params, Scalar* average) {
  for_each(
      "velo::update::weight_ema", size,
      KOKKOS_LAMBDA(const Index i) { average[i] = keep * average[i] + rest * params[i]; });
}

class WeightEma : public Wrapper {
 public:
  WeightEma(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)),
        decay_(parameters.real("decay")),
        warm_up_(parameters.boolean("warm_up")),
        refresh_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("average", average_);
    Wrapper::declare(state);
  }
  void init(Oracle& oracle, Vector params) override {
    Kokkos::deep_copy(average_, params);
    Wrapper::init(oracle, params);
  }
  void step(Oracle& oracle, Vector params) override {
    Wrapper::step(oracle, params);
    const double decay = decay_at(oracle.progress());
    average_pass(static_cast<Index>(params.size()), static_cast<Scalar>(decay), static_cast<Scalar>(1.0 - decay),
                 params.data(), average_.data());
  }
  void prepare_for_eval(Oracle& oracle, ConstVector) override { refresh_.run(oracle, average_); }
  [[nodiscard]] ConstVector evaluation_params(ConstVector) const override { return average_; }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const override {
    return refresh_.state(model_state);
  }

 private:
  [[nodiscard]] double decay_at(const Progress& progress) const {
    const double t = static_cast<double>(progress.step);
    const double decay = decay_.at(progress);
    return warm_up_ ? std::min(decay, (1.0 + t) / (10.0 + t)) : decay;
  }

  Schedule decay_;
  bool warm_up_;
  ModelStateRefresh refresh_;
  Vector average_;
};

}  // namespace

AlgorithmInfo weight_ema_info() {
  AlgorithmInfo info;
  info.name = "weight_ema";
  info.version = 2;
  info.summary = "evaluates a moving average of another algorithm's parameters";
  info.paper = "Polyak & Juditsky 1992; Tarvainen & Valpola, NeurIPS 2017, arXiv:1703.01780";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that trains"),
      real("decay", 0.999, Range::decay(), "share of the average that is kept at every step"),
      boolean("warm_up", true, "start with a smaller decay, (1 + t) / (10 + t)"),
  };
  ModelStateRefresh::declare(info.parameters, 10);
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<WeightEma>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
