// workloads/quadratic.cpp
//
// A quadratic with a chosen spectrum, an exact optimum and closed-form trajectories: the quadratic form of
// workloads/theory/quadratic_form.hpp with one block and an eigenvalue from 1 down to 1 / condition for each parameter
// (workloads/theory/spectrum.hpp).
#include "harness/workload.hpp"
#include "workloads/theory/quadratic_form.hpp"
#include "workloads/theory/spectrum.hpp"

namespace velo {

namespace {

std::unique_ptr<Workload> make(const Parameters& parameters, const DataSource&) {
  const Index size = parameters.integer("dimension");
  ParameterLayout layout;
  ParameterBlock block;
  block.name = "x";
  block.shape = {size};
  layout.add(block);
  const std::vector<double> values =
      theory::eigenvalues(parameters.choice("spectrum"), size, parameters.real("condition").base);
  return std::make_unique<theory::QuadraticForm>(std::move(layout), values, parameters);
}

}  // namespace

WorkloadInfo quadratic_workload_info() {
  WorkloadInfo info = theory::quadratic_form_info();
  info.name = "quadratic";
  info.summary = "a quadratic with a chosen spectrum, exact optimum and optional gradient noise";
  info.parameters = {integer("dimension", 100, {1, 1e9}, "number of parameters"),
                     theory::condition_parameter(100.0, "largest over smallest eigenvalue; the largest is 1"),
                     theory::spectrum_parameter("how the eigenvalues lie")};
  for (ParameterSpec& spec : theory::quadratic_form_parameters()) info.parameters.push_back(std::move(spec));
  info.make = make;
  return info;
}

}  // namespace velo
