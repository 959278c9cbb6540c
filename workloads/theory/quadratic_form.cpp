#include "workloads/theory/quadratic_form.hpp"

#include <cmath>

#include "harness/device/elementwise.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo::theory {

QuadraticForm::QuadraticForm(ParameterLayout layout, const std::vector<double>& eigenvalues,
                             const Parameters& parameters)
    : layout_(std::move(layout)),
      batch_size_(parameters.integer("batch_size")),
      noise_(parameters.real("noise").base),
      hessian_noise_(parameters.choice("noise_covariance") == "hessian"),
      start_(parameters.choice("start")),
      eigenvalues_(on_device("quadratic::eigenvalues", eigenvalues)),
      optimum_("quadratic::optimum", eigenvalues.size()),
      rotation_(layout_),
      difference_("quadratic::difference", eigenvalues.size()),
      noise_vector_("quadratic::noise", eigenvalues.size()) {
  const RandomStream problem(0, Purpose::workload);
  fill_normal(problem.fork(0), 0.0, parameters.real("optimum_scale").base, optimum_);
  if (parameters.boolean("rotated")) rotation_ = Rotation(layout_, problem);
}

void QuadraticForm::init(const RandomStream& stream, Vector params, Vector) {
  if (start_ == "normal")
    fill_normal(stream, 0.0, 1.0, params);
  else
    fill(params, 1.0);
  if (start_ == "equal_energy") divide_by_root(params, eigenvalues_);
  rotation_.to_parameters(params);
  axpy(1.0, optimum_, params);
}

double QuadraticForm::loss(const ForwardPass& pass, const Batch& batch) {
  subtract(pass.params, optimum_, difference_);
  const double exact = value(noise_vector_);
  return exact + draw_noise(pass, batch);
}

double QuadraticForm::gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) {
  subtract(pass.params, optimum_, difference_);
  const double exact = value(gradient);
  const double noise = draw_noise(pass, batch);
  if (is_noisy(pass)) axpy(1.0, noise_vector_, gradient);
  return exact + noise;
}

void QuadraticForm::hessian_vector_product(const ForwardPass&, const Batch&, ConstVector direction, Vector out) {
  multiply_by_hessian(direction, out);
}

std::vector<Metric> QuadraticForm::evaluate(ConstVector params, ConstVector, Split) {
  subtract(params, optimum_, difference_);
  const double f = value(noise_vector_);
  return {{"suboptimality", f}, {"distance", std::sqrt(reduction_.squared_norm(difference_))}};
}

/// out = H in
void QuadraticForm::multiply_by_hessian(const ConstVector& in, const Vector& out) {
  copy(in, out);
  rotation_.to_eigenbasis(out);
  multiply_by_spectrum(out, eigenvalues_);
  rotation_.to_parameters(out);
}

/// f at the current difference; leaves H difference in `product`.
double QuadraticForm::value(const Vector& product) {
  multiply_by_hessian(difference_, product);
  return 0.5 * reduction_.dot(difference_, product);
}

/// Fills the noise vector and returns its product with the current difference.
double QuadraticForm::draw_noise(const ForwardPass& pass, const Batch& batch) {
  if (!is_noisy(pass)) return 0.0;
  fill_normal(pass.random, 0.0, noise_ / std::sqrt(static_cast<double>(batch.size())), noise_vector_);
  if (hessian_noise_) {
    multiply_by_root(noise_vector_, eigenvalues_);
    rotation_.to_parameters(noise_vector_);
  }
  return reduction_.dot(noise_vector_, difference_);
}

std::vector<ParameterSpec> quadratic_form_parameters() {
  return {
      boolean("rotated", false, "eigenvectors are dense instead of the coordinates"),
      choice("start", "ones", {"ones", "equal_energy", "normal"}, "initial distance from the optimum, per eigenvector"),
      real("optimum_scale", 1.0, Range::non_negative(), "standard deviation of the optimum's coordinates"),
      real("noise", 0.0, Range::non_negative(), "standard deviation of one example's gradient noise"),
      choice("noise_covariance", "white", {"white", "hessian"}, "identity, or the Hessian itself"),
      integer("batch_size", 1, {1, 65536}, "examples of a batch: divides the noise's variance", "examples"),
  };
}

WorkloadInfo quadratic_form_info() {
  WorkloadInfo info;
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"suboptimality", "", false}, {"distance", "", false}};
  info.offers = {Capability::hessian_vector_products};
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo::theory
