#include "workloads/theory/spectrum.hpp"

#include <cmath>

namespace velo::theory {

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

ParameterSpec spectrum_parameter(const std::string& doc) {
  return choice("spectrum", "loglinear", {"loglinear", "linear", "power", "two_cluster"}, doc);
}

ParameterSpec condition_parameter(double standard, const std::string& doc) {
  return real("condition", standard, Range::at_least(1.0), doc);
}

Vector on_device(const std::string& label, const std::vector<double>& values) {
  Vector out(label, values.size());
  const auto host = Kokkos::create_mirror_view(out);
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
  Kokkos::deep_copy(out, host);
  return out;
}

void subtract(const ConstVector& a, const ConstVector& b, const Vector& out) {
  for_each(
      "theory::subtract", static_cast<Index>(out.extent(0)), KOKKOS_LAMBDA(const Index i) { out(i) = a(i) - b(i); });
}

void multiply_by_spectrum(const Vector& v, const Vector& l) {
  for_each(
      "theory::spectrum", static_cast<Index>(v.extent(0)), KOKKOS_LAMBDA(const Index i) { v(i) *= l(i); });
}
void multiply_by_root(const Vector& v, const Vector& l) {
  for_each(
      "theory::root", static_cast<Index>(v.extent(0)),
      KOKKOS_LAMBDA(const Index i) { v(i) *= static_cast<Scalar>(std::sqrt(static_cast<double>(l(i)))); });
}
void divide_by_root(const Vector& v, const Vector& l) {
  for_each(
      "theory::divide", static_cast<Index>(v.extent(0)),
      KOKKOS_LAMBDA(const Index i) { v(i) /= static_cast<Scalar>(std::sqrt(static_cast<double>(l(i)))); });
}

}  // namespace velo::theory
