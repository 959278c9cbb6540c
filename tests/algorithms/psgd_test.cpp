#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/algorithms/given_gradients.hpp"

namespace velo {
namespace {

using test::component;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

struct Options {
  std::string preconditioner = "kron", fit = "whitening";
  double lr = 0.05, momentum = 0.0, preconditioner_lr = 0.2, update_probability = 1.0, damping = 1e-3, max_rms = 2.0;
  double weight_decay = 0.0;
  std::int64_t max_size = 512;
};

Component psgd(const Options& o) {
  return component("psgd", {{"preconditioner", o.preconditioner},
                            {"fit", o.fit},
                            {"lr", Schedule(o.lr)},
                            {"momentum", Schedule(o.momentum)},
                            {"preconditioner_lr", Schedule(o.preconditioner_lr)},
                            {"update_probability", Schedule(o.update_probability)},
                            {"damping", Schedule(o.damping)},
                            {"max_rms", Schedule(o.max_rms)},
                            {"weight_decay", Schedule(o.weight_decay)},
                            {"max_size", o.max_size}});
}

/// Row-major, in double, written down plainly.
struct Matrix {
  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), value(r * c, 0.0) {}
  double& operator()(std::size_t i, std::size_t j) { return value[i * columns + j]; }
  double operator()(std::size_t i, std::size_t j) const { return value[i * columns + j]; }
  std::size_t rows, columns;
  std::vector<double> value;
};

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.rows, b.columns);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < b.columns; ++j)
      for (std::size_t k = 0; k < a.columns; ++k) out(i, j) += a(i, k) * b(k, j);
  return out;
}
Matrix transposed(const Matrix& a) {
  Matrix out(a.columns, a.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.columns; ++j) out(j, i) = a(i, j);
  return out;
}
/// Of an upper triangular matrix, column by column.
Matrix inverse(const Matrix& t) {
  Matrix out(t.rows, t.rows);
  for (std::size_t c = 0; c < t.rows; ++c)
    for (std::size_t i = c + 1; i-- > 0;) {
      double sum = i == c ? 1.0 : 0.0;
      for (std::size_t k = i + 1; k <= c; ++k) sum -= t(i, k) * out(k, c);
      out(i, c) = sum / t(i, i);
    }
  return out;
}
double norm(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}
double norm(const Matrix& a) { return norm(a.value); }

/// Given gradients and a Hessian with entries of both signs that couples neighbours.
class Curved : public test::GivenGradients {
 public:
  using GivenGradients::GivenGradients;
  static std::vector<double> product(const std::vector<double>& v) {
    std::vector<double> out(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
      out[i] = (i % 4 == 0 ? -1.0 : 1.0) * (1.0 + 0.5 * test::scattered(200, i)) * v[i];
      if (i > 0) out[i] += 0.2 * v[i - 1];
      if (i + 1 < v.size()) out[i] += 0.2 * v[i + 1];
    }
    return out;
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    ++products;
    Kokkos::deep_copy(out, test::to_device(product(test::to_host(direction))));
  }
  int products = 0;
};

/// One side of Q as a full matrix, from the state.
Matrix side_of(const std::vector<double>& q, std::size_t& at, std::size_t size, bool dense) {
  Matrix out(size, size);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j)
      if (dense || i == j) out(i, j) = q[at + (dense ? i * size + j : i)];
  at += dense ? size * size : size;
  return out;
}

struct Fitted {
  Matrix side;
  double error;  ///< in the Frobenius norm
};

/// Q - mu part(M - N) Q / |M + N|, part = the upper triangle or the diagonal.
Fitted fitted(const Matrix& q, const Matrix& m, const Matrix& n, double error, bool dense, double mu) {
  double largest = 0.0;
  for (std::size_t i = 0; i < q.rows; ++i) {
    double row = 0.0;
    for (std::size_t j = 0; j < q.rows; ++j)
      if (dense || i == j) row += std::abs(m(i, j) + n(i, j));
    largest = std::max(largest, row);
  }
  Matrix e(q.rows, q.rows);
  for (std::size_t i = 0; i < q.rows; ++i)
    for (std::size_t j = i; j < (dense ? q.rows : i + 1); ++j) e(i, j) = mu * (m(i, j) - n(i, j)) / largest;
  const Matrix moved = product(e, q);
  Fitted out = {q, 0.0};
  for (std::size_t i = 0; i < q.value.size(); ++i) out.side.value[i] -= moved.value[i];
  const auto length = static_cast<double>(q.rows);  // of a row
  // The difference, and the norm, a row's sum of errors by Cauchy and Schwarz; products of the update; the result.
  out.error =
      mu * (1.0 + std::sqrt(length)) * error / largest * norm(q) + half_ulp * (length + 6.0) * (norm(q) + norm(moved));
  return out;
}

/// Checks every one of 25 steps from the parameters and the state that the rule was in.
void check_trajectory(const Options& o) {
  const ParameterLayout layout = test::awkward_layout();
  const auto size = static_cast<std::size_t>(layout.size());
  Curved oracle(layout, 25);
  test::Rider rider(psgd(o), layout);
  rider.start(oracle);
  const bool kron = o.preconditioner == "kron", newton = o.fit == "newton";
  std::vector<double> average(size, 0.0), average_error(size, 0.0);
  int fits = 0;
  for (int t = 1; t <= 25; ++t) {
    INFO("step " << t);
    const std::vector<double> x = rider.params(), g = oracle.gradients(t);
    std::vector<double> before = test::to_host(rider.state().flat());
    rider.step(oracle, t);
    const std::vector<double> after = test::to_host(rider.state().flat()), params = rider.params();

    const RandomStream stream(7, Purpose::algorithm, static_cast<std::uint64_t>(t));
    const bool fit = stream.fork(0).uniform53(0) < o.update_probability;
    std::vector<double> v(size), h(size);
    for (std::size_t i = 0; i < size; ++i) v[i] = static_cast<double>(static_cast<Scalar>(stream.fork(1).normal(i)));
    h = newton ? Curved::product(v) : g;
    for (std::size_t i = 0; i < size; ++i) h[i] += o.damping * v[i];
    for (std::size_t i = 0; i < size; ++i) {
      average[i] = o.momentum > 0.0 ? o.momentum * average[i] + (1.0 - o.momentum) * g[i] : g[i];
      average_error[i] = o.momentum > 0.0 ? o.momentum * average_error[i] + 4.0 * half_ulp : 0.0;
    }

    std::vector<double> d(size), d_error(size);
    std::size_t at = 0;
    for (const ParameterBlock& block : layout.blocks()) {
      INFO(block.name);
      const auto first = static_cast<std::size_t>(block.offset), length = static_cast<std::size_t>(block.size());
      const auto part = [&](const std::vector<double>& of) {
        return std::vector<double>(of.begin() + block.offset, of.begin() + block.offset + block.size());
      };
      double start = 1.0;
      const bool starts = fit && fits == 0;
      if (starts) start = std::sqrt(norm(part(v)) / norm(part(h)));
      if (!kron || block.shape.rank < 2) {
        double largest = 0.0;
        std::vector<double> q(length), a(length), b(length);
        for (std::size_t i = 0; i < length; ++i) {
          q[i] = starts ? start : before[at + i];
          a[i] = std::pow(q[i] * h[first + i], 2);
          b[i] = std::pow(v[first + i] / q[i], 2);
          largest = std::max(largest, a[i] + b[i]);
        }
        for (std::size_t i = 0; i < length; ++i) {
          const double old = q[i];
          if (fit) q[i] *= 1.0 - o.preconditioner_lr * (a[i] - b[i]) / largest;
          // h has 3 roundings, v none, q at its start one; squares double them; the norm has as many; the result one.
          const double relative = fit ? half_ulp * (1.5 + 20.0 * o.preconditioner_lr + (starts ? 2.0 : 0.0)) : 0.0;
          CHECK(std::abs(after[at + i] - q[i]) <= relative * (std::abs(old) + std::abs(q[i])));
          d[first + i] = q[i] * q[i] * average[first + i];
          d_error[first + i] =
              std::abs(d[first + i]) * (4.0 * relative + 2.0 * half_ulp) + q[i] * q[i] * average_error[first + i];
        }
        at += length;
        continue;
      }

      const auto rows = static_cast<std::size_t>(block.shape[0]), columns = length / rows;
      const bool dense_left = static_cast<std::int64_t>(rows) <= o.max_size;
      const bool dense_right = static_cast<std::int64_t>(columns) <= o.max_size;
      std::size_t at_after = at;
      Matrix l = side_of(before, at, rows, dense_left), r = side_of(before, at, columns, dense_right);
      const Matrix l_after = side_of(after, at_after, rows, dense_left),
                   r_after = side_of(after, at_after, columns, dense_right);
      const auto as_matrix = [&](const std::vector<double>& of) {
        Matrix out(rows, columns);
        out.value = part(of);
        return out;
      };
      double l_error = 0.0, r_error = 0.0;
      const auto operations = static_cast<double>(rows + columns + 4);
      if (fit) {
        if (starts) {
          for (double& value : l.value) value *= std::sqrt(start);
          for (double& value : r.value) value *= std::sqrt(start);
        }
        double top_left = 0.0, top_right = 0.0;
        for (std::size_t i = 0; i < rows; ++i) top_left = std::max(top_left, std::abs(l(i, i)));
        for (std::size_t i = 0; i < columns; ++i) top_right = std::max(top_right, std::abs(r(i, i)));
        const double factor = std::sqrt(top_right / top_left);
        for (double& value : l.value) value *= factor;
        for (double& value : r.value) value /= factor;

        const Matrix a = product(product(l, as_matrix(h)), transposed(r));
        const Matrix b = product(product(transposed(inverse(l)), as_matrix(v)), inverse(r));
        const double a_error = operations * half_ulp * norm(l) * norm(as_matrix(h)) * norm(r);
        const double b_error =
            operations * half_ulp * norm(l) * norm(inverse(l)) * norm(r) * norm(inverse(r)) * norm(b);
        const double error = 2.0 * (a_error * norm(a) + b_error * norm(b)) +
                             operations * half_ulp * (norm(a) * norm(a) + norm(b) * norm(b));
        const Fitted new_l =
            fitted(l, product(a, transposed(a)), product(b, transposed(b)), error, dense_left, o.preconditioner_lr);
        const Fitted new_r =
            fitted(r, product(transposed(a), a), product(transposed(b), b), error, dense_right, o.preconditioner_lr);
        l = new_l.side;
        r = new_r.side;
        l_error = new_l.error;
        r_error = new_r.error;
      }
      Matrix l_off = l_after, r_off = r_after;
      for (std::size_t i = 0; i < l.value.size(); ++i) l_off.value[i] -= l.value[i];
      for (std::size_t i = 0; i < r.value.size(); ++i) r_off.value[i] -= r.value[i];
      CHECK(norm(l_off) <= l_error);
      CHECK(norm(r_off) <= r_error);
      // The bounds mean something: far below the step on the group.
      CHECK(l_error < 0.01 * o.preconditioner_lr * norm(l));
      CHECK(r_error < 0.01 * o.preconditioner_lr * norm(r));
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < i; ++j) CHECK(l_after(i, j) == 0.0);

      const Matrix m = as_matrix(average);
      const Matrix step = product(product(product(transposed(l), product(l, m)), transposed(r)), r);
      const double scale = std::pow(norm(l) * norm(r), 2);
      const double step_error =
          scale * norm(m) * (2.0 * l_error / norm(l) + 2.0 * r_error / norm(r) + 2.0 * operations * half_ulp) +
          scale * norm(part(average_error));
      for (std::size_t i = 0; i < length; ++i) {
        d[first + i] = step.value[i];
        d_error[first + i] = step_error;
      }
    }
    if (fit) ++fits;

    const double rms = norm(d) / std::sqrt(static_cast<double>(size));
    const double shorten = std::min(1.0, o.max_rms / rms), shorten_error = norm(d_error) / norm(d) + 4.0 * half_ulp;
    for (std::size_t i = 0; i < size; ++i) {
      const double move = o.lr * shorten * d[i], keep = 1.0 - o.lr * o.weight_decay;
      const double expected = keep * x[i] - move;
      CHECK(std::abs(params[i] - expected) <=
            o.lr * shorten * d_error[i] + std::abs(move) * shorten_error +
                half_ulp * (2.0 * std::abs(x[i]) + 2.0 * std::abs(move) + std::abs(expected)));
    }
  }
  CHECK(oracle.products == (newton ? fits : 0));
  if (o.update_probability == 1.0) CHECK(fits == 25);
  if (o.update_probability == 0.5) CHECK((fits > 5 && fits < 20));
}

TEST_CASE("psgd follows the papers' steps on the group, written down in double") {
  for (const std::string preconditioner : {"kron", "diag"})
    for (const std::string fit : {"whitening", "newton"}) {
      INFO(preconditioner << ", " << fit);
      check_trajectory({.preconditioner = preconditioner, .fit = fit});
      check_trajectory({.preconditioner = preconditioner, .fit = fit, .momentum = 0.9, .weight_decay = 0.1});
      check_trajectory({.preconditioner = preconditioner, .fit = fit, .update_probability = 0.5});
    }
}

TEST_CASE("sides of psgd longer than max_size are diagonal") {
  check_trajectory({.max_size = 4});
  check_trajectory({.fit = "newton", .max_size = 3});
  check_trajectory({.max_size = 1});
}

TEST_CASE("psgd shortens steps to max_rms") { check_trajectory({.max_rms = 0.1}); }

/// f(X) = tr(X' A X B) / 2 with symmetric positive definite A and B, minimal at zero: its Hessian is a Kronecker product.
class Bowl : public test::GivenGradients {
 public:
  Bowl(const ParameterLayout& layout, const test::Rider& rider) : GivenGradients(layout, 5000), rider_(&rider) {}

  static Matrix definite(std::size_t n, std::uint64_t salt, double least) {
    Matrix root(n, n);
    for (std::size_t i = 0; i < n * n; ++i) root.value[i] = test::scattered(salt, i);
    Matrix out = product(root, transposed(root));
    for (std::size_t i = 0; i < n; ++i) out(i, i) += least;
    return out;
  }
  static std::vector<double> times_hessian(const std::vector<double>& x) {
    Matrix m(5, 3);
    m.value = x;
    return product(product(definite(5, 50, 0.05), m), definite(3, 51, 0.1)).value;
  }
  double gradient(Vector out, const Query&) override {
    Kokkos::deep_copy(out, test::to_device(times_hessian(rider_->params())));
    return 1.0;
  }
  void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
    Kokkos::deep_copy(out, test::to_device(times_hessian(test::to_host(direction))));
  }

 private:
  const test::Rider* rider_;
};

TEST_CASE("without noise psgd's preconditioner becomes the inverse Hessian: one full step then solves the problem") {
  ParameterLayout layout;
  layout.add({.name = "x", .kind = ParameterKind::weight, .shape = {5, 3}});
  Options o = {.fit = "newton", .lr = 0.0, .damping = 0.0, .max_rms = 1e6};
  test::Rider fitting(psgd(o), layout);
  Bowl bowl(layout, fitting);
  fitting.start(bowl);
  fitting.steps(bowl, 1, 3000);

  o.lr = 1.0;
  o.update_probability = 0.0;
  test::Rider solving(psgd(o), layout);
  Bowl last(layout, solving);
  solving.start(last);
  solving.resume_from(fitting);
  const double start = norm(solving.params());
  solving.step(last, 3001);
  // Fits end where A A' - B B' is rounding. Of A: of h, and of two products with triangles, whose rows have 3 and 2 terms on
  // average; of B: of two triangular solves as long; of the step: of g, and of four products. The condition of the Hessian
  // multiplies them: its eigenvalues are products of those of A, 0.0548 to 5.27, and of B, 0.169 to 2.20.
  const double condition = (5.27 * 2.20) / (0.0548 * 0.169);
  const int roundings = (1 + 3 + 2) + (3 + 2) + (1 + 2 * (3 + 2));
  CHECK(norm(solving.params()) <= roundings * half_ulp * condition * start);
}

TEST_CASE("psgd's diagonal becomes the inverse of the curvature's magnitude, whatever its sign") {
  ParameterLayout layout;
  layout.add({.name = "x", .kind = ParameterKind::weight, .shape = {9}});
  class Signs : public test::GivenGradients {
   public:
    using GivenGradients::GivenGradients;
    static double curvature(std::size_t i) {
      return std::pow(2.0, 0.5 * static_cast<double>(i) - 2.0) * (i % 2 == 0 ? 1 : -1);
    }
    void hessian_vector_product(ConstVector direction, Vector out, const Query&) override {
      std::vector<double> product = test::to_host(direction);
      for (std::size_t i = 0; i < product.size(); ++i) product[i] *= curvature(i);
      Kokkos::deep_copy(out, test::to_device(product));
    }
  } oracle(layout, 5000);
  test::Rider rider(psgd({.preconditioner = "diag", .fit = "newton", .lr = 0.0, .damping = 0.0}), layout);
  rider.start(oracle);
  rider.steps(oracle, 1, 3000);
  const std::vector<double> q = test::to_host(rider.state().flat());
  // With q^2 |c| = 1 + e and the largest squares, a step moves q by mu e of itself, mu = 0.2, unless that is below its
  // rounding; e itself is known to three roundings of each of (qh)^2 and (v/q)^2, and two more.
  for (std::size_t i = 0; i < 9; ++i)
    CHECK(std::abs(q[i] * q[i] * std::abs(Signs::curvature(i)) - 1.0) <= half_ulp * (1.0 / 0.2 + 8.0));
}

TEST_CASE("psgd whitens: preconditioned gradients have unit size, whatever the gradients' own") {
  const ParameterLayout layout = test::awkward_layout();
  // Deviations that a Kronecker product can undo: 3 to a power of the row, times one of the column.
  std::vector<double> deviation;
  for (const ParameterBlock& block : layout.blocks()) {
    const Index columns = block.size() / block.shape[0];
    for (Index i = 0; i < block.size(); ++i)
      deviation.push_back(std::pow(3.0, static_cast<double>((i / columns) % 3 + (i % columns) % 3)));
  }
  const int steps = 4000, last = 100;
  Schedule settling(0.1);  // what the steps on the group make of noise ends with them
  settling.shape = Schedule::Shape::linear;
  for (const std::string preconditioner : {"kron", "diag"})
    for (const double size : {1e-4, 1.0, 1e5}) {
      const auto gradients = [&](std::int64_t step) {
        std::vector<double> g = deviation;
        const RandomStream stream(3, Purpose::synthetic, static_cast<std::uint64_t>(step));
        for (std::size_t i = 0; i < g.size(); ++i) g[i] *= size * stream.normal(i);
        return g;
      };
      test::GivenGradients oracle(layout, gradients, steps);
      Component rule = psgd({.preconditioner = preconditioner, .lr = 0.0, .damping = 0.0});
      rule.parameters.set("preconditioner_lr", settling);
      test::Rider rider(rule, layout);
      rider.start(oracle);
      double mean = 0.0;
      for (int t = 1; t <= steps; ++t) {
        rider.step(oracle, t);
        if (t > steps - last) mean += rider.observed().at("rms") / last;
      }
      INFO(preconditioner << " at " << size << ": " << mean);
      // The root mean square of 139 normal numbers deviates by 1 / sqrt(2 * 139), the mean of a hundred a tenth of that.
      CHECK(std::abs(mean - 1.0) <= 3.0 / std::sqrt(2.0 * 139.0 * last));
    }
}

TEST_CASE("psgd that never fits is sgd") {
  const ParameterLayout layout = test::awkward_layout();
  test::GivenGradients oracle(layout), same(layout);
  test::Rider rider(psgd({.lr = 0.1, .update_probability = 0.0, .max_rms = 10.0}), layout);
  test::Rider sgd(component("sgd", {{"lr", Schedule(0.1)}}), layout);
  rider.start(oracle);
  sgd.start(same);
  rider.steps(oracle, 1, 20);
  sgd.steps(same, 1, 20);
  CHECK(rider.params() == sgd.params());
}

TEST_CASE("psgd keeps both factors of every matrix, a diagonal of the other blocks and a count") {
  // The matrices are 5 x 3 and 4 x 18.
  const Index vectors = 1 + 7 + 33 + 11;
  CHECK(test::state_bytes("psgd") == test::bytes_of({.values = 25 + 9 + 16 + 324 + vectors, .numbers = 1}));
  CHECK(test::state_bytes("psgd", {{"max_size", Index{4}}}) ==
        test::bytes_of({.values = 5 + 9 + 16 + 18 + vectors, .numbers = 1}));
  CHECK(test::state_bytes("psgd", {{"momentum", Schedule(0.9)}}) ==
        test::bytes_of({.per_parameter = 1, .values = 25 + 9 + 16 + 324 + vectors, .numbers = 1}));
  CHECK(test::state_bytes("psgd", {{"preconditioner", std::string("diag")}}) ==
        test::bytes_of({.per_parameter = 1, .numbers = 1}));
}

}  // namespace
}  // namespace velo
