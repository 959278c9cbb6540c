// workloads/theory_linear_regression.cpp
//
// Linear regression on an endless stream of Gaussian examples with a chosen spectrum: the model in which the mean loss
// of stochastic gradient descent is known exactly, step by step.
//
//   example e   a ~ N(0, H), H = diag(l), l from 1 down to 1 / condition (workloads/theory/spectrum.hpp)
//               y = a' x* + noise N(0, 1)
//   loss        mean over the batch of (a' x - y)^2 / 2; its expectation is excess_risk + noise^2 / 2
//   start       x = 0;   x*_i = c l_i^source N(0, 1), the same for every trial, c such that the excess risk starts at
//               1/2
//   metric      excess_risk (x - x*)' H (x - x*) / 2, optimum 0; distance |x - x*|
//
// With d = x - x*, rate r and b fresh examples a step, the second moments c_i = E d_i^2 obey (fourth moments of a
// normal vector: E a a' D a a' = 2 H D H + tr(H D) H)
//   c_i <- c_i (1 - 2 r l_i + r^2 l_i^2 (1 + 1 / b)) + r^2 l_i / b (sum_j l_j c_j + noise^2)
// Unlike in `quadratic`, the noise of the gradient vanishes with the loss where noise = 0, and grows with the distance.
//
// Examples are pure functions of their number; the 2^20 of an epoch are drawn as they come. Hessian-vector products are
// those of the batch, exact.
#include <cmath>

#include "harness/workload.hpp"
#include "workloads/theory/least_squares.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

std::vector<double> roots(std::vector<double> values) {
  for (double& value : values) value = std::sqrt(value);
  return values;
}

Vector draw_optimum(const std::vector<double>& eigenvalues, double source) {
  const RandomStream stream = RandomStream(0, Purpose::workload).fork(0);
  std::vector<double> x(eigenvalues.size());
  double energy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::pow(eigenvalues[i], source) * stream.normal(i);
    energy += eigenvalues[i] * x[i] * x[i];
  }
  for (double& value : x) value /= std::sqrt(energy);
  return theory::on_device("linear_regression::optimum", x);
}

class LinearRegression final : public Workload {
 public:
  explicit LinearRegression(const Parameters& parameters)
      : LinearRegression(parameters, theory::eigenvalues(parameters.choice("spectrum"), parameters.integer("dimension"),
                                                         parameters.real("condition").base)) {}

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? Index{1} << 20 : 1; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch& batch) override { data_.load(batch); }

  double loss(const ForwardPass& pass, const Batch& batch) override {
    load(batch);
    return data_.loss(pass.params);
  }
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    const double value = loss(pass, batch);
    data_.gradient(gradient);
    return value;
  }
  void hessian_vector_product(const ForwardPass&, const Batch& batch, ConstVector direction, Vector out) override {
    load(batch);
    data_.curvature(direction, out);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    theory::subtract(params, data_.optimum(), difference_);
    const double distance = std::sqrt(reduction_.squared_norm(difference_));
    theory::multiply_by_root(difference_, eigenvalues_);
    return {{"excess_risk", 0.5 * reduction_.squared_norm(difference_)}, {"distance", distance}};
  }

 private:
  LinearRegression(const Parameters& parameters, const std::vector<double>& eigenvalues)
      : batch_size_(parameters.integer("batch_size")),
        eigenvalues_(theory::on_device("linear_regression::eigenvalues", eigenvalues)),
        difference_("linear_regression::difference", eigenvalues.size()),
        data_(RandomStream(0, Purpose::synthetic), theory::on_device("linear_regression::roots", roots(eigenvalues)),
              draw_optimum(eigenvalues, parameters.real("source").base), parameters.real("noise").base, 0) {
    ParameterBlock block;
    block.name = "x";
    block.shape = {static_cast<Index>(eigenvalues.size())};
    layout_.add(block);
  }

  ParameterLayout layout_;
  Index batch_size_;
  Vector eigenvalues_;
  Vector difference_;
  theory::LeastSquares data_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo theory_linear_regression_workload_info() {
  WorkloadInfo info;
  info.name = "theory_linear_regression";
  info.summary = "linear regression on fresh Gaussian examples, whose mean loss under SGD has a closed form";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"excess_risk", "", false}, {"distance", "", false}};
  info.offers = {Capability::hessian_vector_products, Capability::per_example_gradients, Capability::micro_batches};
  info.parameters = {
      integer("dimension", 100, {1, 1e7}, "number of parameters"),
      theory::condition_parameter(100.0,
                                  "largest over smallest eigenvalue of the inputs' covariance; the largest is 1"),
      theory::spectrum_parameter("how the eigenvalues lie"),
      real("source", 0.0, {-2, 4}, "the optimum's coordinates grow like the eigenvalue to this power"),
      real("noise", 0.1, Range::non_negative(), "standard deviation of the targets' noise"),
      integer("batch_size", 16, {1, 65536}, "examples in a training batch", "examples"),
  };
  info.make = [](const Parameters& parameters, const DataSource&) {
    return std::make_unique<LinearRegression>(parameters);
  };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
