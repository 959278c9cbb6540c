// harness/device/image_columns.hpp
//
// Convolution as a matrix product with unfolded patches (im2col; Chellapilla, Puri, Simard, IWFHR 2006): plain, exact,
// slow. Serves gradient checks in double, where oneDNN has no convolutions, and stands beside the fast ones in tests.
// Host only; images in any blocking.
#pragma once

#include "harness/device/blas.hpp"
#include "harness/device/convolution.hpp"

namespace velo {

class ImageColumns {
 public:
  explicit ImageColumns(const ConvolutionForm& form);

  void forward(const Scalar* x, const Scalar* weight, const Scalar* bias, Scalar* y);
  void backward_input(const Scalar* dy, const Scalar* weight, Scalar* dx);
  void backward_weight(const Scalar* x, const Scalar* dy, Scalar* dweight, Scalar* dbias);

 private:
  void unfold(const Scalar* x);
  void gather(const Scalar* blocked);
  void scatter(Scalar* blocked) const;

  ConvolutionForm form_;
  Shape in_, out_;
  Index positions_;  ///< examples x height x width of the output
  Index patch_;      ///< channels x kernel x kernel of the input
  Product forward_, weight_gradient_, patch_gradient_;
  std::vector<Scalar> patches_;  ///< [positions, patch]
  std::vector<Scalar> rows_;     ///< [positions, out channels]: y or dy, channels last
};

}  // namespace velo
