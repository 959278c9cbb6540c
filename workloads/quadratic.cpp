// workloads/quadratic.cpp
//
// A quadratic with a chosen spectrum, an exact optimum and closed-form trajectories.
//
//   f(x) = (x - x*)' H (x - x*) / 2,   H = Q diag(l) Q',   1 = l_1 >= ... >= l_n = 1 / condition
//
//   spectrum   l_i with t = (i - 1) / (n - 1):  loglinear condition^-t · linear 1 - t (1 - 1 / condition) ·
//              power i^-p, p = log condition / log n · two_cluster 1 for the first half, 1 / condition for the rest
//   rotated    Q = a product of three Householder reflections along random directions (dense: no coordinate is an
//              eigenvector); else the identity
//   optimum    x* is normal with deviation `optimum_scale`, the same for every trial (weight decay gains nothing by it)
//   start      x* + Q d:  ones d_i = 1 · equal_energy d_i = l_i^-1/2 (every direction holds the same loss) ·
//              normal d_i ~ N(0, 1), by the trial's seed
//   noise      a training batch of b examples adds z' (x - x*) to the loss and z to the gradient, z ~ N(0, s^2 C / b),
//              s = noise; C = I (white) or H (hessian: the noise of least squares at its optimum). z comes from the
//              pass's stream: one batch, one noise.
//
// Metric: suboptimality f(x) - f(x*) = f(x), computed in double; its floor is the rounding of x - x*. Hessian-vector
// products are exact. Examples are a formality: 65,536 for training, one for evaluation.
#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"
#include "harness/registry.hpp"

namespace velo {

namespace {

constexpr int reflections = 3;

std::vector<double> eigenvalues(const std::string& spectrum, Index n, double condition) {
  std::vector<double> out(static_cast<std::size_t>(n), 1.0);
  for (Index i = 0; n > 1 && i < n; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(n - 1);
    double& value = out[static_cast<std::size_t>(i)];
    if (spectrum == "loglinear") value = std::pow(condition, -t);
    if (spectrum == "linear") value = 1.0 - t * (1.0 - 1.0 / condition);
    if (spectrum == "power")
      value = std::pow(static_cast<double>(i + 1), -std::log(condition) / std::log(static_cast<double>(n)));
    if (spectrum == "two_cluster" && i >= n / 2) value = 1.0 / condition;
  }
  return out;
}

Vector on_device(const std::string& label, const std::vector<double>& values) {
  const Vector out(label, values.size());
  const auto host = Kokkos::create_mirror_view(out);
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
  Kokkos::deep_copy(out, host);
  return out;
}

void subtract(const ConstVector& a, const ConstVector& b, const Vector& out) {
  for_each(
      "quadratic::subtract", static_cast<Index>(out.extent(0)), KOKKOS_LAMBDA(const Index i) { out(i) = a(i) - b(i); });
}

// v_i times l_i, times its square root, and divided by it.

void multiply_by_spectrum(const Vector& v, const Vector& l) {
  for_each(
      "quadratic::spectrum", static_cast<Index>(v.extent(0)), KOKKOS_LAMBDA(const Index i) { v(i) *= l(i); });
}
void multiply_by_root(const Vector& v, const Vector& l) {
  for_each(
      "quadratic::root", static_cast<Index>(v.extent(0)),
      KOKKOS_LAMBDA(const Index i) { v(i) *= static_cast<Scalar>(std::sqrt(static_cast<double>(l(i)))); });
}
void divide_by_root(const Vector& v, const Vector& l) {
  for_each(
      "quadratic::divide", static_cast<Index>(v.extent(0)),
      KOKKOS_LAMBDA(const Index i) { v(i) /= static_cast<Scalar>(std::sqrt(static_cast<double>(l(i)))); });
}

class Quadratic final : public Workload {
 public:
  explicit Quadratic(const Parameters& parameters)
      : size_(parameters.integer("dimension")),
        batch_size_(parameters.integer("batch_size")),
        noise_(parameters.real("noise").base),
        hessian_noise_(parameters.choice("noise_covariance") == "hessian"),
        start_(parameters.choice("start")),
        difference_("quadratic::difference", static_cast<std::size_t>(size_)),
        noise_vector_("quadratic::noise", static_cast<std::size_t>(size_)) {
    ParameterBlock block;
    block.name = "x";
    block.shape = {size_};
    layout_.add(block);
    const std::vector<double> values =
        eigenvalues(parameters.choice("spectrum"), size_, parameters.real("condition").base);
    eigenvalues_ = on_device("quadratic::eigenvalues", values);

    const RandomStream problem(0, Purpose::workload);
    optimum_ = Vector("quadratic::optimum", static_cast<std::size_t>(size_));
    fill_normal(problem.fork(0), 0.0, parameters.real("optimum_scale").base, optimum_);
    for (int r = 0; parameters.boolean("rotated") && r < reflections; ++r) {
      const Vector direction("quadratic::reflection", static_cast<std::size_t>(size_));
      fill_normal(problem.fork(1 + static_cast<std::uint64_t>(r)), 0.0, 1.0, direction);
      scale(direction, 1.0 / std::sqrt(reduction_.squared_norm(direction)));
      reflections_.push_back(direction);
    }
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? 65536 : 1; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch&) override {}

  void init(const RandomStream& stream, Vector params, Vector) override {
    if (start_ == "normal")
      fill_normal(stream, 0.0, 1.0, params);
    else
      fill(params, 1.0);
    if (start_ == "equal_energy") divide_by_root(params, eigenvalues_);
    to_parameters(params);
    axpy(1.0, optimum_, params);
  }

  double loss(const ForwardPass& pass, const Batch& batch) override {
    subtract(pass.params, optimum_, difference_);
    const double exact = value(noise_vector_);
    return exact + draw_noise(pass, batch);
  }

  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    subtract(pass.params, optimum_, difference_);
    const double exact = value(gradient);
    const double noise = draw_noise(pass, batch);
    if (is_noisy(pass)) axpy(1.0, noise_vector_, gradient);
    return exact + noise;
  }

  void hessian_vector_product(const ForwardPass&, const Batch&, ConstVector direction, Vector out) override {
    multiply_by_hessian(direction, out);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    subtract(params, optimum_, difference_);
    const double f = value(noise_vector_);
    return {{"suboptimality", f}, {"distance", std::sqrt(reduction_.squared_norm(difference_))}};
  }

 private:
  /// out = H in
  void multiply_by_hessian(const ConstVector& in, const Vector& out) {
    copy(in, out);
    to_eigenbasis(out);
    multiply_by_spectrum(out, eigenvalues_);
    to_parameters(out);
  }
  /// f at the current difference; leaves H difference in `product`.
  double value(const Vector& product) {
    multiply_by_hessian(difference_, product);
    return 0.5 * reduction_.dot(difference_, product);
  }
  [[nodiscard]] bool is_noisy(const ForwardPass& pass) const { return noise_ > 0.0 && pass.train_mode; }
  /// Fills the noise vector and returns its product with the current difference.
  double draw_noise(const ForwardPass& pass, const Batch& batch) {
    if (!is_noisy(pass)) return 0.0;
    fill_normal(pass.random, 0.0, noise_ / std::sqrt(static_cast<double>(batch.size())), noise_vector_);
    if (hessian_noise_) {
      multiply_by_root(noise_vector_, eigenvalues_);
      to_parameters(noise_vector_);
    }
    return reduction_.dot(noise_vector_, difference_);
  }

  /// v = Q v and v = Q' v
  void to_parameters(const Vector& v) {
    for (auto r = reflections_.rbegin(); r != reflections_.rend(); ++r) reflect(*r, v);
  }
  void to_eigenbasis(const Vector& v) {
    for (const Vector& r : reflections_) reflect(r, v);
  }
  /// v = v - 2 u (u' v)
  void reflect(const Vector& u, const Vector& v) { axpy(-2.0 * reduction_.dot(u, v), u, v); }

  Index size_;
  Index batch_size_;
  double noise_;
  bool hessian_noise_;
  std::string start_;
  ParameterLayout layout_;
  Vector eigenvalues_;
  Vector optimum_;
  std::vector<Vector> reflections_;
  Vector difference_;
  Vector noise_vector_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo quadratic_workload_info() {
  WorkloadInfo info;
  info.name = "quadratic";
  info.summary = "a quadratic with a chosen spectrum, exact optimum and optional gradient noise";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"suboptimality", "", false}, {"distance", "", false}};
  info.offers = {Capability::hessian_vector_products};
  info.parameters = {
      integer("dimension", 100, {1, 1e9}, "number of parameters"),
      real("condition", 100.0, Range::at_least(1.0), "largest over smallest eigenvalue; the largest is 1"),
      choice("spectrum", "loglinear", {"loglinear", "linear", "power", "two_cluster"}, "how the eigenvalues lie"),
      boolean("rotated", false, "eigenvectors are dense instead of the coordinates"),
      choice("start", "ones", {"ones", "equal_energy", "normal"}, "initial distance from the optimum, per eigenvector"),
      real("optimum_scale", 1.0, Range::non_negative(), "standard deviation of the optimum's coordinates"),
      real("noise", 0.0, Range::non_negative(), "standard deviation of one example's gradient noise"),
      choice("noise_covariance", "white", {"white", "hessian"}, "identity, or the Hessian itself"),
      integer("batch_size", 1, {1, 65536}, "examples of a batch: divides the noise's variance", "examples"),
  };
  info.make = [](const Parameters& parameters, const DataSource&) { return std::make_unique<Quadratic>(parameters); };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
