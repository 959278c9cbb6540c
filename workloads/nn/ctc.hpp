// workloads/nn/ctc.hpp
//
// Connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber, ICML 2006): the probability that T frames
// of label probabilities spell a shorter sequence l of U labels, over all ways to spread it. A path gives every frame a
// label or the blank, 0; it spells what is left after runs are merged and blanks dropped.
//
//   loss = -log sum_{paths that spell l} prod_t p_t(path_t),      p_t = softmax(z_t)
//
// With l' = 0 l_1 0 l_2 0 ... l_U 0 of S = 2 U + 1 entries, in logarithms (ibid., equations 5 to 8):
//   alpha_t(s) = log p_t(l'_s) + logsum(alpha_{t-1}(s), alpha_{t-1}(s-1), alpha_{t-1}(s-2) if l'_s is neither blank nor
//                l'_{s-2})                                       paths up to t that end in s, frame t included
//   beta_t(s)  = the same from behind, frame t left out
//   log P = logsum(alpha_T(S), alpha_T(S - 1))
//   d loss / d z_t(k) = p_t(k) - sum_{s: l'_s = k} exp(alpha_t(s) + beta_t(s) - log P)
// alpha, beta and sums are in double whatever the scalar: every frame adds an error of a few 2^-53 |log P|, 1e-10 after
// hundreds. A sequence that no path of its T frames spells (T below U and one for every two equal neighbours) has an
// infinite loss and no gradient.
#pragma once

#include <cstdint>

#include "harness/device/reduce.hpp"
#include "workloads/nn/frames.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

/// Labels of the sequences of a batch, on the device: sequence b has labels[first[b]] ... labels[first[b + 1] - 1], each
/// at least 1.
struct LabelTable {
  const std::uint8_t* labels = nullptr;
  const std::int32_t* first = nullptr;  ///< [sequences + 1]
  Index longest = 0;                    ///< labels of the longest sequence
};

/// Sum over the sequences of the loss, divided by `divisor`; seeds the gradient of `logits` [frames.rows(), classes].
[[nodiscard]] double ctc_loss(Tape& tape, Value logits, const Frames& frames, const LabelTable& labels, double divisor,
                              Reduction& reduction);

/// The likeliest label of every row, the first of equals: [rows] on the device, until the pass ends.
[[nodiscard]] const std::uint8_t* best_labels(Tape& tape, Value logits);

}  // namespace velo::nn
