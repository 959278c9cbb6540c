// algorithms/quantised/momentum_8bit.cpp
//
// SGD with heavy-ball momentum whose buffer is kept in 8 bits, quantised block by block.
//   g <- g + wd x                          (decay: coupled)
//   b <- mu D(b) + g                       D: what is stored, as numbers
//   x <- (1 - lr wd) x                     (decay: decoupled)
//   x <- x - lr b
//   store b
// What is quantised and how: transforms/blockwise_quantisation.hpp.
// Paper: Dettmers, Lewis, Shleifer, Zettlemoyer, ICLR 2022, arXiv:2110.02861.
// State: 1 byte per parameter and 4 per block of 2048. Traffic per step: 3 reads, 2 writes per parameter, of which
// 1 and 1 are bytes.

#include "algorithms/transforms/blockwise_quantisation.hpp"
#include "algorithms/transforms/weight_decay.hpp"
#include "harness/algorithm.hpp"

namespace velo {

namespace {

struct MomentumStep {
  Scalar lr, momentum;
  DecayFactors decay;
  const Scalar* gradient;
  Scalar* params;

  KOKKOS_INLINE_FUNCTION void advance(Index i, Scalar (&buffer)[1]) const {
    const Scalar g = gradient[i] + decay.in_gradient * params[i];
    buffer[0] = momentum * buffer[0] + g;
  }
  KOKKOS_INLINE_FUNCTION void apply(Index i, const Scalar (&buffer)[1]) const {
    params[i] = decay.keep * params[i] - lr * buffer[0];
  }
};

class Momentum8Bit : public GradientRule {
 public:
  explicit Momentum8Bit(const Parameters& parameters)
      : lr_(parameters.real("lr")),
        momentum_(parameters.real("momentum")),
        decay_(parameters),
        buffer_(parameters, {CodeSign::both}) {}

  void observe(Observer& observer) const override { observer.scalar("lr", last_lr_); }

 protected:
  void declare_state(StateArena& state) override {
    buffer_.declare(state, {"momentum"});
    decay_.prepare(state.layout());
  }

  void update(const Progress& progress, ConstVector gradient, Vector params) override {
    last_lr_ = lr_.at(progress);
    decay_.for_each_run(progress, last_lr_, [&](Index first, Index last, DecayFactors decay) {
      const MomentumStep step = {.lr = static_cast<Scalar>(last_lr_),
                                 .momentum = static_cast<Scalar>(momentum_.at(progress)),
                                 .decay = decay,
                                 .gradient = gradient.data(),
                                 .params = params.data()};
      buffer_.update("velo::update::momentum_8bit", first, last, step);
    });
  }

 private:
  Schedule lr_;
  Schedule momentum_;
  WeightDecay decay_;
  BlockwiseState<1> buffer_;
  double last_lr_ = 0.0;
};

}  // namespace

AlgorithmInfo momentum_8bit_info() {
  AlgorithmInfo info;
  info.name = "momentum_8bit";
  info.summary = "SGD with momentum kept in 8 bits, quantised block by block";
  info.paper = "Dettmers, Lewis, Shleifer, Zettlemoyer, ICLR 2022, arXiv:2110.02861";
  info.parameters = {
      real("lr", 1e-2, Range::non_negative(), "learning rate"),
      real("momentum", 0.9, Range::decay(), "share of the last step's direction that is kept"),
  };
  QuantisedParts::declare(info.parameters);
  WeightDecay::declare(info.parameters, 0.0);
  WeightDecay::declare_form(info.parameters, DecayForm::coupled);
  info.make = [](const Parameters& parameters, const Registry&) { return std::make_unique<Momentum8Bit>(parameters); };
  return info;
}

}  // namespace velo
