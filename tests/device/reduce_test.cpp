#include "harness/device/reduce.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "harness/device/random.hpp"
#include "results/text.hpp"
#include "tests/support/self_run.hpp"

using namespace velo;

namespace {

Vector random_vector(Index n, std::uint64_t salt) {
  const Vector v("v", static_cast<std::size_t>(n));
  fill_normal(RandomStream(7, Purpose::algorithm).fork(salt), 0.0, 1.0, v);
  return v;
}

auto on_host(const Vector& v) { return Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), v); }

// The definition, written out: lanes in order, then pairs at distance 1, 2, 4, ...
double reference_sum(const std::vector<double>& x) {
  std::vector<double> chunks;
  for (std::size_t begin = 0; begin < x.size(); begin += 4096) {
    std::vector<double> lane(16, 0.0);
    for (std::size_t i = begin; i < std::min(begin + 4096, x.size()); ++i) lane[(i - begin) % 16] += x[i];
    for (std::size_t d = 1; d < 16; d *= 2)
      for (std::size_t l = 0; l < 16; l += 2 * d) lane[l] += lane[l + d];
    chunks.push_back(lane[0]);
  }
  for (std::size_t d = 1; d < chunks.size(); d *= 2)
    for (std::size_t c = 0; c + d < chunks.size(); c += 2 * d) chunks[c] += chunks[c + d];
  return chunks.empty() ? 0.0 : chunks[0];
}

ParameterLayout layout_of(const std::vector<Index>& sizes) {
  ParameterLayout layout;
  for (std::size_t b = 0; b < sizes.size(); ++b) {
    ParameterBlock block;
    block.name = cat("block", b);
    block.shape = {sizes[b]};
    layout.add(block);
  }
  return layout;
}

}  // namespace

TEST_CASE("a sum has the bits of the documented tree") {
  Reduction reduction;
  for (const Index n : {0, 1, 15, 16, 17, 4095, 4096, 4097, 12289, 16384, 16385, 100003, 1000000}) {
    const Vector x = random_vector(n, 1), y = random_vector(n, 2);
    const auto hx = on_host(x), hy = on_host(y);
    std::vector<double> values, products;
    for (Index i = 0; i < n; ++i) {
      values.push_back(static_cast<double>(hx(i)));
      products.push_back(static_cast<double>(hx(i)) * static_cast<double>(hy(i)));
    }

    CHECK(reduction.sum(x) == reference_sum(values));
    CHECK(reduction.dot(x, y) == reference_sum(products));
    CHECK(reduction.squared_norm(x) == reduction.dot(x, x));
  }
}

TEST_CASE("a sum is as accurate as the header says") {
  const Index n = 1000000;
  const Vector x = random_vector(n, 3);
  const auto hx = on_host(x);
  long double exact = 0.0L, magnitude = 0.0L;
  for (Index i = 0; i < n; ++i) exact += hx(i), magnitude += std::abs(static_cast<long double>(hx(i)));

  // 256 additions per lane, 4 levels of lanes, 8 of chunks.
  const double bound = (256 + 4 + 8) * 0x1p-53 * static_cast<double>(magnitude);
  CHECK(std::abs(Reduction().sum(x) - static_cast<double>(exact)) <= bound);
}

TEST_CASE("the largest magnitude is found wherever it is") {
  Reduction reduction;
  for (const Index n : {1, 17, 4097, 50000}) {
    for (const Index where : {Index{0}, n / 2, n - 1}) {
      const Vector x = random_vector(n, 4);
      const auto host = on_host(x);
      host(where) = Scalar(-77.5);
      Kokkos::deep_copy(x, host);
      CHECK(reduction.max_abs(x) == 77.5);
    }
  }
  CHECK(reduction.max_abs(Vector("empty", 0)) == 0.0);
}

TEST_CASE("NaN and infinity are never lost") {
  Reduction reduction;
  const Vector x = random_vector(20000, 5);
  const auto host = on_host(x);
  host(123) = -std::numeric_limits<Scalar>::infinity();
  Kokkos::deep_copy(x, host);
  CHECK(reduction.max_abs(x) == std::numeric_limits<double>::infinity());
  CHECK(reduction.sum(x) == -std::numeric_limits<double>::infinity());

  host(19999) = -std::numeric_limits<Scalar>::quiet_NaN();
  Kokkos::deep_copy(x, host);
  CHECK(std::isnan(reduction.max_abs(x)));
  CHECK(std::isnan(reduction.squared_norm(x)));
}

TEST_CASE("every block of a layout has the bits of a reduction over it alone") {
  const ParameterLayout layout = layout_of({1, 4096, 5000, 16, 100000, 3});
  const Vector x = random_vector(layout.size(), 6), y = random_vector(layout.size(), 7);
  BlockReduction blocks(layout);
  Reduction flat;

  for (std::size_t b = 0; b < layout.blocks().size(); ++b) {
    const auto block = static_cast<Index>(b);
    const Vector part_x = layout.part(block, x), part_y = layout.part(block, y);
    CHECK(blocks.sum(x)[b] == flat.sum(part_x));
    CHECK(blocks.dot(x, y)[b] == flat.dot(part_x, part_y));
    CHECK(blocks.squared_norm(x)[b] == flat.squared_norm(part_x));
    CHECK(blocks.max_abs(x)[b] == flat.max_abs(part_x));
  }
}

TEST_CASE("any function of the position can be summed in one pass") {
  const Index n = 30000;
  const Vector x = random_vector(n, 8), y = random_vector(n, 9);
  Reduction reduction;
  const double fused = reduction.sum(
      "test", n, KOKKOS_LAMBDA(const Index i) {
        const double d = static_cast<double>(x(i)) - static_cast<double>(y(i));
        return d * d;
      });

  // Expanding the square costs cancellation of the three sums: 300 additions each, as above.
  const double expanded = reduction.squared_norm(x) - 2 * reduction.dot(x, y) + reduction.squared_norm(y);
  CHECK_THAT(fused, Catch::Matchers::WithinRel(expanded, 4 * 300 * 0x1p-53 * 2));
}

TEST_CASE("lengths that differ are a programming error") {
  CHECK_THROWS_AS(Reduction().dot(Vector("a", 3), Vector("b", 4)), std::logic_error);
  CHECK_THROWS_AS(BlockReduction(layout_of({3})).sum(Vector("a", 4)), std::logic_error);
}

TEST_CASE("print reduced bits", "[.]") {
  const ParameterLayout layout = layout_of({20000, 7, 300000});
  const Vector x = random_vector(layout.size(), 10);
  Reduction reduction;
  BlockReduction blocks(layout);
  std::string text = cat(reduction.sum(x), " ", reduction.squared_norm(x), " ", reduction.max_abs(x));
  for (const double v : blocks.squared_norm(x)) text += cat(" ", v);
  test::tell_parent(text);
}

TEST_CASE("1, 2 and 7 threads reduce to the same bits") {
  const std::string one = test::run_self("print reduced bits", 1);
  CHECK(test::run_self("print reduced bits", 2) == one);
  CHECK(test::run_self("print reduced bits", 7) == one);
}
