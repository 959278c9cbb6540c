#include "analysis/rank_interval.hpp"

#include <algorithm>

#include "analysis/distributions.hpp"

namespace velo::analysis {

namespace {

/// The largest k with P(T <= k - 1) <= (1 - level) / 2, given P(T = 0), P(T = 1), ...
std::size_t depth(const std::vector<double>& probability, double level) {
  const double allowed = (1 - level) / 2 * (1 + 1e-12);
  double tail = 0;
  std::size_t k = 0;
  while (k < probability.size() && (tail += probability[k]) <= allowed) ++k;
  return k;
}

/// x - y, where equal infinities differ by nothing.
double difference(double x, double y) { return x == y ? 0 : x - y; }

RankInterval interval_of(std::vector<double> sorted, std::size_t k) {
  std::sort(sorted.begin(), sorted.end());
  RankInterval out{median(sorted), {-not_reached, not_reached}};
  if (k > 0) out.interval = {sorted[k - 1], sorted[sorted.size() - k]};
  return out;
}

}  // namespace

std::size_t sign_depth(std::size_t n, double level) {
  std::vector<double> probability;
  const int count = static_cast<int>(n);
  for (int k = 0; k <= count / 2; ++k) probability.push_back(binomial_probability(k, count, 0.5));
  return depth(probability, level);
}

SignInterval sign_interval(const std::vector<Interval>& values, double level) {
  std::vector<double> low, high;
  for (const Interval& value : values) {
    low.push_back(value.low);
    high.push_back(value.high);
  }
  const std::size_t k = sign_depth(values.size(), level);
  const RankInterval least = interval_of(std::move(low), k), greatest = interval_of(std::move(high), k);
  return {{least.estimate, greatest.estimate},
          {least.interval.low, greatest.interval.high},
          k == 0 ? 0 : 1 - 2 * binomial_cdf(static_cast<int>(k) - 1, static_cast<int>(values.size()), 0.5)};
}

std::size_t signed_rank_depth(std::size_t n, double level) {
  // Rank i is in the sum or not, with probability 1/2 each.
  std::vector<double> probability(n * (n + 1) / 2 + 1, 0.0);
  probability[0] = 1;
  for (std::size_t rank = 1; rank <= n; ++rank) {
    for (std::size_t sum = probability.size(); sum-- > 0;) {
      probability[sum] = (probability[sum] + (sum >= rank ? probability[sum - rank] : 0)) / 2;
    }
  }
  return depth(probability, level);
}

std::size_t rank_sum_depth(std::size_t m, std::size_t n, double level) {
  // P(U = u; i, j) by the sample that the largest of i + j values comes from: i/(i+j) P(u - j; i-1, j) +
  // j/(i+j) P(u; i, j-1) (Mann and Whitney, 1947). Rows j = 0, ..., n of the current i.
  std::vector<std::vector<double>> row(n + 1, std::vector<double>(m * n + 1, 0.0));
  for (auto& start : row) start[0] = 1;
  for (std::size_t i = 1; i <= m; ++i) {
    for (std::size_t j = 1; j <= n; ++j) {
      const auto share = static_cast<double>(i) / static_cast<double>(i + j);
      for (std::size_t u = m * n + 1; u-- > 0;) {
        row[j][u] = share * (u >= j ? row[j][u - j] : 0) + (1 - share) * row[j - 1][u];
      }
    }
  }
  return depth(row[n], level);
}

RankInterval signed_rank_interval(const std::vector<double>& values, double level) {
  std::vector<double> averages;
  averages.reserve(values.size() * (values.size() + 1) / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i; j < values.size(); ++j) averages.push_back(values[i] / 2 + values[j] / 2);
  }
  return interval_of(std::move(averages), signed_rank_depth(values.size(), level));
}

RankInterval rank_sum_interval(const std::vector<double>& a, const std::vector<double>& b, double level) {
  std::vector<double> differences;
  differences.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) differences.push_back(difference(y, x));
  }
  return interval_of(std::move(differences), rank_sum_depth(a.size(), b.size(), level));
}

}  // namespace velo::analysis
