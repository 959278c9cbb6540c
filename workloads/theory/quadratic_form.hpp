// workloads/theory/quadratic_form.hpp
//
// A quadratic whose Hessian is block diagonal in the blocks of its layout: what `quadratic` (one block) and
// `theory_block_quadratic` (several) are.
//
//   f(x) = (x - x*)' H (x - x*) / 2,   H = diag(Q_b diag(l_b) Q_b')
//
//   rotated    Q_b is dense (workloads/theory/rotation.hpp); else the identity
//   optimum    x* is normal with deviation `optimum_scale`, the same for every trial (weight decay gains nothing by it)
//   start      x* + Q d:  ones d_i = 1 · equal_energy d_i = l_i^-1/2 (every direction holds the same loss) ·
//              normal d_i ~ N(0, 1), by the trial's seed
//   noise      a training batch of b examples adds z' (x - x*) to the loss and z to the gradient, z ~ N(0, s^2 C / b),
//              s = noise; C = I (white) or H (hessian: the noise of least squares at its optimum). z comes from the
//              pass's stream: one batch, one noise.
//
// Metric: suboptimality f(x) - f(x*) = f(x), computed in double; its floor is the rounding of x - x*. Hessian-vector
// products are exact. Examples are a formality: 65,536 for training, one for evaluation.
#pragma once

#include <string>
#include <vector>

#include "harness/device/reduce.hpp"
#include "harness/workload.hpp"
#include "workloads/theory/rotation.hpp"

namespace velo::theory {

class QuadraticForm final : public Workload {
 public:
  /// `eigenvalues` of all blocks, one after the other.
  QuadraticForm(ParameterLayout layout, const std::vector<double>& eigenvalues, const Parameters& parameters);

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split split) const override { return split == Split::train ? 65536 : 1; }
  [[nodiscard]] Index batch_size() const override { return batch_size_; }
  void load(const Batch&) override {}
  void init(const RandomStream& stream, Vector params, Vector model_state) override;
  double loss(const ForwardPass& pass, const Batch& batch) override;
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override;
  void hessian_vector_product(const ForwardPass& pass, const Batch& batch, ConstVector direction, Vector out) override;
  std::vector<Metric> evaluate(ConstVector params, ConstVector model_state, Split split) override;

 private:
  void multiply_by_hessian(const ConstVector& in, const Vector& out);
  double value(const Vector& product);
  [[nodiscard]] bool is_noisy(const ForwardPass& pass) const { return noise_ > 0.0 && pass.train_mode; }
  double draw_noise(const ForwardPass& pass, const Batch& batch);

  ParameterLayout layout_;
  Index batch_size_;
  double noise_;
  bool hessian_noise_;
  std::string start_;
  Vector eigenvalues_;
  Vector optimum_;
  Rotation rotation_;
  Vector difference_;
  Vector noise_vector_;
  Reduction reduction_;
};

/// rotated, start, optimum_scale, noise, noise_covariance, batch_size
[[nodiscard]] std::vector<ParameterSpec> quadratic_form_parameters();
/// All of a registry entry but name, summary, parameters and make.
[[nodiscard]] WorkloadInfo quadratic_form_info();

}  // namespace velo::theory
