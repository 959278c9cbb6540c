// workloads/nn/loss.hpp
//
// Losses: each computes its value and, on a recording tape, the gradient of its input in the same pass; that gradient
// seeds the reverse sweep. Values are means over the examples.
#pragma once

#include <cstdint>

#include "harness/device/reduce.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// Cross-entropy of softmax(logits) against one class per row, in nats:
///   loss = mean_i [ log sum_j e^{z_ij} - sum_j t_ij z_ij ],   t = (1 - s) onehot + s / classes
/// with s the label smoothing (Szegedy et al., CVPR 2016, arXiv:1512.00567, section 7; PyTorch's definition).
/// `labels` [rows] lie on the device. Where the pass samples labels, t = onehot(y_i) with y_i drawn from softmax(z_i) by
/// number i of a fork of the pass' stream: the batch's labels and the smoothing play no part.
[[nodiscard]] double softmax_cross_entropy(Tape& tape, Value logits, const std::uint8_t* labels, double smoothing,
                                           Reduction& reduction);

/// Cross-entropy of sigmoid(logits) against labels 0 and 1, one logit per row, in nats:
///   loss = mean_i [ log(1 + e^{z_i}) - t_i z_i ],   t = (1 - s) label + s / 2
/// `labels` [rows] lie on the device. Where the pass samples labels, t is 1 with probability sigmoid(z_i), drawn as above.
[[nodiscard]] double sigmoid_cross_entropy(Tape& tape, Value logits, const std::uint8_t* labels, double smoothing,
                                           Reduction& reduction);

/// mean over all elements of (output - target)^2; `target` lies on the device. Throws Error where the pass samples labels.
[[nodiscard]] double mean_squared_error(Tape& tape, Value output, const Scalar* target, Reduction& reduction);

/// Sums over rows, for evaluation: how many rows have their largest logit (the first of equals) at the label, and the
/// cross-entropy.
struct ClassificationSums {
  double correct = 0.0;
  double cross_entropy = 0.0;
};
[[nodiscard]] ClassificationSums classification_sums(Tape& tape, Value logits, const std::uint8_t* labels,
                                                     Reduction& reduction);

}  // namespace velo::nn
