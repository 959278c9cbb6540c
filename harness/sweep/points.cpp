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

}  // namespace

std::vector<double> unit_point(Sampler sampler, std::uint64_t root_seed, std::int64_t study, std::int64_t trial,
                               std::size_t dimensions) {
  const RandomStream stream = branch(root_seed, Branch::points, study);
  const auto index = static_cast<std::uint64_t>(trial);
  std::vector<double> out(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const RandomStream own = stream.fork(d);
    switch (sampler) {
      case Sampler::halton:
        out[d] = scrambled(radical_digits(index, prime(d)), prime(d), own);
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
