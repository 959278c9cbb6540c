// workloads/nn/normalisation.hpp
//
// y = scale_c (x - mean) / sqrt(variance + 1e-5) + shift_c, for every channel c.
//
//   batch  mean and variance of the channel over the batch and all positions (Ioffe & Szegedy, ICML 2015,
//          arXiv:1502.03167). In training mode a pass writes new running statistics, 0.9 old + 0.1 batch with the
//          unbiased variance, if it is given a place for them; evaluation mode uses the running ones. As
//          torch.nn.BatchNorm.
//   layer  mean and variance of one example over all its channels and positions (Ba, Kiros, Hinton 2016,
//          arXiv:1607.06450). For images this is torch.nn.GroupNorm with one group.
//   rms    as layer, but around zero and without a shift: y = scale_c x / sqrt(mean x^2 + 1e-6) (Zhang & Sennrich,
//          NeurIPS 2019, arXiv:1910.07467; the constant is that of AlgoPerf's language model)
//
// x is [rows, channels] or an image [n, channels / b, height, width, b]. Scale starts at 1 and shift at 0, kinds
// batch_norm_scale, batch_norm_bias or, of the others, layer_norm_scale, layer_norm_bias. Sums run over at most 16
// groups of examples, fixed by the batch size, so bits do not depend on the number of threads.
#pragma once

#include <string>
#include <string_view>

#include "workloads/nn/model.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

enum class NormKind { none, batch, layer, rms };

/// "none", "batch", "layer", "rms". Throws std::logic_error for another word.
[[nodiscard]] NormKind norm_kind(std::string_view name);

class Normalisation {
 public:
  /// Adds "<name>/scale" and, but for rms, "<name>/bias"; for batch norm 2 `channels` of model state: means, then
  /// variances. NormKind::none adds nothing and is the identity.
  Normalisation(ModelPlan& plan, const std::string& name, NormKind kind, Index channels);

  [[nodiscard]] Value operator()(Tape& tape, Value x) const;

 private:
  [[nodiscard]] Value batch(Tape& tape, Value x) const;
  [[nodiscard]] Value layer(Tape& tape, Value x) const;

  NormKind kind_;
  Index channels_;
  Index scale_ = 0, bias_ = 0, state_ = 0;
};

}  // namespace velo::nn
