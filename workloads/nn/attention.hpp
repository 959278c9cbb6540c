// workloads/nn/attention.hpp
//
// Causal self-attention of several heads over sequences, with rotary positions and normalised queries and keys:
//   [q, k, v] = x Wqkv'                        made unit vectors and turned by their positions: rotary.hpp
//   P_ij = softmax_{j <= i}(temperature scale q_i . k_j),   o_i = sum_j P_ij v_j,   y = o Wout'
//   x, y [sequences length, width]
//   Wqkv [3 width, width], kind attention_qkv   Wout [width, width], kind attention_out
//   scale [1], learned, one for all heads, kind layer_norm_scale: it is the gain behind the norms of q and k
// `temperature` is a constant factor on the scores, not a divisor.
//
// Memory is linear in the length (Dao et al., NeurIPS 2022, arXiv:2205.14135, algorithms 1 and 4): scores exist by
// blocks only. The way forward keeps one running maximum and sum per query and leaves log sum_j e^score; the way back
// computes the blocks again from it,
//   P_ij = e^(score_ij - log sum),  dP = do v',  dS = P (dP - do . o),  dq = s dS k,  dk = s dS' q,  dv = P' do.
// Beyond its input and output the layer keeps 7 widths and `heads` numbers per position (the product, its turned parts,
// o, log sums), and on the way back borrows as much again.
//
// Bits do not depend on the number of threads: one task per sequence and head (tiles), or per row.
#pragma once

#include <string>

#include "harness/device/elementwise.hpp"
#include "workloads/nn/linear.hpp"
#include "workloads/nn/rotary.hpp"

namespace velo::nn {

enum class AttentionKernels {
  tiles,  ///< host: small products in vector registers
  rows,   ///< one query or one key a task; on the host only for comparison
};

struct AttentionOptions {
  double temperature = 1.0;
  double initial_scale = 1.0;  ///< of the learned scale
  Initialiser in_start = {};
  Initialiser out_start = {};
  AttentionKernels kernels = device_is_host ? AttentionKernels::tiles : AttentionKernels::rows;
};

class CausalAttention {
 public:
  static constexpr Index largest_head = 128;

  /// Adds "<name>/qkv/weight", "<name>/scale" and "<name>/out/weight". Heads have rotary.head_size() numbers; together
  /// they are the width. Throws std::logic_error for a head above largest_head.
  CausalAttention(ParameterLayout& layout, const std::string& name, Index heads, const Rotary& rotary,
                  const AttentionOptions& options);

  /// x [sequences length, width] -> the same shape
  [[nodiscard]] Value operator()(Tape& tape, Value x, Index length) const;

 private:
  [[nodiscard]] Value attend(Tape& tape, Value parts, Index length) const;

  Index heads_;
  Rotary rotary_;
  AttentionOptions options_;
  Linear in_;
  Index scale_ = 0;
  Linear out_;
};

}  // namespace velo::nn
