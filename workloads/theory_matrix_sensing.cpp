// workloads/theory_matrix_sensing.cpp
//
// Matrix sensing: a matrix of low rank from Gaussian measurements of it, as a product of two factors (Gunasekar et al.,
// NeurIPS 2017, arXiv:1705.09280; recovery from small starts: Li, Ma, Zhang, COLT 2018, arXiv:1712.09203).
//
//   data     `measurements` matrices A_e with N(0, 1) elements; y_e = <A_e, W*> + noise N(0, 1); W* is dimension x
//            dimension with singular values from 1 down to 1 / condition, `rank` of them, along random directions. The
//            same for every trial.
//   model    W = U V',  U and V dimension x width; width > rank is overparametrised
//   loss     mean over the batch of (<A_e, W> - y_e)^2 / 2;   with G its gradient in W: dU = G V, dV = G' U
//   start    elements of U and V normal with deviation initial_scale / sqrt(dimension)
//   metric   recovery_error |W - W*|^2 / |W*|^2 (Frobenius), optimum 0 (without noise); training_loss over all
//            measurements, optimum 0 where width >= rank and noise = 0
//
// The origin is a saddle point; directions are found one after the other, large singular values first. Gradient flow
// keeps U'U - V'V; a step of gradient descent adds lr^2 (dU'dU - dV'dV) to it. Hessian-vector products are those of the
// batch, exact.
#include <cmath>

#include "harness/workload.hpp"
#include "results/error.hpp"
#include "workloads/nn/launch.hpp"
#include "workloads/theory/least_squares.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

/// `count` orthonormal vectors of length n, one after the other: normal ones after Gram and Schmidt, twice each, which
/// leaves them orthogonal to rounding.
std::vector<double> orthonormal(const RandomStream& stream, Index n, Index count) {
  std::vector<double> q(static_cast<std::size_t>(n * count));
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = stream.normal(i);
  const auto dot = [n](const double* a, const double* b) {
    double sum = 0.0;
    for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  };
  for (Index j = 0; j < count; ++j) {
    double* v = q.data() + j * n;
    for (Index k = 0; k < 2 * j; ++k) {
      const double* u = q.data() + k % j * n;
      const double along = dot(u, v);
      for (Index i = 0; i < n; ++i) v[i] -= along * u[i];
    }
    const double length = std::sqrt(dot(v, v));
    for (Index i = 0; i < n; ++i) v[i] /= length;
  }
  return q;
}

Vector planted(Index n, Index rank, double condition) {
  if (rank > n) throw Error("theory_matrix_sensing: rank is larger than dimension");
  const RandomStream problem(0, Purpose::workload);
  const std::vector<double> left = orthonormal(problem.fork(0), n, rank), right = orthonormal(problem.fork(1), n, rank);
  const std::vector<double> values = theory::eigenvalues("loglinear", rank, condition);
  std::vector<double> w(static_cast<std::size_t>(n * n));
  for (std::size_t at = 0; at < w.size(); ++at) {
    const std::size_t size = static_cast<std::size_t>(n), i = at / size, j = at % size;
    for (std::size_t k = 0; k < values.size(); ++k) w[at] += values[k] * left[k * size + i] * right[k * size + j];
  }
  return theory::on_device("matrix_sensing::planted", w);
}

/// A matrix inside a vector, or its transpose.
struct Matrix {
  const Scalar* data;
  Index row, column;  ///< distances of neighbours
};

/// One row of C = A B, or of C + A B. The same bits on any number of threads, which a library's product has not.
struct Multiply {
  Matrix a, b;
  Scalar* c;
  Index columns, inner;
  bool add;

  KOKKOS_INLINE_FUNCTION void operator()(Index i) const {
    for (Index j = 0; j < columns; ++j) {
      double sum = add ? static_cast<double>(c[i * columns + j]) : 0.0;
      for (Index k = 0; k < inner; ++k)
        sum += static_cast<double>(a.data[i * a.row + k * a.column]) *
               static_cast<double>(b.data[k * b.row + j * b.column]);
      c[i * columns + j] = static_cast<Scalar>(sum);
    }
  }
};

void multiply(const Matrix& a, const Matrix& b, Scalar* c, Index rows, Index columns, Index inner, bool add = false) {
  nn::for_each_task("matrix_sensing::multiply", rows, rows * columns * inner, Multiply{a, b, c, columns, inner, add});
}

class MatrixSensing final : public Workload {
 public:
  explicit MatrixSensing(const Parameters& parameters)
      : MatrixSensing(parameters, parameters.integer("dimension"), parameters.integer("measurements")) {}

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? data_.kept() : 1; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch& batch) override { data_.load(batch); }

  double loss(const ForwardPass& pass, const Batch& batch) override {
    load(batch);
    compose(pass.params, pass.params, false);
    return data_.loss(w_);
  }
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    const double value = loss(pass, batch);
    data_.gradient(g_);
    pull_back(g_, pass.params, gradient, false);
    return value;
  }
  void hessian_vector_product(const ForwardPass& pass, const Batch& batch, ConstVector direction, Vector out) override {
    static_cast<void>(loss(pass, batch));
    data_.gradient(g_);
    pull_back(g_, direction, out, false);
    compose(direction, pass.params, false);
    compose(pass.params, direction, true);
    data_.curvature(w_, g_);
    pull_back(g_, pass.params, out, true);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    compose(params, params, false);
    data_.load_all();
    const double training = data_.loss(w_);
    theory::subtract(w_, data_.optimum(), g_);
    return {{"recovery_error", reduction_.squared_norm(g_) / reduction_.squared_norm(data_.optimum())},
            {"training_loss", training}};
  }

 private:
  MatrixSensing(const Parameters& parameters, Index dimension, Index measurements)
      : size_(dimension),
        width_(parameters.integer("width")),
        batch_size_(theory::batch_of(parameters, measurements)),
        w_("matrix_sensing::w", static_cast<std::size_t>(size_ * size_)),
        g_("matrix_sensing::g", static_cast<std::size_t>(size_ * size_)),
        data_(RandomStream(0, Purpose::synthetic),
              theory::on_device("matrix_sensing::ones", std::vector<double>(w_.extent(0), 1.0)),
              planted(size_, parameters.integer("rank"), parameters.real("condition").base),
              parameters.real("noise").base, measurements) {
    const double deviation = parameters.real("initial_scale").base / std::sqrt(static_cast<double>(size_));
    for (const char* name : {"u", "v"})
      layout_.add({name, ParameterKind::weight, {size_, width_}, width_, size_, Initialiser::normal(deviation)});
  }

  /// w = U V', or w + U V', with U of one vector of parameters and V of another.
  void compose(const ConstVector& of_u, const ConstVector& of_v, bool add) {
    multiply({of_u.data(), width_, 1}, {of_v.data() + size_ * width_, 1, width_}, w_.data(), size_, size_, width_, add);
  }
  /// The gradient G in W as one in (U, V), at `params`; replaces or adds.
  void pull_back(const ConstVector& g, const ConstVector& params, const Vector& out, bool add) {
    const Index factor = size_ * width_;
    multiply({g.data(), size_, 1}, {params.data() + factor, width_, 1}, out.data(), size_, width_, size_, add);
    multiply({g.data(), 1, size_}, {params.data(), width_, 1}, out.data() + factor, size_, width_, size_, add);
  }

  ParameterLayout layout_;
  Index size_, width_;
  Index batch_size_;
  Vector w_, g_;
  theory::LeastSquares data_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo theory_matrix_sensing_workload_info() {
  WorkloadInfo info;
  info.name = "theory_matrix_sensing";
  info.summary = "a matrix of low rank from Gaussian measurements, as a product of two factors";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"recovery_error", "", false}, {"training_loss", "", false}};
  info.offers = {Capability::hessian_vector_products, Capability::per_example_gradients, Capability::micro_batches};
  info.parameters = {
      integer("dimension", 20, {1, 1e4}, "rows and columns of the matrix"),
      integer("rank", 2, {1, 1e4}, "rank of the planted matrix"),
      integer("width", 4, {1, 1e4}, "columns of the factors"),
      integer("measurements", 200, {1, 1e6}, "training examples"),
      theory::condition_parameter(4.0, "largest over smallest singular value of the planted matrix; the largest is 1"),
      real("initial_scale", 0.1, Range::positive(), "size of the factors' columns at the start"),
      real("noise", 0.0, Range::non_negative(), "standard deviation of the measurements' noise"),
      theory::batch_parameter(),
  };
  info.make = [](const Parameters& parameters, const DataSource&) {
    return std::make_unique<MatrixSensing>(parameters);
  };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
