#include "harness/device/elementwise.hpp"

#include <stdexcept>

#include "results/text.hpp"

namespace velo {

namespace {

Index common_length(const char* what, const ConstVector& x, const ConstVector& y) {
  if (x.extent(0) != y.extent(0))
    throw std::logic_error(cat(what, " of vectors of length ", x.extent(0), " and ", y.extent(0)));
  return static_cast<Index>(x.extent(0));
}

}  // namespace

void copy(const ConstVector& x, const Vector& y) {
  for_each(
      "velo::copy", common_length("copy", x, y), KOKKOS_LAMBDA(const Index i) { y(i) = x(i); });
}

void fill(const Vector& x, double value) {
  const auto v = static_cast<Scalar>(value);
  for_each(
      "velo::fill", static_cast<Index>(x.extent(0)), KOKKOS_LAMBDA(const Index i) { x(i) = v; });
}

void clear(Scalar* x, Index size) {
  for_each(
      "velo::clear", size, KOKKOS_LAMBDA(const Index i) { x[i] = 0; });
}

void scale(const Vector& x, double a) {
  const auto factor = static_cast<Scalar>(a);
  for_each(
      "velo::scale", static_cast<Index>(x.extent(0)), KOKKOS_LAMBDA(const Index i) { x(i) *= factor; });
}

void axpy(double a, const ConstVector& x, const Vector& y) {
  const auto factor = static_cast<Scalar>(a);
  for_each(
      "velo::axpy", common_length("axpy", x, y), KOKKOS_LAMBDA(const Index i) { y(i) += factor * x(i); });
}

}  // namespace velo
