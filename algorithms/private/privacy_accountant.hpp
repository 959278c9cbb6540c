// algorithms/private/privacy_accountant.hpp
//
// What a sequence of noisy sums gives away about any one example (differential privacy, neighbours by adding or removing
// one): the moments accountant, in its Renyi form. Host C++; all numbers are double.
//
//   release    sum over a random subset, which holds each example with probability q, of vectors no longer than C, plus
//              Gaussian noise of deviation sigma C in every coordinate
//   order a    its Renyi divergence is  log(A) / (a - 1),
//                A = sum over k of binomial(a, k) (1 - q)^(a - k) q^k exp(k (k - 1) / (2 sigma^2))
//              for integer a (Mironov, Talwar, Zhang, "Renyi differential privacy of the sampled Gaussian mechanism",
//              arXiv:1908.10530, section 3.3); a / (2 sigma^2) for q = 1. Divergences of a sequence of releases add up
//   epsilon    at a given delta: the smallest over a of  divergence + log(1 - 1/a) - log(delta a) / (a - 1), at least 0
//              (Canonne, Kamath, Steinke, NeurIPS 2020, arXiv:2004.00010, Proposition 12)
//
// Orders are the integers 2 ... 64, 80, 96, 128, 192, 256, 512: fewer orders mean a larger epsilon, never a wrong one.
// What orders between 1 and 2 would give matters where epsilon is far above 10.
#pragma once

#include <cstdint>
#include <vector>

namespace velo {

/// Renyi divergence of one release at an integer order >= 2. `rate` q in [0, 1], `noise_multiplier` sigma > 0.
[[nodiscard]] double sampled_gaussian_divergence(double rate, double noise_multiplier, std::int64_t order);

class PrivacyAccountant {
 public:
  PrivacyAccountant(double rate, double noise_multiplier);

  /// After so many releases; `delta` in (0, 1).
  [[nodiscard]] double epsilon(std::int64_t releases, double delta) const;
  /// The order that gives it.
  [[nodiscard]] std::int64_t order(std::int64_t releases, double delta) const;

 private:
  struct Best {
    double epsilon;
    std::int64_t order;
  };
  [[nodiscard]] Best best(std::int64_t releases, double delta) const;

  std::vector<std::int64_t> orders_;
  std::vector<double> divergences_;  ///< of one release, per order
};

}  // namespace velo
