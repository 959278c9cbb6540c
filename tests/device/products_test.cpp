// The fast products and convolutions of this build (float) against plain ones.
//
// Tolerance. A sum of n random terms below one has partial sums of size sqrt(n), each rounded with a relative error of
// 2^-24; n such errors of random sign add up to sqrt(n) sqrt(n) 2^-24 = n 2^-24. Four times that is allowed.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <vector>

#include "harness/device/blas.hpp"
#include "harness/device/convolution.hpp"
#include "harness/device/image_columns.hpp"
#include "harness/device/random.hpp"
#include "harness/device/thin_convolution.hpp"

namespace velo {
namespace {

std::vector<Scalar> noise(Index size, std::uint64_t seed) {
  std::vector<Scalar> out(static_cast<std::size_t>(size));
  const RandomStream stream(seed, Purpose::workload);
  for (Index i = 0; i < size; ++i)
    out[static_cast<std::size_t>(i)] = 2 * stream.uniform(static_cast<std::uint64_t>(i)) - 1;
  return out;
}

void check_close(const std::vector<Scalar>& a, const std::vector<Scalar>& b, double terms) {
  REQUIRE(a.size() == b.size());
  const double tolerance = 4 * terms * 0x1p-24;
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("element " << i << ": " << a[i] << " and " << b[i]);
    REQUIRE(std::abs(static_cast<double>(a[i]) - b[i]) <= tolerance);
  }
}

TEST_CASE("a planned convolution equals the plain one, blocked or not, with last partial batches") {
  struct Case {
    Index in, out;
    bool blocked;  ///< as an earlier convolution leaves its output on this machine; else channels last
  };
  const Case c = GENERATE(Case{1, 16, false}, Case{1, 6, false}, Case{3, 8, false}, Case{16, 16, true},
                          Case{16, 32, true}, Case{32, 48, true}, Case{24, 48, false}, Case{8, 16, false});
  const Index kernel = GENERATE(3, 5), stride = GENERATE(1, 2);
  const ConvolutionForm form{.examples = 3,
                             .in_channels = c.in,
                             .in_block = c.blocked ? convolution_output_block(1, 1, c.in) : c.in,
                             .height = 14,
                             .width = 12,
                             .out_channels = c.out,
                             .kernel = kernel,
                             .stride = stride,
                             .padding = kernel / 2,
                             .bias = true,
                             .relu = true};
  const Convolution fast(form);
  ImageColumns plain(form);
  const Index patch = c.in * kernel * kernel, positions = form.out_shape().size() / c.out;
  const auto x = noise(form.in_shape().size(), 1), w = noise(c.out * patch, 2), b = noise(c.out, 3);
  auto y = noise(form.out_shape().size(), 4), y2 = y;
  fast.forward(x.data(), w.data(), b.data(), y.data());
  plain.forward(x.data(), w.data(), b.data(), y2.data());
  check_close(y, y2, static_cast<double>(patch));

  const auto dy = noise(form.out_shape().size(), 5);
  auto dx = noise(form.in_shape().size(), 6), dx2 = dx, dw = noise(c.out * patch, 7), dw2 = dw, db = b, db2 = b;
  fast.backward_input(dy.data(), w.data(), dx.data());
  plain.backward_input(dy.data(), w.data(), dx2.data());
  check_close(dx, dx2, static_cast<double>(c.out * kernel * kernel));
  fast.backward_weight(x.data(), dy.data(), dw.data(), db.data());
  plain.backward_weight(x.data(), dy.data(), dw2.data(), db2.data());
  check_close(dw, dw2, static_cast<double>(positions));
  check_close(db, db2, static_cast<double>(positions));
}

TEST_CASE("the fused first layer equals convolution, ReLU and pooling one after another") {
  const Index kernel = GENERATE(3, 5), channels = GENERATE(16, 32), examples = GENERATE(1, 19);
  const bool relu = GENERATE(true, false);
  const ThinConvolutionForm thin{.examples = examples,
                                 .height = 12,
                                 .width = 10,
                                 .out_channels = channels,
                                 .kernel = kernel,
                                 .padding = kernel / 2,
                                 .relu = relu};
  REQUIRE(thin_convolution_fits(thin));
  const ConvolutionForm form{.examples = examples,
                             .in_channels = 1,
                             .in_block = 1,
                             .height = 12,
                             .width = 10,
                             .out_channels = channels,
                             .kernel = kernel,
                             .padding = kernel / 2,
                             .bias = true,
                             .relu = relu};
  const auto x = noise(examples * 120, 1), w = noise(channels * kernel * kernel, 2), b = noise(channels, 3);
  const Shape full = form.out_shape();
  const Index block = full[4];
  const auto z_at = [&](Index n, Index c, Index i, Index j) {
    return static_cast<std::size_t>((((n * full[1] + c / block) * 12 + i) * 10 + j) * block + c % block);
  };
  const auto y_at = [&](Index n, Index c, Index i, Index j) {
    constexpr Index b = ThinConvolutionForm::block;
    return static_cast<std::size_t>((((n * channels / b + c / b) * 6 + i) * 5 + j) * b + c % b);
  };
  ImageColumns plain(form);
  std::vector<Scalar> z(static_cast<std::size_t>(full.size()));
  plain.forward(x.data(), w.data(), b.data(), z.data());

  std::vector<Scalar> y(z.size() / 4), y2(y.size());
  std::vector<std::uint8_t> places(y.size());
  thin_convolution(thin, x.data(), w.data(), b.data(), y.data(), places.data());
  const auto dy = noise(static_cast<Index>(y.size()), 5);
  std::vector<Scalar> dz(z.size(), 0);
  for (Index n = 0; n < examples; ++n)
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < 6; ++i)
        for (Index j = 0; j < 5; ++j) {
          std::size_t best = z_at(n, c, 2 * i, 2 * j);
          for (const std::size_t other :
               {z_at(n, c, 2 * i, 2 * j + 1), z_at(n, c, 2 * i + 1, 2 * j), z_at(n, c, 2 * i + 1, 2 * j + 1)})
            if (z[other] > z[best]) best = other;
          y2[y_at(n, c, i, j)] = z[best];
          if (!relu || z[best] > 0) dz[best] = dy[y_at(n, c, i, j)];
        }
  const auto patch = static_cast<double>(kernel * kernel);
  check_close(y, y2, patch);

  auto dw = w, dw2 = w, db = b, db2 = b;
  std::vector<Scalar> workspace(static_cast<std::size_t>(thin_convolution_workspace(thin)));
  thin_convolution_backward(thin, x.data(), dy.data(), places.data(), dw.data(), db.data(), workspace.data());
  plain.backward_weight(x.data(), dz.data(), dw2.data(), db2.data());
  check_close(dw, dw2, static_cast<double>(examples * 30));
  check_close(db, db2, static_cast<double>(examples * 30));
}

TEST_CASE("a planned product equals three loops, in every form") {
  const bool ta = GENERATE(false, true), tb = GENERATE(false, true);
  const bool bias = GENERATE(false, true), relu = GENERATE(false, true);
  const bool accumulate = !bias && !relu;
  const Index m = 9, n = 17, k = 33;
  const auto a = noise(m * k, 1), b = noise(k * n, 2), start = noise(m * n, 3), beta = noise(n, 4);
  auto c = start, expected = start;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      double sum = accumulate ? start[static_cast<std::size_t>(i * n + j)] : 0;
      for (Index t = 0; t < k; ++t)
        sum += static_cast<double>(a[static_cast<std::size_t>(ta ? t * m + i : i * k + t)]) *
               static_cast<double>(b[static_cast<std::size_t>(tb ? j * k + t : t * n + j)]);
      if (bias) sum += beta[static_cast<std::size_t>(j)];
      expected[static_cast<std::size_t>(i * n + j)] = static_cast<Scalar>(relu ? std::max(sum, 0.0) : sum);
    }
  Product product({.rows = m,
                   .columns = n,
                   .inner = k,
                   .transpose_a = ta,
                   .transpose_b = tb,
                   .accumulate = accumulate,
                   .bias = bias,
                   .relu = relu});
  product(a.data(), b.data(), c.data(), beta.data());
  check_close(c, expected, static_cast<double>(k));
}

}  // namespace
}  // namespace velo
