// Dense linear algebra against its definitions, in float and in double: tolerances count roundings of Scalar.
#include "harness/device/linear_algebra.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "harness/device/random.hpp"
#include "harness/device/runtime.hpp"

namespace velo {
namespace {

constexpr double unit = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

/// A small matrix in double, for references.
struct Matrix {
  Index rows = 0, columns = 0;
  std::vector<double> values;

  Matrix(Index r, Index c) : rows(r), columns(c), values(static_cast<std::size_t>(r * c), 0.0) {}
  double& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  double operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
};

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index k = 0; k < a.columns; ++k)
      for (Index j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}

Matrix transposed(const Matrix& a) {
  Matrix t(a.columns, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

Matrix diagonal(const std::vector<double>& values) {
  const auto n = static_cast<Index>(values.size());
  Matrix d(n, n);
  for (Index i = 0; i < n; ++i) d(i, i) = values[static_cast<std::size_t>(i)];
  return d;
}

Matrix identity(Index n) { return diagonal(std::vector<double>(static_cast<std::size_t>(n), 1.0)); }

double frobenius(const Matrix& a) {
  double sum = 0.0;
  for (const double x : a.values) sum += x * x;
  return std::sqrt(sum);
}

double distance(const Matrix& a, const Matrix& b) {
  Matrix c = a;
  for (std::size_t i = 0; i < c.values.size(); ++i) c.values[i] -= b.values[i];
  return frobenius(c);
}

Matrix noise(Index rows, Index columns, std::uint64_t seed) {
  Matrix a(rows, columns);
  const RandomStream stream(seed, Purpose::workload);
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] = 2.0 * stream.uniform(i) - 1.0;
  return a;
}

/// Orthonormal rows by Gram and Schmidt, twice.
Matrix orthonormal(Index n, std::uint64_t seed) {
  Matrix q = noise(n, n, seed);
  for (int round = 0; round < 2; ++round)
    for (Index i = 0; i < n; ++i) {
      for (Index k = 0; k < i; ++k) {
        double dot = 0.0;
        for (Index j = 0; j < n; ++j) dot += q(i, j) * q(k, j);
        for (Index j = 0; j < n; ++j) q(i, j) -= dot * q(k, j);
      }
      double square = 0.0;
      for (Index j = 0; j < n; ++j) square += q(i, j) * q(i, j);
      for (Index j = 0; j < n; ++j) q(i, j) /= std::sqrt(square);
    }
  return q;
}

/// The symmetric matrix with given eigenvalues, and what it is after rounding to Scalar.
Matrix symmetric(const std::vector<double>& eigenvalues, std::uint64_t seed) {
  const Matrix q = orthonormal(static_cast<Index>(eigenvalues.size()), seed);
  Matrix a = transposed(q) * diagonal(eigenvalues) * q;
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < i; ++j) a(i, j) = a(j, i);
  for (double& x : a.values) x = static_cast<double>(static_cast<Scalar>(x));
  return a;
}

/// n eigenvalues from 1 down to 1 / condition, in a geometric sequence.
std::vector<double> geometric(Index n, double condition) {
  std::vector<double> out;
  for (Index k = 0; k < n; ++k)
    out.push_back(std::pow(condition, -static_cast<double>(k) / static_cast<double>(std::max<Index>(n - 1, 1))));
  return out;
}

Vector to_device(const Matrix& a) {
  const Vector out("matrix", a.values.size());
  const auto host = Kokkos::create_mirror_view(out);
  for (std::size_t i = 0; i < a.values.size(); ++i) host(i) = static_cast<Scalar>(a.values[i]);
  Kokkos::deep_copy(out, host);
  return out;
}

Matrix to_host(Index rows, Index columns, const Vector& a) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), a);
  Matrix out(rows, columns);
  for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] = static_cast<double>(host(i));
  return out;
}

struct Eigen {
  bool found;
  Matrix values, vectors;
};

Eigen eigen_of(const Matrix& a) {
  const Index n = a.rows;
  const Vector values("values", static_cast<std::size_t>(n)), vectors("vectors", static_cast<std::size_t>(n * n));
  SymmetricEigen eigen;
  const bool found = eigen(n, to_device(a).data(), values.data(), vectors.data());
  return {found, to_host(1, n, values), to_host(n, n, vectors)};
}

Matrix orthogonalised(const Matrix& x, NewtonSchulz form, std::int64_t steps) {
  const Vector out = to_device(x);
  Orthogonalisation()(x.rows, x.columns, form, steps, 1e-7, out.data());
  return to_host(x.rows, x.columns, out);
}

struct Root {
  bool found;
  Matrix root;
};

Root root_of(const Matrix& a, std::int64_t p, double ridge, RootSolver solver) {
  const Vector out("root", a.values.size());
  InverseRoot root;
  const bool found = root(a.rows, p, ridge, solver, to_device(a).data(), out.data());
  return {found, to_host(a.rows, a.rows, out)};
}

Matrix power(const Matrix& a, std::int64_t p) {
  Matrix out = identity(a.rows);
  for (std::int64_t i = 0; i < p; ++i) out = out * a;
  return out;
}

double trace(const Matrix& a) {
  double sum = 0.0;
  for (Index i = 0; i < a.rows; ++i) sum += a(i, i);
  return sum;
}

TEST_CASE("a multiplication of tiles equals three loops, in every form") {
  const bool ta = GENERATE(false, true), tb = GENERATE(false, true);
  const double beta = GENERATE(0.0, 0.5);
  const Index m = 7, n = 5, k = 9, stride = 12;
  const Matrix a = noise(stride, stride, 1), b = noise(stride, stride, 2), c = noise(stride, stride, 3);
  const Vector out = to_device(c);
  multiply({.rows = m,
            .columns = n,
            .inner = k,
            .transpose_a = ta,
            .transpose_b = tb,
            .alpha = 2.0,
            .beta = beta,
            .stride_a = stride,
            .stride_b = stride,
            .stride_c = stride},
           to_device(a).data(), to_device(b).data(), out.data());
  const Matrix result = to_host(stride, stride, out);
  for (Index i = 0; i < stride; ++i)
    for (Index j = 0; j < stride; ++j) {
      double expected = c(i, j);
      if (i < m && j < n) {
        expected *= beta;
        for (Index t = 0; t < k; ++t) expected += 2.0 * (ta ? a(t, i) : a(i, t)) * (tb ? b(j, t) : b(t, j));
      }
      // k products and sums, alpha, beta, and the rounding of both factors, of numbers below 2 k + 1.
      CHECK(std::abs(result(i, j) - expected) <= unit * static_cast<double>((2 * k + 4) * (2 * k + 1)));
    }
}

TEST_CASE("a triangular system is solved from either side, transposed or not, without a look below the diagonal") {
  const bool from_right = GENERATE(false, true), transpose = GENERATE(false, true);
  const Index rows = 7, columns = 5, n = from_right ? columns : rows;
  Matrix t = noise(n, n, 4);
  for (Index i = 0; i < n; ++i) t(i, i) = 2.0 + 0.1 * static_cast<double>(i);
  for (double& x : t.values) x = static_cast<double>(static_cast<Scalar>(x));
  const Matrix wanted = noise(rows, columns, 5);
  Matrix upper = t;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) upper(i, j) = 0.0;
  const Matrix form = transpose ? transposed(upper) : upper;
  const Vector x = to_device(from_right ? wanted * form : form * wanted);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) t(i, j) = std::numeric_limits<double>::quiet_NaN();
  solve_triangular({.rows = rows, .columns = columns, .from_right = from_right, .transpose = transpose},
                   to_device(t).data(), x.data());
  // n roundings a row (Higham, "Accuracy and stability of numerical algorithms", theorem 8.5) and the right side's one,
  // times the condition: |T| below 8 and, with diagonals twice as large as what stands beside them, |T^-1| below 4.
  const double n_roundings = static_cast<double>(n) + 1.0;
  CHECK(distance(to_host(rows, columns, x), wanted) <= n_roundings * unit * 8.0 * 4.0 * frobenius(wanted));
}

TEST_CASE("eigenvectors are orthonormal, rebuild the matrix, and have their signs fixed") {
  const Index n = GENERATE(1, 2, 7, 33, 64);
  const double condition = GENERATE(1.0, 1e2, 1e12);
  std::vector<double> eigenvalues = geometric(n, condition);
  for (std::size_t k = 1; k < eigenvalues.size(); k += 3) eigenvalues[k] = -eigenvalues[k];
  const Matrix a = symmetric(eigenvalues, 5);
  const Eigen e = eigen_of(a);
  REQUIRE(e.found);

  // Householder reductions and rotations are backward stable: n of them, each with an error of a few units per column
  // (Higham, Accuracy and Stability, section 19.3); 8 n units in the Frobenius norm of matrices with |A| <= sqrt(n).
  const double size = static_cast<double>(n), tolerance = 8.0 * size * std::sqrt(size) * unit;
  CHECK(distance(e.vectors * transposed(e.vectors), identity(n)) <= tolerance);
  CHECK(distance(transposed(e.vectors) * diagonal(e.values.values) * e.vectors, a) <= tolerance);
  std::sort(eigenvalues.begin(), eigenvalues.end());
  for (Index k = 0; k < n; ++k) {
    CHECK(std::abs(e.values(0, k) - eigenvalues[static_cast<std::size_t>(k)]) <= tolerance);
    double largest = 0.0;
    for (Index j = 0; j < n; ++j)
      if (std::abs(e.vectors(k, j)) > std::abs(largest)) largest = e.vectors(k, j);
    CHECK(largest > 0.0);
  }
}

TEST_CASE("eigenvectors of small matrices are those one writes down") {
  Matrix a(2, 2);
  a(0, 0) = a(1, 1) = 2.0;
  a(0, 1) = a(1, 0) = 1.0;
  const Eigen e = eigen_of(a);
  REQUIRE(e.found);
  CHECK(std::abs(e.values(0, 0) - 1.0) <= 16 * unit);
  CHECK(std::abs(e.values(0, 1) - 3.0) <= 16 * unit);
  for (Index j = 0; j < 2; ++j) CHECK(std::abs(e.vectors(1, j) - std::sqrt(0.5)) <= 16 * unit);

  const Eigen d = eigen_of(diagonal({3.0, -1.0, 2.0}));
  REQUIRE(d.found);
  CHECK(d.values.values == std::vector<double>{-1.0, 2.0, 3.0});
  CHECK(d.vectors.values == std::vector<double>{0, 1, 0, 0, 0, 1, 1, 0, 0});
}

TEST_CASE("a matrix that is not finite has neither eigenvectors nor a root") {
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    Matrix a = identity(3);
    a(1, 2) = a(2, 1) = bad;
    CHECK_FALSE(eigen_of(a).found);
    CHECK_FALSE(root_of(a, 4, 1e-6, RootSolver::eigen).found);
    CHECK_FALSE(root_of(a, 4, 1e-6, RootSolver::newton).found);
  }
  CHECK_FALSE(root_of(Matrix(3, 3), 4, 1e-6, RootSolver::eigen).found);
  CHECK_FALSE(root_of(Matrix(3, 3), 4, 1e-6, RootSolver::newton).found);
}

TEST_CASE("five quintic steps bring the singular values that are not tiny to about one") {
  const auto [rows, columns] = GENERATE(std::pair<Index, Index>{1, 1}, std::pair<Index, Index>{2, 7},
                                        std::pair<Index, Index>{7, 2}, std::pair<Index, Index>{33, 33});
  const Index n = std::min(rows, columns);
  // Singular values of a known matrix: orthonormal rows and columns around a diagonal.
  const Matrix u = orthonormal(rows, 1), v = orthonormal(columns, 2);
  Matrix s(rows, columns);
  for (Index k = 0; k < n; ++k) s(k, k) = 1.0 - 0.9 * static_cast<double>(k) / static_cast<double>(n);
  const Matrix x = orthogonalised(u * s * v, NewtonSchulz::quintic, 5);
  const Matrix inside = transposed(u) * x * transposed(v);
  // The same polynomial on numbers. It stretches differences at most 3.9 times a step (its slope on [0, 1.22]), and every
  // step adds three products of inner extent up to max(rows, columns), on matrices with |X|_F <= 1.22 sqrt(n):
  // 3.9^5 < 1000 times max + 8 units each.
  const double tolerance =
      1000.0 * static_cast<double>(std::max(rows, columns) + 8) * std::sqrt(static_cast<double>(n)) * 1.22 * unit;
  const double norm = frobenius(s);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      double expected = i == j ? s(i, j) / norm : 0.0;
      for (int step = 0; step < 5; ++step)
        expected = 3.4445 * expected - 4.7750 * std::pow(expected, 3) + 2.0315 * std::pow(expected, 5);
      CHECK(std::abs(inside(i, j) - expected) <= tolerance);
      if (i == j) CHECK((inside(i, j) > 0.6 && inside(i, j) < 1.3));
    }
}

TEST_CASE("cubic steps converge to orthonormal rows or columns, from a nearly singular matrix too") {
  const auto [rows, columns] = GENERATE(std::pair<Index, Index>{1, 1}, std::pair<Index, Index>{2, 2},
                                        std::pair<Index, Index>{7, 33}, std::pair<Index, Index>{33, 7});
  const double condition = GENERATE(10.0, 1e3);
  const Index n = std::min(rows, columns);
  const Matrix u = orthonormal(rows, 3), v = orthonormal(columns, 4);
  const std::vector<double> singular = geometric(n, condition);
  Matrix s(rows, columns), one(rows, columns);
  for (Index k = 0; k < n; ++k) s(k, k) = singular[static_cast<std::size_t>(k)], one(k, k) = 1.0;
  const Matrix x = orthogonalised(u * s * v, NewtonSchulz::cubic, 40);
  // A small singular value grows 1.5 times a step: 24 steps from 1e-3 / sqrt(7), the others square the error.
  // The last step leaves the roundings of its products: |X|_F <= sqrt(n), inner extents up to 33.
  const Matrix gram = rows <= columns ? x * transposed(x) : transposed(x) * x;
  const double products = 4.0 * static_cast<double>(rows + columns + 8) * std::sqrt(static_cast<double>(n)) * unit;
  CHECK(distance(gram, identity(n)) <= products);
  // The polar factor of a matrix moves by its relative change times the condition (Higham, Functions of Matrices, 8.9).
  CHECK(distance(x, u * one * v) <= products * condition);
}

TEST_CASE("an orthogonalised matrix does not depend on its scale, and zero stays zero") {
  const Matrix x = noise(7, 5, 1);
  Matrix large = x;
  for (double& value : large.values) value *= 0x1p90;
  CHECK(orthogonalised(large, NewtonSchulz::quintic, 5).values == orthogonalised(x, NewtonSchulz::quintic, 5).values);
  CHECK(frobenius(orthogonalised(Matrix(7, 5), NewtonSchulz::quintic, 5)) == 0.0);
}

TEST_CASE("the p-th power of an inverse root undoes the matrix") {
  const Index n = GENERATE(1, 2, 7, 33);
  const std::int64_t p = GENERATE(1, 2, 3, 4, 8);
  const RootSolver solver = GENERATE(RootSolver::eigen, RootSolver::newton);
  const double condition = GENERATE(1.0, 30.0);
  const double scale = GENERATE(1.0, 1e-12, 1e12);
  std::vector<double> eigenvalues = geometric(n, condition);
  for (double& value : eigenvalues) value *= scale;
  const Matrix a = symmetric(eigenvalues, 9);
  const Root r = root_of(a, p, 0.0, solver);
  REQUIRE(r.found);
  // Relative error of the root: condition times the roundings of the solver, about 8 n; the power multiplies it by p.
  // In the Frobenius norm, of a product of size sqrt(n).
  const double size = static_cast<double>(n);
  CHECK(distance(power(r.root, p) * a, identity(n)) <=
        static_cast<double>(p) * condition * 8.0 * (size + 8.0) * std::sqrt(size) * unit);
}

TEST_CASE("the root of a nearly singular matrix is that of the matrix with its ridge") {
  const Index n = GENERATE(2, 7, 33);
  const RootSolver solver = GENERATE(RootSolver::eigen, RootSolver::newton);
  // Rank one, and a condition near what the ridge leaves of it: 1e5 in float, 1e5 in double.
  std::vector<double> eigenvalues(static_cast<std::size_t>(n), 0.0);
  eigenvalues[0] = 2.0;
  const Matrix a = symmetric(eigenvalues, 11);
  const double ridge = 1e-4;
  const Root r = root_of(a, 4, ridge, solver);
  REQUIRE(r.found);
  const Matrix q = orthonormal(n, 11);
  const double shift = ridge * trace(a);
  std::vector<double> expected;
  for (const double value : eigenvalues) expected.push_back(std::pow(value + shift, -0.25));
  const double size = static_cast<double>(n);
  CHECK(distance(r.root, transposed(q) * diagonal(expected) * q) <=
        8.0 * (size + 8.0) * unit / ridge * frobenius(diagonal(expected)));
}

TEST_CASE("a root that cannot be found leaves what was there") {
  const Vector out = to_device(identity(2));
  InverseRoot root;
  CHECK_FALSE(root(2, 4, 1e-6, RootSolver::eigen, to_device(Matrix(2, 2)).data(), out.data()));
  CHECK(to_host(2, 2, out).values == identity(2).values);
}

struct Inverse {
  bool found;
  Matrix inverse;
};

Inverse inverse_of(const Matrix& a, double shift) {
  const Vector out = to_device(Matrix(a.rows, a.rows));
  SymmetricInverse invert;
  const bool found = invert(a.rows, shift, to_device(a).data(), out.data());
  return {found, to_host(a.rows, a.rows, out)};
}

TEST_CASE("a shifted inverse times its matrix is the identity, and it is symmetric to the bit") {
  const Index n = GENERATE(1, 2, 7, 33, 100);
  const double shift = GENERATE(1e-2, 1.0);
  const Matrix a = symmetric(geometric(n, 1e4), 13);
  const Inverse found = inverse_of(a, shift);
  REQUIRE(found.found);
  CHECK(found.inverse.values == transposed(found.inverse).values);
  Matrix shifted = a;
  for (Index i = 0; i < n; ++i) shifted(i, i) += shift;
  // Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 14.3: a few n times the condition.
  const double size = static_cast<double>(n);
  CHECK(distance(found.inverse * shifted, identity(n)) <=
        4.0 * (size + 2.0) * (1.0 + 1.0 / shift) * std::sqrt(size) * unit);
}

TEST_CASE("an inverse that cannot be found leaves what was there") {
  const Vector out = to_device(identity(2));
  SymmetricInverse invert;
  Matrix indefinite = identity(2);
  indefinite(1, 1) = -2.0;
  Matrix infinite = identity(2);
  infinite(0, 1) = infinite(1, 0) = std::numeric_limits<double>::infinity();
  CHECK_FALSE(invert(2, 0.5, to_device(indefinite).data(), out.data()));
  CHECK_FALSE(invert(2, 0.5, to_device(infinite).data(), out.data()));
  CHECK(to_host(2, 2, out).values == identity(2).values);
}

TEST_CASE("linear algebra has the same bits on one and two threads") {
  // Large enough that OpenBLAS would share the work.
  const Index n = 160;
  const Matrix x = noise(n, 2 * n, 1);
  Matrix a = x * transposed(x);
  const auto outcome = [&](int threads) {
    const LibraryThreads scope(threads);
    const Eigen e = eigen_of(a);
    REQUIRE(e.found);
    REQUIRE(LibraryThreads::current() == threads);
    std::vector<double> all = e.values.values;
    for (const Matrix& part :
         {e.vectors, orthogonalised(x, NewtonSchulz::quintic, 5), root_of(a, 4, 1e-5, RootSolver::eigen).root,
          root_of(a, 4, 1e-5, RootSolver::newton).root, inverse_of(a, 1.0).inverse})
      all.insert(all.end(), part.values.begin(), part.values.end());
    return all;
  };
  CHECK(outcome(2) == outcome(1));
}

}  // namespace
}  // namespace velo
