// Host implementation of linear_algebra.hpp: OpenBLAS and the LAPACK inside it, with one thread.
#include <cblas.h>

#include <optional>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "harness/device/linear_algebra.hpp"
#include "harness/device/runtime.hpp"

// The packages' LAPACK header belongs to another library; lengths of strings come last, as Fortran passes them.
extern "C" {
using velo_syevd_float = void(const char* job, const char* triangle, const blasint* n, float* a, const blasint* lda,
                              float* w, float* work, const blasint* lwork, blasint* iwork, const blasint* liwork,
                              blasint* info, std::size_t, std::size_t);
using velo_syevd_double = void(const char* job, const char* triangle, const blasint* n, double* a, const blasint* lda,
                               double* w, double* work, const blasint* lwork, blasint* iwork, const blasint* liwork,
                               blasint* info, std::size_t, std::size_t);
using velo_cholesky_float = void(const char* triangle, const blasint* n, float* a, const blasint* lda, blasint* info,
                                 std::size_t);
using velo_cholesky_double = void(const char* triangle, const blasint* n, double* a, const blasint* lda, blasint* info,
                                  std::size_t);
velo_cholesky_float spotrf_, spotri_;
velo_cholesky_double dpotrf_, dpotri_;
velo_syevd_float ssyevd_;
velo_syevd_double dsyevd_;
}

namespace velo {

namespace {

/// One thread until the end of the block; free where the caller has one already.
class OneThread {
 public:
  OneThread() {
    if (LibraryThreads::current() != 1) threads_.emplace(1);
  }

 private:
  std::optional<LibraryThreads> threads_;
};

blasint blas_int(Index value) { return static_cast<blasint>(value); }

/// The library's function for Scalar.
template <typename Single, typename Double>
constexpr auto for_scalar(Single* single, Double* twice) {
  if constexpr (std::is_same_v<Scalar, float>)
    return single;
  else
    return twice;
}

}  // namespace

void multiply(const Multiplication& f, const Scalar* a, const Scalar* b, Scalar* c) {
  const OneThread one;
  const auto ta = f.transpose_a ? CblasTrans : CblasNoTrans, tb = f.transpose_b ? CblasTrans : CblasNoTrans;
  const blasint lda = blas_int(f.stride_a != 0 ? f.stride_a : (f.transpose_a ? f.rows : f.inner));
  const blasint ldb = blas_int(f.stride_b != 0 ? f.stride_b : (f.transpose_b ? f.inner : f.columns));
  const blasint ldc = blas_int(f.stride_c != 0 ? f.stride_c : f.columns);
  const auto m = blas_int(f.rows), n = blas_int(f.columns), k = blas_int(f.inner);
  const auto alpha = static_cast<Scalar>(f.alpha), beta = static_cast<Scalar>(f.beta);
  for_scalar(cblas_sgemm, cblas_dgemm)(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void solve_triangular(const TriangularSolve& f, const Scalar* t, Scalar* x) {
  const OneThread one;
  const blasint m = blas_int(f.rows), n = blas_int(f.columns);
  for_scalar(cblas_strsm, cblas_dtrsm)(CblasRowMajor, f.from_right ? CblasRight : CblasLeft, CblasUpper,
                                       f.transpose ? CblasTrans : CblasNoTrans, CblasNonUnit, m, n, Scalar(1), t,
                                       f.from_right ? n : m, x, n);
}

struct SymmetricEigen::Work {
  std::vector<Scalar> reals;
  std::vector<blasint> integers;
};

void SymmetricEigen::reserve(Index n) {
  if (!work_) work_ = std::make_shared<Work>();
  // What LAPACK's manual asks of syevd with eigenvectors.
  const auto size = static_cast<std::size_t>(n), reals = 1 + 6 * size + 2 * size * size, integers = 3 + 5 * size;
  if (work_->reals.size() < reals) work_->reals.resize(reals);
  if (work_->integers.size() < integers) work_->integers.resize(integers);
}

bool SymmetricEigen::solve(Index n, Scalar* values, Scalar* vectors) {
  const OneThread one;
  const blasint size = blas_int(n), reals = blas_int(static_cast<Index>(work_->reals.size())),
                integers = blas_int(static_cast<Index>(work_->integers.size()));
  blasint info = 0;
  // Columns to LAPACK are rows here.
  for_scalar(ssyevd_, dsyevd_)("V", "L", &size, vectors, &size, values, work_->reals.data(), &reals,
                               work_->integers.data(), &integers, &info, 1, 1);
  if (info < 0) throw std::logic_error("LAPACK's syevd refuses an argument");
  return info == 0;
}

struct SymmetricInverse::Work {};

void SymmetricInverse::reserve(Index n) {
  if (static_cast<Index>(matrix_.extent(0)) < n * n)
    matrix_ = Vector("linear_algebra::work", static_cast<std::size_t>(n * n));
}

bool SymmetricInverse::solve(Index n, Scalar* matrix) {
  const OneThread one;
  const blasint size = blas_int(n);
  blasint info = 0;
  // LAPACK's lower triangle of columns is the upper one of rows.
  for_scalar(spotrf_, dpotrf_)("L", &size, matrix, &size, &info, 1);
  if (info == 0) for_scalar(spotri_, dpotri_)("L", &size, matrix, &size, &info, 1);
  if (info < 0) throw std::logic_error("LAPACK's potrf or potri refuses an argument");
  return info == 0;
}

}  // namespace velo
