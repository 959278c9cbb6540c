// CUDA implementation of blas.hpp: cuBLAS in full precision of the scalar type (no TF32).
#include <stdexcept>

#include "harness/device/blas.hpp"
#include "harness/device/cuda_libraries.hpp"
#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

void multiply(cublasOperation_t a_form, cublasOperation_t b_form, int m, int n, int k, float beta, const float* a,
              int lda, const float* b, int ldb, float* c) {
  const float one = 1.0F;
  cuda::check(cublasSgemm(cuda::cublas(), a_form, b_form, m, n, k, &one, a, lda, b, ldb, &beta, c, m), "multiply");
}

void multiply(cublasOperation_t a_form, cublasOperation_t b_form, int m, int n, int k, double beta, const double* a,
              int lda, const double* b, int ldb, double* c) {
  const double one = 1.0;
  cuda::check(cublasDgemm(cuda::cublas(), a_form, b_form, m, n, k, &one, a, lda, b, ldb, &beta, c, m), "multiply");
}

/// c = c + bias, then max(c, 0) if `relu`; a null bias adds nothing.
void add_bias(Scalar* c, const Scalar* bias, bool relu, Index rows, Index columns) {
  for_each(
      "velo::product::bias", rows * columns, KOKKOS_LAMBDA(const Index i) {
        const Scalar value = bias == nullptr ? c[i] : c[i] + bias[i % columns];
        c[i] = relu && value < 0 ? Scalar(0) : value;
      });
}

}  // namespace

struct Product::Plan {
  ProductForm form;
};

Product::Product(const ProductForm& form) : plan_(std::make_shared<Plan>()) {
  if (form.rows <= 0 || form.columns <= 0 || form.inner <= 0) throw std::logic_error("a product has an empty extent");
  if (form.accumulate && (form.bias || form.relu))
    throw std::logic_error("an accumulating product takes neither a bias nor a ReLU");
  plan_->form = form;
}

void Product::operator()(const Scalar* a, const Scalar* b, Scalar* c, const Scalar* bias) const {
  // cuBLAS stores by columns: what lies here row by row is C' to it, and C' = op(B)' op(A)'.
  const ProductForm& form = plan_->form;
  const auto rows = static_cast<int>(form.rows), columns = static_cast<int>(form.columns),
             inner = static_cast<int>(form.inner);
  multiply(form.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, form.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, columns, rows,
           inner, form.accumulate ? Scalar(1) : Scalar(0), b, form.transpose_b ? inner : columns, a,
           form.transpose_a ? rows : inner, c);
  if (form.bias || form.relu) add_bias(c, form.bias ? bias : nullptr, form.relu, form.rows, form.columns);
}

}  // namespace velo
