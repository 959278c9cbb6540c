// workloads/nn/rotary.hpp
//
// Queries, keys and values of every head from the rows of one product, ready for attention: queries and keys are made
// unit vectors and turned by their position.
//
//   u = x / sqrt(|x|^2 + 1e-6)          Henry et al., EMNLP Findings 2020, arXiv:2010.04245, section 2.1
//   [a, b] -> [a cos - b sin, a sin + b cos],  angle of pair c at position t: t base^(-2 c / d)
//                                       Su et al. 2021, arXiv:2104.09864, section 3.2.2
// so that the product of a query and a key depends on the distance of their positions. Pairs are (c, c + d/2), halves
// of a head of d numbers, where the paper pairs neighbours: the same model with the rows of its weights in another
// order.
//
//   x [sequences length, 3 heads d], rows [queries, keys, values], each head by head
//   y [3, sequences heads, length, padded_head(d)], filled up with zeros
#pragma once

#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// Cosines and sines of one head size up to a length; copies share them.
class Rotary {
 public:
  /// Throws std::logic_error unless `head_size` is even and positive.
  Rotary(Index length, Index head_size, double base);

  [[nodiscard]] Index length() const { return length_; }
  [[nodiscard]] Index head_size() const { return head_size_; }

  /// x -> y as above. Throws std::logic_error when rows are no multiple of `length`, or it is longer than the table.
  [[nodiscard]] Value operator()(Tape& tape, Value x, Index heads, Index length) const;

 private:
  Index length_, head_size_;
  Vector table_;  ///< [length, cosines d/2, sines d/2]
};

/// Numbers that a head of size d takes in y: whole vector registers.
[[nodiscard]] Index padded_head(Index head_size);

}  // namespace velo::nn
