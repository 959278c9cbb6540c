// workloads/nn/gated_linear.hpp
//
// y = (u * f(v)) Wout',  [u, v] = x Win': the gated linear unit as the inner layer of a Transformer (Shazeer 2020,
// arXiv:2002.05202, section 2, without biases; f the sigmoid: Dauphin et al., ICML 2017, arXiv:1612.08083).
//   x [rows, width]   Win [2 hidden, width], kind weight, rows of u first   Wout [width, hidden], kind weight
//
// gate() alone is torch.nn.GLU for the sigmoid.
#pragma once

#include <string>

#include "workloads/nn/linear.hpp"

namespace velo::nn {

/// y = u f(v) from the halves of each row of x: [rows, 2 hidden] -> [rows, hidden]
[[nodiscard]] Value gate(Tape& tape, Activation f, Value x);

class GatedLinear {
 public:
  /// Adds "<name>/in/weight" and "<name>/out/weight".
  GatedLinear(ParameterLayout& layout, const std::string& name, Index width, Index hidden, Activation f,
              Initialiser in_start, Initialiser out_start);

  /// [rows, width] -> [rows, width]
  [[nodiscard]] Value operator()(Tape& tape, Value x) const;

 private:
  Activation activation_;
  Linear in_, out_;
};

}  // namespace velo::nn
