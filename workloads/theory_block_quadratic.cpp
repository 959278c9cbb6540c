// workloads/theory_block_quadratic.cpp
//
// A quadratic whose blocks have Hessians of very different scale, as the layers of a Transformer have and those of a
// convolutional network have not (Zhang et al., NeurIPS 2024, arXiv:2402.16788, section 2): one learning rate for all
// blocks fits none of them, one per block does.
//
//   f(x) = sum_b s_b (x_b - x_b*)' H_b (x_b - x_b*) / 2
//   s_b = heterogeneity^(-b / (blocks - 1)), b = 0 ... blocks - 1
//   H_b has the eigenvalues 1 ... 1 / condition of workloads/theory/spectrum.hpp and dense eigenvectors of its own
//
// Gradient descent with the rate r needs r < 2 and contracts the last block's flattest direction by
// 1 - r / (heterogeneity condition) a step; with the rates r / s_b it is 1 - r / condition. Start, optimum, noise and
// metric: workloads/theory/quadratic_form.hpp; with noise_covariance = hessian the noise of a block has the scale of its
// curvature. The start equal_energy gives every direction of every block the same loss, so that no block may be forgotten.
#include <cmath>

#include "harness/workload.hpp"
#include "results/text.hpp"
#include "workloads/theory/quadratic_form.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource&) {
  const Index blocks = parameters.integer("blocks"), size = parameters.integer("block_size");
  const double heterogeneity = parameters.real("heterogeneity").base;
  const std::vector<double> one =
      theory::eigenvalues(parameters.choice("spectrum"), size, parameters.real("condition").base);
  ParameterLayout layout;
  std::vector<double> all;
  for (Index b = 0; b < blocks; ++b) {
    ParameterBlock block;
    block.name = cat("x", b);
    block.shape = {size};
    layout.add(block);
    const double t = blocks > 1 ? static_cast<double>(b) / static_cast<double>(blocks - 1) : 0.0;
    for (const double value : one) all.push_back(std::pow(heterogeneity, -t) * value);
  }
  return std::make_unique<theory::QuadraticForm>(std::move(layout), all, parameters);
}

}  // namespace

WorkloadInfo theory_block_quadratic_workload_info() {
  WorkloadInfo info = theory::quadratic_form_info();
  info.name = "theory_block_quadratic";
  info.summary = "a quadratic whose blocks have Hessians of very different scale";
  info.parameters = {integer("blocks", 8, {1, 1e4}, "blocks of parameters"),
                     integer("block_size", 16, {1, 1e6}, "parameters of a block"),
                     real("heterogeneity", 1000.0, Range::at_least(1.0), "scale of the first block's over the last's"),
                     theory::condition_parameter(10.0, "largest over smallest eigenvalue within a block"),
                     theory::spectrum_parameter("how the eigenvalues of a block lie")};
  for (ParameterSpec& spec : theory::quadratic_form_parameters()) {
    if (spec.name == "rotated") spec.number = 1;
    if (spec.name == "start") spec.word = "equal_energy";
    info.parameters.push_back(std::move(spec));
  }
  info.make = make;
  return info;
}

}  // namespace velo
