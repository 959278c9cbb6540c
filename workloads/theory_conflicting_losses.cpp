// workloads/theory_conflicting_losses.cpp
//
// A loss of several terms whose gradients point against each other at a chosen angle and differ in size: what the
// losses of a physics-informed network or of several tasks do, where it can be computed.
//
//   L(x) = L_1(x) + ... + L_m(x),   L_k(x) = s_k r_k^2 / 2,   r_k = u_k' (x - x*)
//   s_k = imbalance^(-(k - 1) / (m - 1)),   |u_k| = 1,   u_j' u_k = cosine for j != k
//
//   u_k       a e_k + b (e_1 + ... + e_m), a = sqrt(1 - cosine), b = (sqrt(1 + (m - 1) cosine) - a) / m, then rotated
//             (workloads/theory/rotation.hpp); cosine above -1 / (m - 1), or they could not all conflict alike
//   start     r_k = 1 for all k, nothing across: every pair of gradients has the cosine `cosine`
//   optimum   x* is normal with deviation `optimum_scale`, the same for every trial; all terms vanish there
//   metric    largest_residual max_k |r_k|, which starts at 1 and does not forget the small terms; loss L. Optima 0
//
// Descent with the rate r moves the residuals by r_j <- r_j - r sum_k u_j' u_k s_k r_k: the large terms drive the small
// ones up before they fall. A step of the same rate along the conflict-free direction of the m gradients (Liu, Chu,
// Thuerey, ICLR 2025, arXiv:2408.11104) multiplies all residuals, which stay equal, by 1 - r c^2 sum_k s_k, where
// c^2 = (1 + (m - 1) cosine) / m is its squared cosine with each.
// Hessian-vector products are exact. Examples are a formality: one for training, one for evaluation.
#include <algorithm>
#include <cmath>

#include "harness/device/elementwise.hpp"
#include "harness/device/reduce.hpp"
#include "harness/workload.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/theory/rotation.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

class ConflictingLosses final : public Workload {
 public:
  explicit ConflictingLosses(const Parameters& parameters)
      : terms_(parameters.integer("terms")), residuals_(static_cast<std::size_t>(terms_)) {
    const Index dimension = parameters.integer("dimension");
    const double cosine = parameters.real("cosine").base, m = static_cast<double>(terms_);
    if (terms_ > dimension) throw Error("theory_conflicting_losses: terms are more than dimension");
    if (terms_ > 1 && cosine <= -1.0 / (m - 1.0))
      throw Error(cat("theory_conflicting_losses: ", terms_, " directions cannot all have a cosine of ", cosine,
                      "; it must lie above -1 / (terms - 1)"));
    layout_.add({.name = "x", .shape = {dimension}});
    const RandomStream problem(0, Purpose::workload);
    optimum_ = vector("optimum");
    difference_ = vector("difference");
    fill_normal(problem.fork(0), 0.0, parameters.real("optimum_scale").base, optimum_);

    theory::Rotation rotation(layout_, problem);
    const double along = std::sqrt(1.0 - cosine);
    const double shared = (std::sqrt(1.0 + (m - 1.0) * cosine) - along) / m;
    for (Index k = 0; k < terms_; ++k) {
      std::vector<double> u(static_cast<std::size_t>(dimension));
      for (Index j = 0; j < terms_; ++j) u[static_cast<std::size_t>(j)] = shared + (j == k ? along : 0.0);
      directions_.push_back(theory::on_device("conflicting_losses::direction", u));
      rotation.to_parameters(directions_.back());
      const double t = terms_ > 1 ? static_cast<double>(k) / (m - 1.0) : 0.0;
      scales_.push_back(std::pow(parameters.real("imbalance").base, -t));
    }
    // x - x* = q (e_1 + ... + e_m), of which u_k takes q (along + m shared).
    std::vector<double> start(static_cast<std::size_t>(dimension));
    std::fill_n(start.begin(), terms_, 1.0 / (along + m * shared));
    start_ = theory::on_device("conflicting_losses::start", start);
    rotation.to_parameters(start_);
  }

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] Index examples(Split) const override { return 1; }
  [[nodiscard]] Index batch_size() const override { return 1; }
  [[nodiscard]] Index loss_terms() const override { return terms_; }
  void load(const Batch&) override {}

  void init(const RandomStream&, Vector params, Vector) override {
    copy(start_, params);
    axpy(1.0, optimum_, params);
  }

  double loss(const ForwardPass& pass, const Batch&) override {
    theory::subtract(pass.params, optimum_, difference_);
    project(difference_);
    return value(pass);
  }
  double gradient(const ForwardPass& pass, const Batch& batch, Vector gradient) override {
    const double loss_value = loss(pass, batch);
    spread(pass, gradient);
    return loss_value;
  }
  void hessian_vector_product(const ForwardPass& pass, const Batch&, ConstVector direction, Vector out) override {
    project(direction);
    spread(pass, out);
  }

  std::vector<Metric> evaluate(ConstVector params, ConstVector, Split) override {
    theory::subtract(params, optimum_, difference_);
    project(difference_);
    double largest = 0.0;
    for (const double r : residuals_) largest = std::fabs(r) > largest || std::isnan(r) ? std::fabs(r) : largest;
    return {{"largest_residual", largest}, {"loss", value({})}};
  }

 private:
  [[nodiscard]] Vector vector(const char* label) const {
    return Vector(cat("conflicting_losses::", label), static_cast<std::size_t>(layout_.size()));
  }
  [[nodiscard]] static bool asks_for(const ForwardPass& pass, std::size_t k) {
    return !pass.loss_term || *pass.loss_term == static_cast<Index>(k);
  }
  void project(const ConstVector& v) {
    for (std::size_t k = 0; k < residuals_.size(); ++k) residuals_[k] = reduction_.dot(directions_[k], v);
  }
  [[nodiscard]] double value(const ForwardPass& pass) const {
    double sum = 0.0;
    for (std::size_t k = 0; k < residuals_.size(); ++k)
      if (asks_for(pass, k)) sum += 0.5 * scales_[k] * residuals_[k] * residuals_[k];
    return sum;
  }
  /// out = sum over the terms asked for of s_k r_k u_k
  void spread(const ForwardPass& pass, const Vector& out) const {
    fill(out, 0.0);
    for (std::size_t k = 0; k < residuals_.size(); ++k)
      if (asks_for(pass, k)) axpy(scales_[k] * residuals_[k], directions_[k], out);
  }

  Index terms_;
  ParameterLayout layout_;
  std::vector<Vector> directions_;
  std::vector<double> scales_;
  std::vector<double> residuals_;
  Vector optimum_, start_, difference_;
  Reduction reduction_;
};

}  // namespace

WorkloadInfo theory_conflicting_losses_workload_info() {
  WorkloadInfo info;
  info.name = "theory_conflicting_losses";
  info.summary = "a sum of quadratic terms whose gradients conflict at a chosen angle and differ in size";
  info.loss_type = LossType::mean_squared_error;
  info.metrics = {{"largest_residual", "", false}, {"loss", "", false}};
  info.offers = {Capability::loss_terms, Capability::hessian_vector_products};
  info.parameters = {
      integer("dimension", 16, {1, 1e6}, "number of parameters"),
      integer("terms", 3, {1, 64}, "terms of the loss"),
      real("cosine", -0.4, {-1.0, 1.0, false, false}, "cosine of the angle between two terms' gradients"),
      real("imbalance", 100.0, Range::at_least(1.0), "scale of the first term over the last's"),
      real("optimum_scale", 1.0, Range::non_negative(), "standard deviation of the optimum's coordinates"),
  };
  info.make = [](const Parameters& parameters, const DataSource&) {
    return std::make_unique<ConflictingLosses>(parameters);
  };
  info.data_version = [](const Parameters&, const DataSource&) { return std::string("none"); };
  return info;
}

}  // namespace velo
