// workloads/nn/linear.hpp
//
// y = f(x W' + b): the fully connected layer.
//   x [rows, in]   W [out, in], kind weight unless told otherwise   b [out], kind bias   y [rows, out]
//   dW = dz' x     db = column sums of dz     dx = dz W            with dz = dy f'
//
// Initial values, as torch.nn.Linear unless said otherwise: W and b uniform in +-1/sqrt(in).
#pragma once

#include <optional>
#include <string>

#include "harness/device/blas.hpp"
#include "workloads/nn/activation.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

struct LinearOptions {
  Activation activation = Activation::none;
  bool bias = true;
  ParameterKind kind = ParameterKind::weight;
  std::optional<Initialiser> weight_start = {}, bias_start = {};
};

class Linear {
 public:
  /// Adds the blocks "<name>/weight" and "<name>/bias".
  Linear(ParameterLayout& layout, const std::string& name, Index in, Index out, LinearOptions options = {});

  /// x [rows, in] -> [rows, out]
  [[nodiscard]] Value operator()(Tape& tape, Value x) const;

 private:
  struct Products {
    Product forward;
    Product weight_gradient;
    Product input_gradient;
  };
  [[nodiscard]] const Products& products(Index rows) const;
  void backward(Tape& tape, Value x, Value before, Value y) const;

  Index in_, out_;
  LinearOptions options_;
  Index weight_ = 0, bias_ = 0;
  mutable PlanCache<Products> products_;  ///< by rows; holds nothing of a pass
};

}  // namespace velo::nn
