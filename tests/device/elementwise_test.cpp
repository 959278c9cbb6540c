#include "harness/device/elementwise.hpp"
#include "harness/device/memory.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace velo;

namespace {

auto on_host(const Vector& v) { return Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), v); }

// Sizes around the chunk and the serial limit.
const Index sizes[] = {0, 1, 4095, 4096, 16383, 16384, 16385, 20480, 100003};

}  // namespace

TEST_CASE("for_each visits every position once, whatever the size") {
  for (const Index n : sizes) {
    const Vector count("count", static_cast<std::size_t>(n));
    for_each(
        "test", n, KOKKOS_LAMBDA(const Index i) { count(i) += Scalar(1 + i % 3); });
    const auto host = on_host(count);
    bool right = true;
    for (Index i = 0; i < n; ++i) right = right && host(i) == Scalar(1 + i % 3);
    CHECK(right);
  }
}

TEST_CASE("fill, copy, scale and axpy do what their formulas say") {
  for (const Index n : sizes) {
    const Vector x("x", static_cast<std::size_t>(n)), y("y", static_cast<std::size_t>(n));
    fill(x, 3.0);
    copy(x, y);
    scale(y, 0.5);
    axpy(-2.0, x, y);
    const auto hx = on_host(x), hy = on_host(y);
    bool right = true;
    for (Index i = 0; i < n; ++i) right = right && hx(i) == Scalar(3) && hy(i) == Scalar(-4.5);
    CHECK(right);
  }
}

TEST_CASE("new vectors are zero everywhere, longer ones than a huge page too") {
  for (const Index n : {Index{0}, Index{1}, Index{3} << 20}) {
    const Vector v = zeros("v", n);
    const auto host = on_host(v);
    bool zero = v.extent(0) == static_cast<std::size_t>(n);
    for (Index i = 0; i < n; ++i) zero = zero && host(i) == Scalar(0);
    CHECK(zero);
  }
}

TEST_CASE("vectors of different length are a programming error") {
  CHECK_THROWS_AS(copy(Vector("a", 3), Vector("b", 4)), std::logic_error);
  CHECK_THROWS_AS(axpy(1.0, Vector("a", 5), Vector("b", 4)), std::logic_error);
}
