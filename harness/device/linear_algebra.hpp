// harness/device/linear_algebra.hpp
//
// Dense linear algebra for algorithms: products, triangular systems, symmetric eigenvectors, orthogonalisation, inverse
// roots and inverses. OpenBLAS and its LAPACK on the host, cuBLAS and cuSOLVER under CUDA. Matrices are row-major, on the
// device; pointers must not overlap unless said.
//
// Bits do not depend on the number of threads: the libraries work with one thread (LibraryThreads), sums outside of them
// have the fixed tree of reduce.hpp, and the signs of eigenvectors, which LAPACK leaves open, are fixed. They do depend
// on the library and on the instruction set.
//
// Every class owns its work memory, which only grows: reserve() the largest size and nothing is allocated afterwards.
#pragma once

#include <memory>

#include "harness/device/reduce.hpp"

namespace velo {

/// C = alpha op(A) op(B) + beta C. Rows lie `stride` elements apart, so that tiles of a matrix need no copy.
struct Multiplication {
  Index rows = 0;     ///< of C and op(A)
  Index columns = 0;  ///< of C and op(B)
  Index inner = 0;    ///< columns of op(A), rows of op(B)
  bool transpose_a = false;
  bool transpose_b = false;
  double alpha = 1.0;
  double beta = 0.0;   ///< 0: C is not read
  Index stride_a = 0;  ///< of A as stored; 0: as many as A has columns
  Index stride_b = 0;
  Index stride_c = 0;
};
void multiply(const Multiplication& form, const Scalar* a, const Scalar* b, Scalar* c);

/// X <- op(T)^-1 X, or X <- X op(T)^-1, for an upper triangular T, whose part below the diagonal is not read.
struct TriangularSolve {
  Index rows = 0;  ///< of X
  Index columns = 0;
  bool from_right = false;  ///< T [columns, columns] stands on the right of X; else T [rows, rows] on its left
  bool transpose = false;   ///< op(T) = T'
};
void solve_triangular(const TriangularSolve& form, const Scalar* t, Scalar* x);

/// A = V' diag(values) V with orthonormal rows in V, for symmetric A.
class SymmetricEigen {
 public:
  void reserve(Index n);

  /// `values` [n] ascend; row k of `vectors` [n, n], which may be `a` itself, belongs to values[k], and its component of
  /// largest magnitude (the first of several) is positive. False, with undefined results, when A is not finite or the
  /// library gives up.
  [[nodiscard]] bool operator()(Index n, const Scalar* a, Scalar* values, Scalar* vectors);

 private:
  struct Work;
  /// The library's part: replaces the matrix in `vectors` by its eigenvectors, of any sign.
  bool solve(Index n, Scalar* values, Scalar* vectors);

  std::shared_ptr<Work> work_;
  Reduction reduction_;
};

/// The polynomial that an orthogonalisation iterates, X <- (a I + b S + c S^2) X with S = X X':
///   quintic  a, b, c = 3.4445, -4.7750, 2.0315: singular values reach about [0.7, 1.2] in 5 steps and then stay there
///            without converging (Jordan et al., "Muon", 2024)
///   cubic    a, b, c = 1.5, -0.5, 0: converges to singular values of 1, slowly from small ones (Bjorck & Bowie,
///            SIAM J. Numer. Anal. 8, 1971)
enum class NewtonSchulz { quintic, cubic };

/// X <- the nearest matrix with orthonormal rows or columns, approximately: U V' of the singular value decomposition.
class Orthogonalisation {
 public:
  void reserve(Index rows, Index columns);

  /// X [rows, columns] is divided by max(|X|_F, eps) first: by eps alone where it is nearly zero.
  void operator()(Index rows, Index columns, NewtonSchulz form, std::int64_t steps, double eps, Scalar* x);

 private:
  Vector gram_, polynomial_, next_;
  Reduction reduction_;
};

/// How to take a root:
///   eigen   by eigenvalues; those below zero, which rounding makes, count as zero
///   newton  coupled Newton iteration (Guo & Higham, SIAM J. Matrix Anal. 28, 2006; Anil et al., arXiv:2002.09018):
///             X <- X T,  M <- T^p M,  T = ((p + 1) I - M) / p,  from  M = z A, X = z^(1/p) I, z = (1 + p) / (2 |A|_F);
///           products alone, about log(condition) + 5 iterations
enum class RootSolver { eigen, newton };

/// (A + ridge tr(A) I)^(-1/p) for symmetric positive semi-definite A. The trace bounds the largest eigenvalue, so the
/// condition is below 1 + 1 / ridge; relative errors of the root are about that times the rounding of Scalar.
class InverseRoot {
 public:
  void reserve(Index n);

  /// False where A is zero or not finite, or the solver fails; `root` [n, n] then stays as it was.
  [[nodiscard]] bool operator()(Index n, std::int64_t p, double ridge, RootSolver solver, const Scalar* a,
                                Scalar* root);

 private:
  /// Of the matrix in matrix_, which they overwrite, to root_.
  bool by_eigenvalues(Index n, double p, double ridge);
  bool by_newton(Index n, std::int64_t p);

  SymmetricEigen eigen_;
  Vector matrix_, root_, power_, spare_, values_;
  Reduction reduction_;
};

/// (A + shift I)^-1 for symmetric positive semi-definite A and shift > 0, by Cholesky's factors. Its relative error is
/// about n times the condition times the rounding of Scalar.
class SymmetricInverse {
 public:
  void reserve(Index n);

  /// False where A is not finite or A + shift I, rounded, is not positive definite; `inverse` [n, n] then stays as it
  /// was.
  [[nodiscard]] bool operator()(Index n, double shift, const Scalar* a, Scalar* inverse);

 private:
  struct Work;
  /// The library's part: replaces the matrix by its inverse, of which the elements on and above the diagonal count.
  bool solve(Index n, Scalar* matrix);

  std::shared_ptr<Work> work_;
  Vector matrix_;
  Reduction reduction_;
};

}  // namespace velo
