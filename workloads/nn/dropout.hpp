// workloads/nn/dropout.hpp
//
// Dropout (Srivastava et al., JMLR 15, 2014), scaled during training as everyone does: y = x m / (1 - p), m = 0 with
// probability p. Identity where p = 0 and in evaluation mode. The rate of a pass (ForwardPass::dropout_rate) wins over
// the layer's.
//
// Element i of a layer takes 16 bits, number i % 8 of block i / 8 of the pass' stream forked with the layer's number,
// so masks are the same on any thread count and back-end, and p is a multiple of 2^-16.
#pragma once

#include "workloads/nn/model.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class Dropout {
 public:
  Dropout(ModelPlan& plan, double rate) : rate_(rate), stream_(plan.next_stream()) {}

  [[nodiscard]] Value operator()(Tape& tape, Value x) const;

 private:
  double rate_;
  std::uint64_t stream_;
};

}  // namespace velo::nn
