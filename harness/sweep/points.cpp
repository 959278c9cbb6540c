#include "harness/sweep/points.hpp"

#include <array>
#include <cmath>
#include <stdexcept>

#include "harness/device/random.hpp"

namespace velo {

namespace {

/// What the streams of the search are forked with, so that seeds and points never share numbers.
enum class Branch : std::uint64_t { trial_seeds = 1, points = 2 };

RandomStream branch(std::uint64_t root_seed, Branch which, std::int64_t study) {
  return RandomStream(root_seed, Purpose::search)
      .fork(static_cast<std::uint64_t>(which))
      .fork(static_cast<std::uint64_t>(study));
}

/// Digit `digit` of base `base` under the random permutation of a node of the scrambling tree (Fisher and Yates).
std::uint64_t permuted(std::uint64_t digit, std::uint64_t base, const RandomStream& node) {
  std::uint64_t position = digit;
  // Follows one element through the shuffle: only swaps that touch it matter.
  for (std::uint64_t i = base - 1; i > 0; --i) {
    const std::uint64_t other = node.below(i, i + 1);
    if (position == i)
      position = other;
    else if (position == other)
      position = i;
  }
  return position;
}

/// 0.d0 d1 d2 ... in `base`, every digit permuted by the node that the digits before it lead to, down to 2^-53.
/// Digits beyond the given ones are zero before the permutation.
double scrambled(const std::vector<std::uint64_t>& digits, std::uint64_t base, RandomStream node) {
  double value = 0.0;
  double weight = 1.0;
  for (std::size_t k = 0; weight > 0x1p-53; ++k) {
    const std::uint64_t digit = k < digits.size() ? digits[k] : 0;
    weight /= static_cast<double>(base);
    value += weight * static_cast<double>(permuted(digit, base, node));
    node = node.fork(digit);
  }
  return std::fmin(value, 1.0 - 0x1p-53);
}

std::uint64_t prime(std::size_t number) {
  std::uint64_t candidate = 1;
  for (std::size_t found = 0; found <= number;) {
    ++candidate;
    bool is_prime = true;
    for (std::uint64_t d = 2; d * d <= candidate; ++d) is_prime = is_prime && candidate % d != 0;
    if (is_prime) ++found;
  }
  return candidate;
}

/// The digits of `index`, least significant first: those of its radical inverse.
std::vector<std::uint64_t> radical_digits(std::uint64_t index, std::uint64_t base) {
  std::vector<std::uint64_t> out;
  for (; index > 0; index /= base) out.push_back(index % base);
  return out;
}

/// Joe and Kuo's numbers for one dimension of the Sobol sequence: a primitive polynomial over GF(2) of degree `degree`
/// whose inner coefficients are the bits of `coefficients`, and the odd integers that start the recurrence.
struct SobolDimension {
  std::uint32_t degree;
  std::uint32_t coefficients;
  std::array<std::uint32_t, 7> first;
};

/// Dimensions 2 to 21 of the set "new-joe-kuo-6", chosen for good two-dimensional projections; dimension 1 is the radical
/// inverse in base 2. S. Joe and F. Y. Kuo, SIAM J. Sci. Comput. 30 (2008) 2635-2654.
constexpr std::array<SobolDimension, most_sobol_dimensions - 1> joe_kuo = {{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
}};

constexpr std::size_t sobol_bits = 32;

/// Direction number k is m_k / 2^k as a 32-bit fraction; m follows the recurrence
///   m_k = 2 a_1 m_(k-1) xor 4 a_2 m_(k-2) xor ... xor 2^s m_(k-s) xor m_(k-s),   s the degree.
std::array<std::uint32_t, sobol_bits> directions(std::size_t dimension) {
  std::array<std::uint32_t, sobol_bits> m{};
  if (dimension == 0) {
    m.fill(1);
  } else {
    const SobolDimension& set = joe_kuo.at(dimension - 1);
    for (std::size_t k = 0; k < sobol_bits; ++k) {
      if (k < set.degree) {
        m[k] = set.first[k];
        continue;
      }
      m[k] = m[k - set.degree] ^ (m[k - set.degree] << set.degree);
      for (std::uint32_t i = 1; i < set.degree; ++i)
        if ((set.coefficients >> (set.degree - 1 - i) & 1u) != 0) m[k] ^= m[k - i] << i;
    }
  }
  std::array<std::uint32_t, sobol_bits> out{};
  for (std::size_t k = 0; k < sobol_bits; ++k) out[k] = m[k] << (sobol_bits - 1 - k);
  return out;
}

/// The binary digits of a coordinate of point `index`, most significant first.
std::vector<std::uint64_t> sobol_digits(std::uint64_t index, std::size_t dimension) {
  const auto direction = directions(dimension);
  std::uint32_t x = 0;
  for (std::size_t k = 0; k < sobol_bits && index != 0; ++k, index >>= 1)
    if ((index & 1u) != 0) x ^= direction[k];
  std::vector<std::uint64_t> out(sobol_bits);
  for (std::size_t k = 0; k < sobol_bits; ++k) out[k] = x >> (sobol_bits - 1 - k) & 1u;
  return out;
}

}  // namespace

std::vector<double> unit_point(Sampler sampler, std::uint64_t root_seed, std::int64_t study, std::int64_t trial,
                               std::size_t dimensions) {
  const RandomStream stream = branch(root_seed, Branch::points, study);
  const auto index = static_cast<std::uint64_t>(trial);
  if (sampler == Sampler::sobol && dimensions > most_sobol_dimensions)
    throw std::logic_error("the Sobol sequence has no such dimension here");
  std::vector<double> out(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const RandomStream own = stream.fork(d);
    switch (sampler) {
      case Sampler::halton:
        out[d] = scrambled(radical_digits(index, prime(d)), prime(d), own);
        break;
      case Sampler::sobol:
        out[d] = scrambled(sobol_digits(index, d), 2, own);
        break;
      case Sampler::random:
        out[d] = own.uniform53(index);
        break;
      default:
        throw std::logic_error("this sampler draws no points");
    }
  }
  return out;
}

std::uint64_t trial_seed(std::uint64_t root_seed, std::int64_t study, std::int64_t trial) {
  return branch(root_seed, Branch::trial_seeds, study).bits(static_cast<std::uint64_t>(trial));
}

}  // namespace velo
