#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>

#include "tests/algorithms/quantised_reference.hpp"

namespace velo {
namespace {

using test::component;
using test::Rider;

constexpr double half_ulp = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

test::Settings settings(Index block_size, const char* decay) {
  return {{"lr", Schedule(0.01)},
          {"beta2", Schedule(0.99)},
          {"weight_decay", Schedule(0.1)},
          {"block_size", block_size},
          {"decay", std::string(decay)}};
}

/// How many of the code book's numbers a kernel turns into which code.
std::vector<int> codes_on_device(CodeSign sign, const std::vector<double>& values) {
  const CodeTable table(sign);
  const CodeBook book = table.book();
  const Vector in = test::to_device(values);
  const Vector out("codes", values.size());
  const Scalar* const from = in.data();
  Scalar* const to = out.data();
  for_each(
      "codes", static_cast<Index>(values.size()),
      KOKKOS_LAMBDA(const Index i) { to[i] = static_cast<Scalar>(book.quantise(from[i])); });
  Kokkos::fence();
  std::vector<int> codes;
  for (const double code : test::to_host(out)) codes.push_back(static_cast<int>(code));
  return codes;
}

TEST_CASE("a code book has 256 ascending values with 0 and 1 among them, as the tree has it") {
  for (const bool with_sign : {true, false}) {
    const std::vector<double> book = dynamic_tree(with_sign ? CodeSign::both : CodeSign::positive);
    REQUIRE(book.size() == 256);
    CHECK(std::is_sorted(book.begin(), book.end()));
    CHECK(std::set<double>(book.begin(), book.end()).size() == 256);
    CHECK(std::count(book.begin(), book.end(), 0.0) == 1);
    CHECK(book.back() == 1.0);
    CHECK((book.front() < 0.0) == with_sign);
    const std::vector<Scalar> tree = test::reference_book(with_sign);
    // Up to 128 additions of a step build the tree's values.
    for (std::size_t c = 0; c < 256; ++c)
      CHECK(std::abs(book[c] - tree[c]) <= half_ulp * std::abs(book[c]) + 128 * 0x1p-53);
  }
}

TEST_CASE("quantising what a code stands for gives the code back, and in between the nearer one") {
  for (const CodeSign sign : {CodeSign::both, CodeSign::positive}) {
    const std::vector<double> book = dynamic_tree(sign);
    std::vector<Scalar> rounded(256);
    for (std::size_t c = 0; c < 256; ++c) rounded[c] = static_cast<Scalar>(book[c]);
    const std::vector<int> codes = codes_on_device(sign, book);
    for (int c = 0; c < 256; ++c) CHECK(codes[static_cast<std::size_t>(c)] == c);

    std::vector<double> probes;
    for (std::size_t c = 0; c + 1 < 256; ++c) {
      const auto middle = static_cast<Scalar>(0.5 * (static_cast<double>(rounded[c]) + rounded[c + 1]));
      for (const Scalar x : {std::nextafter(middle, rounded[c]), middle, std::nextafter(middle, rounded[c + 1])})
        probes.push_back(x);
    }
    for (std::uint64_t i = 0; i < 2000; ++i) probes.push_back(static_cast<Scalar>(test::scattered(3, i)));
    const std::vector<int> found = codes_on_device(sign, probes);
    for (std::size_t i = 0; i < probes.size(); ++i)
      CHECK(found[i] == test::nearest_code(rounded, static_cast<Scalar>(probes[i])));
  }
}

TEST_CASE("what is stored differs from the value by at most half the widest gap times the largest") {
  for (const bool with_sign : {true, false}) {
    const std::vector<Scalar> book = test::reference_book(with_sign);
    std::vector<Scalar> values(5000);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = test::scattered(4, i) * std::pow(10.0, -5.0 * std::abs(test::scattered(5, i)));
      values[i] = static_cast<Scalar>(with_sign ? x : std::abs(x));
    }
    std::vector<double> normalised;
    Scalar largest = 0;
    for (const Scalar x : values) largest = std::max(largest, std::abs(x));
    for (const Scalar x : values) normalised.push_back(x / largest);
    const std::vector<int> codes = codes_on_device(with_sign ? CodeSign::both : CodeSign::positive, normalised);
    // The widest gap is a step of the top decade; of that half, and three roundings.
    const double half_gap = 0.45 / (with_sign ? 64 : 128);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double back = static_cast<double>(largest) * book[static_cast<std::size_t>(codes[i])];
      CHECK(std::abs(back - values[i]) <= (half_gap + 3 * half_ulp) * largest);
    }
  }
}

TEST_CASE("adam_8bit follows a scalar loop that stores its averages block by block") {
  const ParameterLayout layout = test::quantised_layout();
  const std::vector<Scalar> both = test::reference_book(true), positive = test::reference_book(false);
  const auto size = static_cast<std::size_t>(layout.size());
  for (const Index block_size : {Index{2048}, Index{256}}) {
    for (const bool coupled : {false, true}) {
      test::GivenGradients oracle(layout, [&](std::int64_t step) { return test::uneven_gradient(layout, step); });
      Rider rider(component("adam_8bit", settings(block_size, coupled ? "coupled" : "decoupled")), layout);
      rider.start(oracle);

      const auto decay = static_cast<Scalar>(coupled ? 0.1 : 0.0);
      const auto b1 = static_cast<Scalar>(0.9), b2 = static_cast<Scalar>(0.99);
      const auto r1 = static_cast<Scalar>(1.0 - 0.9), r2 = static_cast<Scalar>(1.0 - 0.99);
      const auto keep = static_cast<Scalar>(coupled ? 1.0 : 1.0 - 0.01 * 0.1);
      std::vector<Scalar> x(size), m(size), v(size);
      const std::vector<double> start = test::initial_params(layout);
      for (std::size_t i = 0; i < size; ++i) x[i] = static_cast<Scalar>(start[i]);
      double product1 = 1.0, product2 = 1.0;
      for (int t = 1; t <= 20; ++t) {
        const std::vector<double> gradient = oracle.gradients(t);
        rider.step(oracle, t);
        product1 *= 0.9;
        product2 *= 0.99;
        const auto step = static_cast<Scalar>(0.01 / (1.0 - product1));
        const auto root = static_cast<Scalar>(1.0 / std::sqrt(1.0 - product2));
        for (std::size_t i = 0; i < size; ++i) {
          const Scalar g = static_cast<Scalar>(gradient[i]) + decay * x[i];
          m[i] = b1 * m[i] + r1 * g;
          v[i] = b2 * v[i] + r2 * g * g;
          x[i] = keep * x[i] - step * m[i] / (std::sqrt(v[i]) * root + static_cast<Scalar>(1e-8));
        }
        test::store_and_read(m, layout, block_size, both);
        test::store_and_read(v, layout, block_size, positive);
        REQUIRE(rider.params() == std::vector<double>(x.begin(), x.end()));
      }
    }
  }
}

TEST_CASE("adam_8bit is adam where every layer is below min_quantised_size, and is not where one is above") {
  const ParameterLayout layout = test::quantised_layout();
  const auto trajectory = [&](const Component& algorithm) {
    test::GivenGradients oracle(layout);
    Rider rider(algorithm, layout);
    rider.start(oracle);
    rider.steps(oracle, 1, 20);
    return rider.params();
  };
  test::Settings small = settings(2048, "coupled");
  small.emplace_back("min_quantised_size", Index{5000});
  const std::vector<double> adam = trajectory(
      component("adam", {{"lr", Schedule(0.01)}, {"beta2", Schedule(0.99)}, {"weight_decay", Schedule(0.1)}}));
  CHECK(trajectory(component("adam_8bit", small)) == adam);
  const std::vector<double> quantised = trajectory(component("adam_8bit", settings(2048, "coupled")));
  for (const ParameterBlock& layer : layout.blocks()) {
    const auto begin = layer.offset, end = layer.offset + layer.size();
    CHECK(std::equal(adam.begin() + begin, adam.begin() + end, quantised.begin() + begin) != test::is_quantised(layer));
  }
}

TEST_CASE("adam_8bit keeps two bytes per parameter and two values per 2048 of a large model, a quarter of adam's") {
  ParameterLayout layout;
  layout.add({.name = "weight", .kind = ParameterKind::weight, .shape = {1000, 1000}});
  // Too small to be quantised.
  layout.add({.name = "bias", .kind = ParameterKind::bias, .shape = {1000}});
  CHECK(test::state_bytes("adam_8bit", {}, layout) ==
        test::bytes_of({.values = 2 * (489 + 1000), .bytes = 2 * 1000000, .numbers = 2}, layout));
  CHECK(test::state_bytes("adam", {}, layout) == test::bytes_of({.per_parameter = 2, .numbers = 2}, layout));
}

TEST_CASE("resuming quantised adam at any step equals running through") {
  const ParameterLayout layout = test::quantised_layout();
  test::GivenGradients oracle(layout);
  Rider through(component("adam_8bit"), layout), first(component("adam_8bit"), layout);
  through.start(oracle);
  first.start(oracle);
  through.steps(oracle, 1, 8);
  first.steps(oracle, 1, 5);
  Rider second(component("adam_8bit"), layout);
  second.resume_from(first);
  second.steps(oracle, 6, 8);
  CHECK(second.params() == through.params());
}

TEST_CASE("huge, denormal and infinite neighbours leave quantised parameters finite") {
  const ParameterLayout layout = test::quantised_layout();
  for (const double size : {1e30, 3e38, 1e-40, -1e-45}) {
    // One element of each block alone is of that size, the others are ordinary, or all are.
    for (const std::size_t every : {std::size_t{1}, std::size_t{1000}}) {
      INFO(size << " in every " << every);
      test::GivenGradients oracle(layout, [&](std::int64_t step) {
        std::vector<double> gradient = test::uneven_gradient(layout, step);
        for (std::size_t i = 0; i < gradient.size(); i += every) gradient[i] = size;
        return gradient;
      });
      for (const char* name : {"adam_8bit", "momentum_8bit"}) {
        Rider rider(component(name), layout);
        rider.start(oracle);
        rider.steps(oracle, 1, 12);
        const std::vector<double> params = rider.params();
        const bool overflows = size > 1e38 && std::string(name) == "momentum_8bit";
        if (!overflows) CHECK(std::all_of(params.begin(), params.end(), [](double x) { return std::isfinite(x); }));
      }
    }
  }
}

}  // namespace
}  // namespace velo
