// algorithms/averaging/schedule_free_sgd.cpp
//
// Schedule-free SGD: plain SGD moves z, an average x of z is evaluated, the gradient is asked between.
//   u = g + wd y                                                        g at y, the trained parameters
//   z <- z - lr u,   x <- (1 - c) x + c z,   y = (1 - mu) z + mu x      c: algorithms/averaging/schedule_free.hpp
// Paper: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, NeurIPS 2024, arXiv:2405.15682, the equations for y, z, x.
// Agrees with schedulefree.SGDScheduleFree: `momentum` is the paper's beta, the decay is coupled and acts at y.
// Differs: warm-up is lr's own; x gets batch-norm statistics of its own (refresh_batches; the reference asks its user
// to do that); momentum may follow a schedule.
// State: 1 value per parameter (z). Traffic per step: 3 reads, 2 writes per parameter; 2 reads, 1 write more and 1
// value of scratch per parameter for an evaluation.

#include "algorithms/averaging/schedule_free.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

void schedule_free_sgd_pass(Index first, Index last, DecayFactors decay, ScheduleFreeFactors f, const Scalar* gradient,
                            Scalar* z, Scalar* params) {
  for_each(
      "velo::update::schedule_free_sgd", last - first, KOKKOS_LAMBDA(const Index k) {
        const Index i = first + k;
        const Scalar y = params[i];
        const Scalar old_z = z[i];
        const Scalar u = gradient[i] + decay.in_gradient * y;
        params[i] = old_z + f.keep * (y - old_z) - f.move * u;
        z[i] = old_z - f.lr * u;
      });
}

class ScheduleFreeSgd : public ScheduleFree {
 public:
  explicit ScheduleFreeSgd(const Parameters& parameters)
      : ScheduleFree(parameters, "momentum"), lr_(parameters.real("lr")), decay_(parameters, DecayForm::coupled) {}

 protected:
  void declare_state(StateArena& state) override {
    ScheduleFree::declare_state(state);
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    const double lr = lr_.at(progress);
    const ScheduleFreeFactors f = advance(progress, lr);
    decay_.for_each_run(progress, lr, [&](Index first, Index last, DecayFactors decay) {
      schedule_free_sgd_pass(first, last, decay, f, gradient.data(), z_.data(), params.data());
    });
  }

 private:
  Schedule lr_;
  WeightDecay decay_;
};

}  // namespace

AlgorithmInfo schedule_free_sgd_info() {
  AlgorithmInfo info;
  info.name = "schedule_free_sgd";
  info.summary = "SGD whose evaluated average takes the place of a learning-rate schedule";
  info.paper = "Defazio et al., NeurIPS 2024, arXiv:2405.15682";
  info.parameters = {
      real("lr", 1.0, Range::non_negative(), "learning rate, constant after a warm-up"),
      real("momentum", 0.9, ScheduleFree::beta_range(),
           "share of the average in the point where the gradient is asked"),
  };
  WeightDecay::declare(info.parameters, 0.0);
  ScheduleFree::declare_weighting(info.parameters);
  info.make = [](const Parameters& parameters, const Registry&) {
    return std::make_unique<ScheduleFreeSgd>(parameters);
  };
  return info;
}

}  // namespace velo
