// workloads/nn/lstm.hpp
//
// Long short-term memory (Hochreiter & Schmidhuber, Neural Computation 9, 1997, with the forget gate of Gers,
// Schmidhuber, Cummins, ibid. 12, 2000), in one or both directions of time (Graves & Schmidhuber, Neural Networks 18,
// 2005), on sequences of different lengths:
//
//   [i f g o] = W x_t + U h_{t-1} + b      i, f, o through 1 / (1 + e^-a), g through tanh
//   c_t = f c_{t-1} + i g,   h_t = o tanh c_t,   h and c zero before the first frame
//
//   x [frames, in]   W [4 h, in], kind weight   U [4 h, h], kind weight   b [4 h], kind bias   y [frames, h or 2 h]
//
// The second direction has parameters of its own, starts at the last frame of every sequence, and its states follow the
// first one's in each row of y. As torch.nn.LSTM on a packed sequence, but with one bias instead of two whose sum is all
// that counts.
//
// Initial values, as torch.nn.LSTM: all uniform in +-1/sqrt(h).
#pragma once

#include <string>
#include <vector>

#include "harness/device/blas.hpp"
#include "workloads/nn/frames.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class Lstm {
 public:
  /// Adds "<name>/weight_input", "<name>/weight_state", "<name>/bias", and the same under "<name>/reverse" if
  /// `bidirectional`.
  Lstm(ParameterLayout& layout, const std::string& name, Index in, Index hidden, bool bidirectional);

  /// x [frames.rows(), in] -> [frames.rows(), hidden or 2 hidden]; `frames` outlives the pass.
  [[nodiscard]] Value operator()(Tape& tape, Value x, const Frames& frames) const;

 private:
  struct Direction {
    Index weight_input, weight_state, bias;
    Index column;  ///< of y where its states begin
    bool reverse;

    /// The time whose states time t starts from.
    [[nodiscard]] Index before(Index t) const { return reverse ? t + 1 : t - 1; }
    [[nodiscard]] Index after(Index t) const { return reverse ? t - 1 : t + 1; }
  };
  /// What the way back needs of one direction.
  struct Kept {
    Scalar* gates;   ///< [rows, 4 h]: i, f, g, o; becomes the gradient before the nonlinearities
    Scalar* cells;   ///< [rows, h]
    Scalar* states;  ///< [rows, h]: h that the row started from
  };
  struct Products {
    Product input, input_gradient, more_input_gradient, input_weight_gradient, state_weight_gradient;
  };
  struct StepProducts {
    Product state, state_gradient;
  };
  [[nodiscard]] const Products& products(Index rows) const;
  [[nodiscard]] const StepProducts& step_products(Index rows) const;
  [[nodiscard]] Kept run(Tape& tape, const Direction& direction, Value x, Value y, const Frames& frames) const;
  void backward(Tape& tape, const Direction& direction, const Kept& kept, Value x, Value y, const Frames& frames) const;

  Index in_, hidden_, width_;
  std::vector<Direction> directions_;
  mutable PlanCache<Products> products_;               ///< by rows; hold nothing of a pass
  mutable PlanCache<StepProducts, 16> step_products_;  ///< by rows of one time: all of a batch, then fewer
};

}  // namespace velo::nn
