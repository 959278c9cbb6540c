#include "algorithms/private/privacy_accountant.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace velo {

namespace {

/// log(exp(x) - 1), x > 0
double log_expm1(double x) { return x > 30.0 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x)); }

/// log(1 + exp(x))
double log1p_exp(double x) { return x > 700.0 ? x : std::log1p(std::exp(x)); }

}  // namespace

double sampled_gaussian_divergence(double rate, double noise_multiplier, std::int64_t order) {
  const auto a = static_cast<double>(order);
  const double scale = 0.5 / (noise_multiplier * noise_multiplier);
  if (rate <= 0.0) return 0.0;
  if (rate >= 1.0) return a * scale;
  // The binomial weights sum to 1, so A - 1 is the same sum with exp(...) - 1 in place of exp(...): positive terms, from
  // k = 2 on, and nothing cancels where A is nearly 1.
  const auto log_term = [&](std::int64_t order_of_term) {
    const auto k = static_cast<double>(order_of_term);
    const double binomial = std::lgamma(a + 1.0) - std::lgamma(k + 1.0) - std::lgamma(a - k + 1.0);
    return binomial + (a - k) * std::log1p(-rate) + k * std::log(rate) + log_expm1(k * (k - 1.0) * scale);
  };
  double largest = -std::numeric_limits<double>::infinity();
  for (std::int64_t k = 2; k <= order; ++k) largest = std::max(largest, log_term(k));
  double sum = 0.0;
  for (std::int64_t k = 2; k <= order; ++k) sum += std::exp(log_term(k) - largest);
  return log1p_exp(largest + std::log(sum)) / (a - 1.0);
}

PrivacyAccountant::PrivacyAccountant(double rate, double noise_multiplier) {
  for (std::int64_t order = 2; order <= 64; ++order) orders_.push_back(order);
  orders_.insert(orders_.end(), {80, 96, 128, 192, 256, 512});
  for (const std::int64_t order : orders_)
    divergences_.push_back(sampled_gaussian_divergence(rate, noise_multiplier, order));
}

PrivacyAccountant::Best PrivacyAccountant::best(std::int64_t releases, double delta) const {
  Best out = {std::numeric_limits<double>::infinity(), orders_.front()};
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    const auto a = static_cast<double>(orders_[i]);
    const double divergence = static_cast<double>(releases) * divergences_[i];
    const double epsilon = divergence + std::log1p(-1.0 / a) - std::log(delta * a) / (a - 1.0);
    if (epsilon < out.epsilon) out = {epsilon, orders_[i]};
  }
  out.epsilon = std::max(out.epsilon, 0.0);
  return out;
}

double PrivacyAccountant::epsilon(std::int64_t releases, double delta) const { return best(releases, delta).epsilon; }

std::int64_t PrivacyAccountant::order(std::int64_t releases, double delta) const { return best(releases, delta).order; }

}  // namespace velo
