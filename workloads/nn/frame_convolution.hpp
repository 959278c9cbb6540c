// workloads/nn/frame_convolution.hpp
//
// A 3 x 3 convolution over time and frequency that takes every second frame and bin, on sequences of different lengths:
//
//   y[t, f, o] = a( b_o + sum_{c, i, j} W[o, c, i, j] x[2t + i - 1, 2f + j - 1, c] ),   i, j = 0, 1, 2
//
//   x [frames, bins x in], channels fastest    y [frames', bins' x out],  n' = (n + 1) / 2 in either direction
//   W [out, in, 3, 3], kind conv_weight        b [out], kind bias
//
// x is zero before the first and behind the last frame of its own sequence, and below and above the bins: an utterance
// gives the same numbers alone and in any batch. As one product of the 9 in numbers around every output with W. AlgoPerf
// pads (0, 1) instead of (1, 1) where an extent is even, so that its windows lie half a step later.
//
// Initial values, as torch.nn.Conv2d: W and b uniform in +-1/sqrt(9 in).
#pragma once

#include <string>

#include "harness/device/blas.hpp"
#include "workloads/nn/activation.hpp"
#include "workloads/nn/frames.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class FrameConvolution {
 public:
  /// Adds the blocks "<name>/weight" and "<name>/bias".
  FrameConvolution(ParameterLayout& layout, const std::string& name, Index bins, Index in, Index out,
                   Activation activation);

  /// x [from.rows(), bins x in] -> [to.rows(), bins' x out]; `to` is half of `from`, and both outlive the pass.
  [[nodiscard]] Value operator()(Tape& tape, Value x, const Frames& from, const Frames& to) const;

  [[nodiscard]] Index out_bins() const { return (bins_ + 1) / 2; }

 private:
  struct Products {
    Product forward;
    Product weight_gradient;
    Product patch_gradient;
  };
  [[nodiscard]] const Products& products(Index rows) const;
  void backward(Tape& tape, Value x, Value before, Value y, const Scalar* patches, const Frames& from,
                const Frames& to) const;

  Index bins_, in_, out_;
  Activation activation_;
  Index weight_ = 0, bias_ = 0;
  mutable PlanCache<Products> products_;  ///< by rows; holds nothing of a pass
};

}  // namespace velo::nn
