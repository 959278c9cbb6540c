// workloads/theory_diagonal_linear.cpp
//
// A diagonal linear network: sparse regression in the parametrisation w = u * u - v * v (elementwise), the smallest
// model in which the way to a minimum decides which minimum it is (Woodworth et al., COLT 2020, arXiv:2002.09277).
//
//   data     `measurements` rows a_e ~ N(0, I), fewer than `dimension`; y = a' w* + noise N(0, 1); w* has `sparsity`
//            coordinates of +-1, the others are 0. The same for every trial.
//   loss     mean over the batch of (a' w - y)^2 / 2;   with g its gradient in w: du = 2 u g, dv = -2 v g
//   start    u = v = initial_scale, so w = 0
//   metric   recovery_error |w - w*|^2 / |w*|^2, optimum 0 (without noise); training_loss over all measurements,
//            optimum 0
//
// Many w fit the data. Gradient flow keeps every u_i v_i, and goes to the w of least l1 norm, which is w*, as
// initial_scale goes to 0, and to one of least l2 norm, which is not sparse, as it grows. A step of gradient descent
// multiplies u_i v_i by 1 - 4 lr^2 g_i^2. The origin is a saddle point: small starts wait there, log(1 / initial_scale)
// long. Hessian-vector products are those of the batch, exact.
#include <cmath>

#include "harness/workload.hpp"
#include "results/error.hpp"
#include "workloads/theory/least_squares.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

Vector sparse_optimum(Index dimension, Index sparsity) {
  if (sparsity > dimension) throw Error("theory_diagonal_linear: sparsity is larger than dimension");
  const RandomStream problem(0, Purpose::workload);
  const Permutation places(problem.fork(0), static_cast<std::uint64_t>(dimension));
  std::vector<double> w(static_cast<std::size_t>(dimension));
  for (std::uint64_t k = 0; k < static_cast<std::uint64_t>(sparsity); ++k)
    w[places(k)] = problem.fork(1).bits(k) % 2 == 0 ? 1.0 : -1.0;
  return theory::on_device("diagonal_linear::optimum", w);
}

/// w = u u - v v
void compose(const ConstVector& params, const Vector& w) {
  const auto n = static_cast<Index>(w.extent(0));
  for_each(
      "diagonal_linear::compose", n,
      KOKKOS_LAMBDA(const Index i) { w(i) = params(i) * params(i) - params(n + i) * params(n + i); });
}

/// The derivative of w along a direction.
void compose_along(const ConstVector& params, const ConstVector& direction, const Vector& w) {
  const auto n = static_cast<Index>(w.extent(0));
  for_each(
      "diagonal_linear::compose_along", n,
      KOKKOS_LAMBDA(const Index i) { w(i) = 2 * (params(i) * direction(i) - params(n + i) * direction(n + i)); });
}

/// The gradient g in w as one in (u, v).
void pull_back(const ConstVector& g, const ConstVector& params, const Vector& out) {
  const auto n = static_cast<Index>(g.extent(0));
  for_each(
      "diagonal_linear::pull_back", n, KOKKOS_LAMBDA(const Index i) {
        out(i) = 2 * params(i) * g(i);
        out(n + i) = -2 * params(n + i) * g(i);
      });
}

/// The Hessian's product: its part through w, and the part of u and v's own curvature.
void pull_back_along(const ConstVector& g, const ConstVector& g_along, const ConstVector& params,
                     const ConstVector& direction, const Vector& out) {
  const auto n = static_cast<Index>(g.extent(0));
  for_each(
      "diagonal_linear::pull_back_along", n, KOKKOS_LAMBDA(const Index i) {
        out(i) = 2 * (params(i) * g_along(i) + direction(i) * g(i));
        out(n + i) = -2 * (params(n + i) * g_along(i) + direction(n + i) * g(i));
      });
}

class DiagonalLinear final : public Workload {
 public:
  explicit DiagonalLinear(const Parameters& parameters)
      : DiagonalLinear(parameters, parameters.integer("dimension"), parameters.integer("measurements")) {}

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? data_.kept() : 1; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch& batch) override { data_.load(batch); }

  double loss(const ForwardPass& pass, const Batch& batch) override {
    load(batch);
    compose(pass.params, w_);
    return data_.loss(w_);
  }
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    const double value = loss(pass, batch);
    data_.gradient(g_);
    pull_back(g_, pass.params, gradient);
    return value;
  }
  void hessian_vector_product(const ForwardPass& pass, const Batch& batch, ConstVector direction, Vector out) override {
    static_cast<void>(loss(pass, batch));
    data_.gradient(g_);
    compose_along(pass.params, direction, w_);
    data_.curvature(w_, g_along_);
    pull_back_along(g_, g_along_, pass.params, direction, out);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    compose(params, w_);
    data_.load_all();
    const double training = data_.loss(w_);
    theory::subtract(w_, data_.optimum(), g_);
    return {{"recovery_error", reduction_.squared_norm(g_) / reduction_.squared_norm(data_.optimum())},
            {"training_loss", training}};
  }

 private:
  DiagonalLinear(const Parameters& parameters, Index dimension, Index measurements)
      : batch_size_(theory::batch_of(parameters, measurements)),
        w_("diagonal_linear::w", static_cast<std::size_t>(dimension)),
        g_("diagonal_linear::g", static_cast<std::size_t>(dimension)),
        g_along_("diagonal_linear::g_along", static_cast<std::size_t>(dimension)),
        data_(RandomStream(0, Purpose::synthetic),
              theory::on_device("diagonal_linear::ones", std::vector<double>(static_cast<std::size_t>(dimension), 1.0)),
              sparse_optimum(dimension, parameters.integer("sparsity")), parameters.real("noise").base, measurements) {
    for (const char* name : {"u", "v"}) {
      ParameterBlock block;
      block.name = name;
      block.shape = {dimension};
      block.initialiser = Initialiser::constant(parameters.real("initial_scale").base);
      layout_.add(block);
    }
  }

  ParameterLayout layout_;
  Index batch_size_;
  Vector w_, g_, g_along_;
  theory::LeastSquares data_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo theory_diagonal_linear_workload_info() {
  WorkloadInfo info;
  info.name = "theory_diagonal_linear";
  info.summary = "sparse regression as a diagonal linear network, whose start decides which minimum is found";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"recovery_error", "", false}, {"training_loss", "", false}};
  info.offers = {Capability::hessian_vector_products, Capability::per_example_gradients, Capability::micro_batches};
  info.parameters = {
      integer("dimension", 100, {1, 1e6}, "coordinates of w; there are twice as many parameters"),
      integer("measurements", 40, {1, 1e6}, "training examples"),
      integer("sparsity", 5, {1, 1e6}, "coordinates of the planted w that are not 0"),
      real("initial_scale", 0.01, Range::positive(), "initial value of u and v"),
      real("noise", 0.0, Range::non_negative(), "standard deviation of the targets' noise"),
      theory::batch_parameter(),
  };
  info.make = [](const Parameters& parameters, const DataSource&) {
    return std::make_unique<DiagonalLinear>(parameters);
  };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
