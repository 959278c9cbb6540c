#include "harness/device/linear_algebra.hpp"

#include <cmath>
#include <utility>

#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

namespace velo {

namespace {

void grow(Vector& vector, Index size) {
  if (static_cast<Index>(vector.extent(0)) < size) vector = zeros("linear_algebra::work", size);
}

void copy_pass(Index size, const Scalar* from, Scalar* to) {
  for_each(
      "velo::linear_algebra::copy", size, KOKKOS_LAMBDA(const Index i) { to[i] = from[i]; });
}

/// to = factor from, the product taken in double: it may lie in the range of Scalar where factor does not.
void scale_pass(Index size, double factor, const Scalar* from, Scalar* to) {
  for_each(
      "velo::linear_algebra::scale", size,
      KOKKOS_LAMBDA(const Index i) { to[i] = static_cast<Scalar>(factor * static_cast<double>(from[i])); });
}

/// to = factor from + diagonal I
void affine_pass(Index n, double factor, double diagonal, const Scalar* from, Scalar* to) {
  for_each(
      "velo::linear_algebra::affine", n * n, KOKKOS_LAMBDA(const Index i) {
        const double shift = i / n == i % n ? diagonal : 0.0;
        to[i] = static_cast<Scalar>(factor * static_cast<double>(from[i]) + shift);
      });
}

/// Each row's component of largest magnitude, the first of several, becomes positive.
void fix_signs_pass(Index n, Scalar* vectors) {
  for_each(
      "velo::linear_algebra::signs", n, KOKKOS_LAMBDA(const Index k) {
        Scalar* row = vectors + k * n;
        Scalar largest = row[0];
        for (Index j = 1; j < n; ++j)
          if (std::fabs(row[j]) > std::fabs(largest)) largest = row[j];
        if (largest < 0)
          for (Index j = 0; j < n; ++j) row[j] = -row[j];
      });
}

/// Row k of `vectors` times (max(values[k], 0) + ridge)^(-1/(2p)).
void root_rows_pass(Index n, double p, double ridge, const Scalar* values, Scalar* vectors) {
  for_each(
      "velo::linear_algebra::root", n * n, KOKKOS_LAMBDA(const Index i) {
        const auto value = static_cast<double>(values[i / n]);
        const double power = std::pow((value > 0.0 ? value : 0.0) + ridge, -0.5 / p);
        vectors[i] = static_cast<Scalar>(power * static_cast<double>(vectors[i]));
      });
}

/// Both triangles from the upper one.
void mirror_pass(Index n, const Scalar* upper, Scalar* to) {
  for_each(
      "velo::linear_algebra::mirror", n * n, KOKKOS_LAMBDA(const Index i) {
        const Index row = i / n, column = i % n;
        to[i] = upper[row <= column ? i : column * n + row];
      });
}

double upper_squared_norm(Reduction& reduction, Index n, const Scalar* x) {
  return reduction.sum(
      "velo::linear_algebra::norm", n * n, KOKKOS_LAMBDA(const Index i) {
        const auto value = static_cast<double>(x[i]);
        return i / n <= i % n ? value * value : 0.0;
      });
}

double squared_norm(Reduction& reduction, Index size, const Scalar* x) {
  return reduction.sum(
      "velo::linear_algebra::norm", size, KOKKOS_LAMBDA(const Index i) {
        const auto value = static_cast<double>(x[i]);
        return value * value;
      });
}

double trace(Reduction& reduction, Index n, const Scalar* a) {
  return reduction.sum(
      "velo::linear_algebra::trace", n, KOKKOS_LAMBDA(const Index i) { return static_cast<double>(a[i * n + i]); });
}

/// |I - A|_F
double distance_to_identity(Reduction& reduction, Index n, const Scalar* a) {
  return std::sqrt(reduction.sum(
      "velo::linear_algebra::distance", n * n, KOKKOS_LAMBDA(const Index i) {
        const double difference = static_cast<double>(a[i]) - (i / n == i % n ? 1.0 : 0.0);
        return difference * difference;
      }));
}

Multiplication square(Index n) { return {.rows = n, .columns = n, .inner = n}; }

}  // namespace

bool SymmetricEigen::operator()(Index n, const Scalar* a, Scalar* values, Scalar* vectors) {
  // LAPACK may search forever in a matrix with a NaN.
  if (!std::isfinite(squared_norm(reduction_, n * n, a))) return false;
  reserve(n);
  if (a != vectors) copy_pass(n * n, a, vectors);
  if (!solve(n, values, vectors)) return false;
  fix_signs_pass(n, vectors);
  return true;
}

void Orthogonalisation::reserve(Index rows, Index columns) {
  const Index small = rows < columns ? rows : columns;
  grow(gram_, small * small);
  grow(polynomial_, small * small);
  grow(next_, rows * columns);
}

void Orthogonalisation::operator()(Index rows, Index columns, NewtonSchulz form, std::int64_t steps, double eps,
                                   Scalar* x) {
  reserve(rows, columns);
  const bool wide = rows <= columns;
  const Index n = wide ? rows : columns, size = rows * columns;
  const double norm = std::sqrt(squared_norm(reduction_, size, x));
  scale_pass(size, 1.0 / (norm < eps ? eps : norm), x, x);

  // S = X X' and P X for a wide X, S = X' X and X P for a tall one: always the smaller square.
  const Multiplication to_gram = {
      .rows = n, .columns = n, .inner = wide ? columns : rows, .transpose_a = !wide, .transpose_b = wide};
  const Multiplication apply = {.rows = rows, .columns = columns, .inner = n};
  Scalar *const gram = gram_.data(), *const polynomial = polynomial_.data();
  Scalar *now = x, *next = next_.data();
  for (std::int64_t step = 0; step < steps; ++step) {
    multiply(to_gram, now, now, gram);
    if (form == NewtonSchulz::quintic) {
      affine_pass(n, -4.7750, 3.4445, gram, polynomial);
      Multiplication add_square = square(n);
      add_square.alpha = 2.0315;
      add_square.beta = 1.0;
      multiply(add_square, gram, gram, polynomial);
    } else {
      affine_pass(n, -0.5, 1.5, gram, polynomial);
    }
    multiply(apply, wide ? polynomial : now, wide ? now : polynomial, next);
    std::swap(now, next);
  }
  if (now != x) copy_pass(size, now, x);
}

void InverseRoot::reserve(Index n) {
  eigen_.reserve(n);
  for (Vector* work : {&matrix_, &root_, &power_, &spare_}) grow(*work, n * n);
  grow(values_, n);
}

bool InverseRoot::operator()(Index n, std::int64_t p, double ridge, RootSolver solver, const Scalar* a, Scalar* root) {
  reserve(n);
  // Divided by its trace the matrix has eigenvalues in [0, 1], whatever its scale.
  const double scale = trace(reduction_, n, a);
  if (!std::isfinite(scale) || scale <= 0.0) return false;
  affine_pass(n, 1.0 / scale, solver == RootSolver::newton ? ridge : 0.0, a, matrix_.data());
  const bool found = solver == RootSolver::newton ? by_newton(n, p) : by_eigenvalues(n, static_cast<double>(p), ridge);
  if (!found || !std::isfinite(squared_norm(reduction_, n * n, root_.data()))) return false;
  scale_pass(n * n, std::pow(scale, -1.0 / static_cast<double>(p)), root_.data(), root);
  return true;
}

bool InverseRoot::by_eigenvalues(Index n, double p, double ridge) {
  Scalar* const vectors = matrix_.data();
  if (!eigen_(n, vectors, values_.data(), vectors)) return false;
  // Half of the power on each side of the product.
  root_rows_pass(n, p, ridge, values_.data(), vectors);
  multiply({.rows = n, .columns = n, .inner = n, .transpose_a = true}, vectors, vectors, root_.data());
  return true;
}

bool InverseRoot::by_newton(Index n, std::int64_t p) {
  // A small eigenvalue grows (1 + 1/p)^p >= 2 times per iteration: far more than any condition needs.
  constexpr int largest_iterations = 100;
  const auto order = static_cast<double>(p);
  const double z = (1.0 + order) / (2.0 * std::sqrt(squared_norm(reduction_, n * n, matrix_.data())));
  scale_pass(n * n, z, matrix_.data(), matrix_.data());
  affine_pass(n, 0.0, std::pow(z, 1.0 / order), matrix_.data(), root_.data());

  double error = distance_to_identity(reduction_, n, matrix_.data());
  for (int iteration = 0; iteration < largest_iterations; ++iteration) {
    // power = T^(2^k) for k = 0, 1, ...; M takes those that the binary digits of p name.
    affine_pass(n, -1.0 / order, 1.0 + 1.0 / order, matrix_.data(), power_.data());
    multiply(square(n), root_.data(), power_.data(), spare_.data());
    std::swap(root_, spare_);
    for (std::int64_t rest = p; rest > 0; rest /= 2) {
      if (rest % 2 == 1) {
        multiply(square(n), power_.data(), matrix_.data(), spare_.data());
        std::swap(matrix_, spare_);
      }
      if (rest > 1) {
        multiply(square(n), power_.data(), power_.data(), spare_.data());
        std::swap(power_, spare_);
      }
    }
    // The error is squared by every iteration once it is small; where that ends, rounding has taken over.
    const double former = error;
    error = distance_to_identity(reduction_, n, matrix_.data());
    if (former < 0.1 && !(error < 0.5 * former)) return true;
    if (error == 0.0) return true;
    if (!(error < 1.2 * former) && iteration > 0) return false;
  }
  return error < 0.1;
}

bool SymmetricInverse::operator()(Index n, double shift, const Scalar* a, Scalar* inverse) {
  reserve(n);
  affine_pass(n, 1.0, shift, a, matrix_.data());
  if (!std::isfinite(squared_norm(reduction_, n * n, matrix_.data()))) return false;
  if (!solve(n, matrix_.data()) || !std::isfinite(upper_squared_norm(reduction_, n, matrix_.data()))) return false;
  mirror_pass(n, matrix_.data(), inverse);
  return true;
}

}  // namespace velo
