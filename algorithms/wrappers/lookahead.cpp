// algorithms/wrappers/lookahead.cpp
//
// Lookahead: k steps forward, one step back. Every k steps the slow weights s move towards the fast ones, which then
// restart from them; between, the inner algorithm moves the fast weights x as always.
//   t mod k = 0:   s <- s + alpha (x - s),   x <- s
// Paper: Zhang, Lucas, Hinton, Ba, NeurIPS 2019, arXiv:1907.08610, Algorithm 1. The state of the inner algorithm is
// kept across synchronisations (the paper's "maintain").
// The slow weights are the evaluation parameters, whatever the inner algorithm would hand out; they start at the
// initial parameters. They have batch-norm statistics of their own (refresh_batches), which the paper leaves open.
// State: 1 value per parameter beside the inner algorithm's. Traffic: every k steps 2 reads, 2 writes per parameter.

#include "algorithms/transforms/model_state_refresh.hpp"
#include "harness/algorithm.hpp"
#include "harness/device/elementwise.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

void synchronise_pass(Index size, Scalar alpha, Scalar* slow, Scalar* fast) {
  for_each(
      "velo::update::lookahead", size, KOKKOS_LAMBDA(const Index i) {
        const Scalar s = slow[i] + alpha * (fast[i] - slow[i]);
        slow[i] = s;
        fast[i] = s;
      });
}

class Lookahead : public Wrapper {
 public:
  Lookahead(std::unique_ptr<TrainingAlgorithm> inner, const Parameters& parameters)
      : Wrapper(std::move(inner)),
        k_(parameters.integer("k")),
        alpha_(parameters.real("alpha")),
        refresh_(parameters) {}

  void declare(StateArena& state) override {
    state.vector("slow", slow_);
    Wrapper::declare(state);
  }
  void init(Oracle& oracle, Vector params) override {
    Kokkos::deep_copy(slow_, params);
    Wrapper::init(oracle, params);
  }
  void step(Oracle& oracle, Vector params) override {
    Wrapper::step(oracle, params);
    if (oracle.progress().step % k_ != 0) return;
    const auto alpha = static_cast<Scalar>(alpha_.at(oracle.progress()));
    synchronise_pass(static_cast<Index>(params.size()), alpha, slow_.data(), params.data());
  }
  void prepare_for_eval(Oracle& oracle, ConstVector) override { refresh_.run(oracle, slow_); }
  [[nodiscard]] ConstVector evaluation_params(ConstVector) const override { return slow_; }
  [[nodiscard]] ConstVector evaluation_model_state(ConstVector model_state) const override {
    return refresh_.state(model_state);
  }

 private:
  std::int64_t k_;
  Schedule alpha_;
  ModelStateRefresh refresh_;
  Vector slow_;
};

}  // namespace

AlgorithmInfo lookahead_info() {
  AlgorithmInfo info;
  info.name = "lookahead";
  info.version = 2;
  info.summary = "slow weights that follow another algorithm's fast ones every k steps";
  info.paper = "Zhang, Lucas, Hinton, Ba, NeurIPS 2019, arXiv:1907.08610";
  info.parameters = {
      inner_algorithm("inner", "the algorithm that moves the fast weights"),
      integer("k", 5, Range::at_least(1), "steps between synchronisations", "steps"),
      real("alpha", 0.5, Range::fraction(), "share of the way that the slow weights go"),
  };
  ModelStateRefresh::declare(info.parameters, 10);
  info.make = [](const Parameters& parameters, const Registry& registry) {
    return std::make_unique<Lookahead>(registry.make(parameters.algorithm("inner")), parameters);
  };
  return info;
}

}  // namespace velo
