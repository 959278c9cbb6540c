#include "harness/device/random.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "results/text.hpp"
#include "tests/support/self_run.hpp"

using namespace velo;

namespace {

std::string bytes_of(const Vector& v) {
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), v);
  return std::string(reinterpret_cast<const char*>(host.data()), host.size() * sizeof(Scalar));
}

std::vector<double> normals(std::uint64_t n) {
  const RandomStream stream(11, Purpose::algorithm, 3);
  std::vector<double> out(n);
  for (std::uint64_t i = 0; i < n; ++i) out[i] = stream.normal(i);
  return out;
}

double chi_square(const std::vector<std::uint64_t>& counts, double expected) {
  double sum = 0.0;
  for (const std::uint64_t c : counts) sum += (static_cast<double>(c) - expected) * (static_cast<double>(c) - expected);
  return sum / expected;
}

// A chi-square variable with f degrees of freedom has mean f and variance 2 f; six deviations are never seen by chance.
void check_chi_square(const std::vector<std::uint64_t>& counts, double expected) {
  const double freedom = static_cast<double>(counts.size()) - 1.0;
  CHECK(std::abs(chi_square(counts, expected) - freedom) < 6.0 * std::sqrt(2.0 * freedom));
}

}  // namespace

TEST_CASE("Philox gives Random123's published known answers") {
  struct Known {
    std::uint32_t counter[4];
    std::uint64_t key;
    std::array<std::uint32_t, 4> answer;
  };
  const Known known[] = {
      {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       0xffffffffffffffff,
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       0x299f31d0a4093822,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };

  for (const Known& k : known) {
    const PhiloxBlock block = philox(k.key, k.counter);
    CHECK(std::equal(block.word, block.word + 4, k.answer.begin()));
  }
}

TEST_CASE("streams of different purpose, step or index never share a block") {
  std::set<std::array<std::uint32_t, 4>> seen;
  std::size_t drawn = 0;
  for (int purpose = 1; purpose <= 8; ++purpose)
    for (const std::uint64_t step : {0ull, 1ull, 0xffffffffull, 0x100000000ull, 0xffffffffffffull})
      for (const std::uint64_t index : {0ull, 1ull, 0xffffffffull, 0x100000000ull}) {
        const PhiloxBlock b = RandomStream(5, static_cast<Purpose>(purpose), step).block(index);
        seen.insert({b.word[0], b.word[1], b.word[2], b.word[3]});
        ++drawn;
      }

  CHECK(seen.size() == drawn);
}

TEST_CASE("forks differ from each other and from their stream, and keep the purpose") {
  const RandomStream base(5, Purpose::dropout, 2);
  std::set<std::uint64_t> first = {base.bits(0)};
  for (std::uint64_t salt = 0; salt < 1000; ++salt) first.insert(base.fork(salt).bits(0));

  CHECK(first.size() == 1001);
  CHECK(base.fork(1).bits(0) != RandomStream(5, Purpose::algorithm, 2).fork(1).bits(0));
  CHECK(base.fork(1).bits(7) == base.at_step(9).fork(1).at_step(2).bits(7));
}

TEST_CASE("uniforms fill [0, 1) evenly") {
  const RandomStream stream(1, Purpose::initialisation);
  const std::uint64_t n = 1 << 18;
  std::vector<std::uint64_t> coarse(256), fine(256);
  for (std::uint64_t i = 0; i < n; ++i) {
    const float u = stream.uniform(i);
    const double w = stream.uniform53(i);
    REQUIRE((u >= 0.0f && u < 1.0f && w >= 0.0 && w < 1.0));
    ++coarse[static_cast<std::size_t>(u * 256.0f)];
    ++fine[static_cast<std::size_t>(w * 256.0)];
  }

  check_chi_square(coarse, n / 256.0);
  check_chi_square(fine, n / 256.0);
}

TEST_CASE("bounded integers are even and stay below their bound") {
  __extension__ using Wide = unsigned __int128;
  const RandomStream stream(2, Purpose::search);
  std::vector<std::uint64_t> counts(7);
  for (std::uint64_t i = 0; i < 70000; ++i) ++counts.at(stream.below(i, 7));
  check_chi_square(counts, 10000.0);

  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t bound = 0xfedcba9876543210ull;
    const auto product = static_cast<Wide>(stream.bits(i)) * bound;
    REQUIRE(stream.below(i, bound) == static_cast<std::uint64_t>(product >> 64));
  }
}

TEST_CASE("normals have the moments of the normal distribution") {
  const std::uint64_t n = 1 << 20;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, pairs = 0;
  const std::vector<double> z = normals(n);
  for (std::uint64_t i = 0; i < n; ++i) {
    m1 += z[i], m2 += z[i] * z[i], m3 += z[i] * z[i] * z[i], m4 += z[i] * z[i] * z[i] * z[i];
    if (i % 2 == 0) pairs += z[i] * z[i + 1];
  }

  // Variances of z, z^2, z^3, z^4 are 1, 2, 15, 96; of a product of independent ones 1. Five deviations.
  const double root = std::sqrt(static_cast<double>(n));
  CHECK(std::abs(m1 / n) < 5 * 1.0 / root);
  CHECK(std::abs(m2 / n - 1) < 5 * std::sqrt(2.0) / root);
  CHECK(std::abs(m3 / n) < 5 * std::sqrt(15.0) / root);
  CHECK(std::abs(m4 / n - 3) < 5 * std::sqrt(96.0) / root);
  CHECK(std::abs(pairs / (n / 2)) < 5 * std::sqrt(2.0) / root);
}

TEST_CASE("normals fall evenly into bins of equal probability") {
  const std::uint64_t n = 1 << 18;
  std::vector<std::uint64_t> counts(200);
  for (const double z : normals(n)) {
    const double probability = 0.5 * std::erfc(-z / std::sqrt(2.0));
    ++counts[std::min<std::size_t>(199, static_cast<std::size_t>(probability * 200.0))];
  }
  check_chi_square(counts, n / 200.0);
}

TEST_CASE("the normal transform agrees with the long double library") {
  // Relative to the radius: the logarithm is off by 4 ulp, halved by the square root; the
  // polynomials by 2 ulp of their first term; x is rounded three times, which moves a sine by as many ulp
  // of x; the product adds one. 8 ulp = 16 half-ulps bound the sum.
  const RandomStream stream(3, Purpose::algorithm);
  std::vector<PhiloxBlock> blocks;
  for (std::uint64_t i = 0; i < 100000; ++i) blocks.push_back(stream.block(i));
  for (const std::uint32_t low : {0u, 1u << 11, 7u << 11, 0xffffffffu})  // the far tail
    blocks.push_back({{low, 0, 12345, 678910}});
  for (const std::uint32_t high : {0xffffffffu, 0xfffffffeu, 0x80000000u, 0x7fffffffu})  // radius near zero
    blocks.push_back({{0xffffffff, high, 1, 1u << 30}});
  const long double pi = 3.14159265358979323846264338327950288L;

  double worst = 0.0;
  for (const PhiloxBlock& b : blocks) {
    const NormalPair pair = normal_pair(b);
    const long double u = static_cast<long double>((b.half(0) >> 11) + 1) * 0x1p-53L;
    const long double radius = std::sqrt(-2.0L * std::log(u));
    const std::uint64_t angle = b.half(1);
    const long double turn = static_cast<long double>(angle >> 62) +
                             (static_cast<long double>(angle >> 9 & 0x1fffffffffffffu) * 0x1p-53L - 0.5L);
    if (radius == 0) {
      CHECK((pair.value[0] == 0 && pair.value[1] == 0));
      continue;
    }
    worst = std::max(worst, static_cast<double>(std::abs(pair.value[0] - radius * std::cos(turn * pi / 2)) / radius));
    worst = std::max(worst, static_cast<double>(std::abs(pair.value[1] - radius * std::sin(turn * pi / 2)) / radius));
  }

  CHECK(worst < 16 * 0x1p-53);
  CHECK(normal_pair({{0, 0, 0, 1u << 29}}).value[0] > 8.5);
}

TEST_CASE("fills start anywhere and equal single draws") {
  const RandomStream stream(4, Purpose::initialisation);
  for (const std::uint64_t first : {0, 1, 2, 3, 5}) {
    const Vector uniforms("uniforms", 1001), gauss("gauss", 1001);
    fill_uniform(stream, -2.0, 3.0, uniforms, first);
    fill_normal(stream, 1.0, 0.5, gauss, first);
    const auto u = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), uniforms);
    const auto g = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), gauss);
    bool same = true;
    for (std::uint64_t i = 0; i < 1001; ++i)
      same = same && u(i) == static_cast<Scalar>(-2.0 + 5.0 * static_cast<double>(stream.uniform(first + i))) &&
             g(i) == static_cast<Scalar>(1.0 + 0.5 * stream.normal(first + i));
    CHECK(same);
  }
  fill_normal(stream, 0.0, 1.0, Vector("empty", 0));
}

TEST_CASE("print random bits", "[.]") {
  const RandomStream stream(9, Purpose::algorithm, 1);
  const Vector uniforms("uniforms", 100003), gauss("gauss", 100003);
  fill_uniform(stream, 0.0, 1.0, uniforms);
  fill_normal(stream, 0.0, 1.0, gauss, 1);
  test::tell_parent(sha256(bytes_of(uniforms) + bytes_of(gauss)));
}

TEST_CASE("1, 2 and 7 threads draw the same bits") {
  const std::string one = test::run_self("print random bits", 1);
  CHECK(test::run_self("print random bits", 2) == one);
  CHECK(test::run_self("print random bits", 7) == one);
}

TEST_CASE("a permutation visits every element once") {
  for (const std::uint64_t n : {1, 2, 3, 4, 5, 7, 16, 17, 63, 64, 65, 1000, 4097, 50000, 65536, 65537}) {
    const Permutation permutation(RandomStream(n, Purpose::data_order, 1), n);
    std::vector<bool> seen(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t value = permutation(i);
      REQUIRE(value < n);
      REQUIRE_FALSE(seen[value]);
      seen[value] = true;
    }
  }
}

TEST_CASE("permutations of different epochs are different and leave few elements in place") {
  const Permutation first(RandomStream(1, Purpose::data_order, 1), 50000);
  const Permutation second(RandomStream(1, Purpose::data_order, 2), 50000);
  int fixed = 0, equal = 0;
  for (std::uint64_t i = 0; i < 50000; ++i) {
    fixed += first(i) == i;
    equal += first(i) == second(i);
  }

  // Both counts are Poisson of mean 1: more than 10 has probability 1e-8.
  CHECK(fixed <= 10);
  CHECK(equal <= 10);
}

TEST_CASE("every order of four elements is about equally likely") {
  std::array<int, 4> order{0, 1, 2, 3};
  std::vector<std::array<int, 4>> orders;
  do orders.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  std::vector<std::uint64_t> counts(orders.size());
  const int draws = 24000;
  for (int epoch = 0; epoch < draws; ++epoch) {
    const Permutation permutation(RandomStream(8, Purpose::data_order, static_cast<std::uint64_t>(epoch)), 4);
    std::array<int, 4> drawn;
    for (std::uint64_t i = 0; i < 4; ++i) drawn[i] = static_cast<int>(permutation(i));
    ++counts[static_cast<std::size_t>(std::find(orders.begin(), orders.end(), drawn) - orders.begin())];
  }

  check_chi_square(counts, draws / 24.0);
}

TEST_CASE("neighbours in a permutation are independent") {
  // Pairs of thirds of (p(i), p(i + 1)) over several epochs: nine cells.
  std::vector<std::uint64_t> counts(9);
  const std::uint64_t n = 30000;
  for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
    const Permutation permutation(RandomStream(6, Purpose::data_order, epoch), n);
    for (std::uint64_t i = 0; i + 1 < n; i += 2) ++counts[permutation(i) * 3 / n * 3 + permutation(i + 1) * 3 / n];
  }
  check_chi_square(counts, 4.0 * (n / 2.0) / 9.0);
}
