// workloads/nn/spec_augment.hpp
//
// SpecAugment without time warping (Park et al., Interspeech 2019, arXiv:1904.08779): training hides bands of frequency
// and stretches of time of the features behind zeros, which is their mean. AlgoPerf's numbers:
//
//   2 bands, each 0 ... bins / 3 bins wide;   10 stretches, each 0 ... min(40, n / 20) frames long, of n in the utterance
//
// width uniform, then place uniform among those that fit. Sequence b of a batch draws mask m from block 12 b + m of the
// pass' stream, forked with the layer's number: the same on any thread count and back-end. Identity in evaluation mode.
#pragma once

#include "workloads/nn/frames.hpp"
#include "workloads/nn/model.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class SpecAugment {
 public:
  explicit SpecAugment(ModelPlan& plan) : stream_(plan.next_stream()) {}

  /// features [frames.rows(), bins] -> the same with masks; no gradient passes.
  [[nodiscard]] Value operator()(Tape& tape, Value features, const Frames& frames) const;

 private:
  std::uint64_t stream_;
};

}  // namespace velo::nn
