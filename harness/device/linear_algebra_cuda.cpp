// CUDA implementation of linear_algebra.hpp: cuBLAS in full precision of the scalar type (no TF32), and cuSOLVER.
#include <cusolverDn.h>

#include <algorithm>
#include <stdexcept>

#include "harness/device/cuda_libraries.hpp"
#include "harness/device/linear_algebra.hpp"

namespace velo {

namespace {

void check(cusolverStatus_t status, const char* what) {
  if (status == CUSOLVER_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  if (status != CUSOLVER_STATUS_SUCCESS)
    throw Error(cat("cuSOLVER cannot ", what, ": status ", static_cast<int>(status)));
}

/// Like cuda::cublas(): one per process, on Kokkos' stream, never destroyed.
cusolverDnHandle_t cusolver() {
  static const cusolverDnHandle_t handle = [] {
    cusolverDnHandle_t h = nullptr;
    check(cusolverDnCreate(&h), "start");
    check(cusolverDnSetStream(h, ExecutionSpace().cuda_stream()), "take Kokkos' stream");
    return h;
  }();
  return handle;
}

void gemm(cublasOperation_t a_form, cublasOperation_t b_form, int m, int n, int k, float alpha, const float* a, int lda,
          const float* b, int ldb, float beta, float* c, int ldc) {
  cuda::check(cublasSgemm(cuda::cublas(), a_form, b_form, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc), "multiply");
}

void gemm(cublasOperation_t a_form, cublasOperation_t b_form, int m, int n, int k, double alpha, const double* a,
          int lda, const double* b, int ldb, double beta, double* c, int ldc) {
  cuda::check(cublasDgemm(cuda::cublas(), a_form, b_form, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc), "multiply");
}

void trsm(cublasSideMode_t side, cublasOperation_t form, int m, int n, float alpha, const float* t, int ldt, float* x,
          int ldx) {
  cuda::check(cublasStrsm(cuda::cublas(), side, CUBLAS_FILL_MODE_LOWER, form, CUBLAS_DIAG_NON_UNIT, m, n, &alpha, t,
                          ldt, x, ldx),
              "solve a triangular system");
}

void trsm(cublasSideMode_t side, cublasOperation_t form, int m, int n, double alpha, const double* t, int ldt,
          double* x, int ldx) {
  cuda::check(cublasDtrsm(cuda::cublas(), side, CUBLAS_FILL_MODE_LOWER, form, CUBLAS_DIAG_NON_UNIT, m, n, &alpha, t,
                          ldt, x, ldx),
              "solve a triangular system");
}

constexpr auto vectors_too = CUSOLVER_EIG_MODE_VECTOR;
constexpr auto lower = CUBLAS_FILL_MODE_LOWER;

int work_size(int n, const float* a, const float* w) {
  int size = 0;
  check(cusolverDnSsyevd_bufferSize(cusolver(), vectors_too, lower, n, a, n, w, &size), "plan eigenvectors");
  return size;
}

int work_size(int n, const double* a, const double* w) {
  int size = 0;
  check(cusolverDnDsyevd_bufferSize(cusolver(), vectors_too, lower, n, a, n, w, &size), "plan eigenvectors");
  return size;
}

void syevd(int n, float* a, float* w, float* work, int size, int* info) {
  check(cusolverDnSsyevd(cusolver(), vectors_too, lower, n, a, n, w, work, size, info), "find eigenvectors");
}

void syevd(int n, double* a, double* w, double* work, int size, int* info) {
  check(cusolverDnDsyevd(cusolver(), vectors_too, lower, n, a, n, w, work, size, info), "find eigenvectors");
}

int cholesky_size(int n, float* a) {
  int factor = 0, inverse = 0;
  check(cusolverDnSpotrf_bufferSize(cusolver(), lower, n, a, n, &factor), "plan a factorisation");
  check(cusolverDnSpotri_bufferSize(cusolver(), lower, n, a, n, &inverse), "plan an inverse");
  return std::max(factor, inverse);
}

int cholesky_size(int n, double* a) {
  int factor = 0, inverse = 0;
  check(cusolverDnDpotrf_bufferSize(cusolver(), lower, n, a, n, &factor), "plan a factorisation");
  check(cusolverDnDpotri_bufferSize(cusolver(), lower, n, a, n, &inverse), "plan an inverse");
  return std::max(factor, inverse);
}

void potrf(int n, float* a, float* work, int size, int* info) {
  check(cusolverDnSpotrf(cusolver(), lower, n, a, n, work, size, info), "factorise");
}

void potrf(int n, double* a, double* work, int size, int* info) {
  check(cusolverDnDpotrf(cusolver(), lower, n, a, n, work, size, info), "factorise");
}

void potri(int n, float* a, float* work, int size, int* info) {
  check(cusolverDnSpotri(cusolver(), lower, n, a, n, work, size, info), "invert");
}

void potri(int n, double* a, double* work, int size, int* info) {
  check(cusolverDnDpotri(cusolver(), lower, n, a, n, work, size, info), "invert");
}

int fetched(const Kokkos::View<int, MemorySpace>& device) {
  int value = 0;
  Kokkos::deep_copy(value, device);
  return value;
}

}  // namespace

void multiply(const Multiplication& f, const Scalar* a, const Scalar* b, Scalar* c) {
  // cuBLAS stores by columns: what lies here row by row is C' to it, and C' = op(B)' op(A)'.
  const auto lda = static_cast<int>(f.stride_a != 0 ? f.stride_a : (f.transpose_a ? f.rows : f.inner));
  const auto ldb = static_cast<int>(f.stride_b != 0 ? f.stride_b : (f.transpose_b ? f.inner : f.columns));
  const auto ldc = static_cast<int>(f.stride_c != 0 ? f.stride_c : f.columns);
  gemm(f.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, f.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
       static_cast<int>(f.columns), static_cast<int>(f.rows), static_cast<int>(f.inner), static_cast<Scalar>(f.alpha),
       b, ldb, a, lda, static_cast<Scalar>(f.beta), c, ldc);
}

void solve_triangular(const TriangularSolve& f, const Scalar* t, Scalar* x) {
  // By columns, X is X' and T is the lower triangular T': op(T) X = B reads X' op(T)' = B', so sides change and
  // transposition stays.
  trsm(f.from_right ? CUBLAS_SIDE_LEFT : CUBLAS_SIDE_RIGHT, f.transpose ? CUBLAS_OP_T : CUBLAS_OP_N,
       static_cast<int>(f.columns), static_cast<int>(f.rows), Scalar(1), t,
       static_cast<int>(f.from_right ? f.columns : f.rows), x, static_cast<int>(f.columns));
}

struct SymmetricEigen::Work {
  Index largest = 0;
  Vector reals;
  Kokkos::View<int, MemorySpace> info{"linear_algebra::info"};
};

void SymmetricEigen::reserve(Index n) {
  if (!work_) work_ = std::make_shared<Work>();
  if (n <= work_->largest) return;
  // The library promises nothing about smaller sizes: their need is asked for again when they run.
  const Vector matrix("linear_algebra::work", static_cast<std::size_t>(n * n)), values("linear_algebra::work", n);
  const int size = work_size(static_cast<int>(n), matrix.data(), values.data());
  work_->reals = Vector("linear_algebra::work", static_cast<std::size_t>(size));
  work_->largest = n;
}

bool SymmetricEigen::solve(Index n, Scalar* values, Scalar* vectors) {
  const int size = work_size(static_cast<int>(n), vectors, values);
  if (static_cast<std::size_t>(size) > work_->reals.extent(0))
    work_->reals = Vector("linear_algebra::work", static_cast<std::size_t>(size));
  syevd(static_cast<int>(n), vectors, values, work_->reals.data(), size, work_->info.data());
  int info = 0;
  Kokkos::deep_copy(info, work_->info);
  if (info < 0) throw std::logic_error("cuSOLVER's syevd refuses an argument");
  return info == 0;
}

struct SymmetricInverse::Work {
  Vector reals;
  Kokkos::View<int, MemorySpace> info{"linear_algebra::info"};
};

void SymmetricInverse::reserve(Index n) {
  if (!work_) work_ = std::make_shared<Work>();
  if (static_cast<Index>(matrix_.extent(0)) >= n * n) return;
  matrix_ = Vector("linear_algebra::work", static_cast<std::size_t>(n * n));
  const int size = cholesky_size(static_cast<int>(n), matrix_.data());
  work_->reals = Vector("linear_algebra::work", static_cast<std::size_t>(size));
}

bool SymmetricInverse::solve(Index n, Scalar* matrix) {
  const auto order = static_cast<int>(n);
  // The library promises nothing about smaller sizes than the reserved one.
  const int size = cholesky_size(order, matrix);
  if (static_cast<std::size_t>(size) > work_->reals.extent(0))
    work_->reals = Vector("linear_algebra::work", static_cast<std::size_t>(size));
  potrf(order, matrix, work_->reals.data(), size, work_->info.data());
  int info = fetched(work_->info);
  if (info == 0) {
    potri(order, matrix, work_->reals.data(), size, work_->info.data());
    info = fetched(work_->info);
  }
  if (info < 0) throw std::logic_error("cuSOLVER's potrf or potri refuses an argument");
  return info == 0;
}

}  // namespace velo
