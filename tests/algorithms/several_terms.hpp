// tests/algorithms/several_terms.hpp
//
// A loss of several terms, whose gradients are scattered and of different size, or a test's own.
#pragma once

#include "tests/algorithms/given_gradients.hpp"

namespace velo::test {

class SeveralTerms : public GivenGradients {
 public:
  SeveralTerms(const ParameterLayout& layout, Index terms) : GivenGradients(layout), terms_(terms) {}

  /// Term k's gradient at a step, in (-2^-k, 2^-k).
  [[nodiscard]] virtual std::vector<double> term(std::int64_t step, Index k) const {
    std::vector<double> out(static_cast<std::size_t>(layout().size()));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = std::ldexp(scattered(static_cast<std::uint64_t>(100 * (k + 1) + step), i), static_cast<int>(-k));
    return out;
  }

  [[nodiscard]] Index loss_terms() const override { return terms_; }
  double gradient(Vector out, const Query& query) override {
    asked.push_back(query);
    if (!query.loss_term) throw std::logic_error("the gradient of the sum");
    Kokkos::deep_copy(out, to_device(term(progress().step, *query.loss_term)));
    return 1.0 + static_cast<double>(*query.loss_term);
  }

  std::vector<Query> asked;

 private:
  Index terms_;
};

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
inline double norm(const std::vector<double>& a) { return std::sqrt(dot(a, a)); }

/// ConFIG's direction of independent gradients: K w = 1, solved by elimination (K, the cosines, is positive definite,
/// so no pivoting), then scaled to sum_k g_k' u.
inline std::vector<double> conflict_free_direction(const std::vector<std::vector<double>>& g) {
  const std::size_t m = g.size();
  std::vector<std::vector<double>> k(m, std::vector<double>(m + 1, 1.0));
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < m; ++j) k[i][j] = dot(g[i], g[j]) / (norm(g[i]) * norm(g[j]));
  for (std::size_t p = 0; p < m; ++p)
    for (std::size_t i = 0; i < m; ++i) {
      if (i == p) continue;
      const double factor = k[i][p] / k[p][p];
      for (std::size_t j = 0; j <= m; ++j) k[i][j] -= factor * k[p][j];
    }
  std::vector<double> u(g.front().size());
  for (std::size_t p = 0; p < m; ++p)
    for (std::size_t i = 0; i < u.size(); ++i) u[i] += k[p][m] / k[p][p] * g[p][i] / norm(g[p]);
  const double length = norm(u);
  double along = 0.0;
  for (const std::vector<double>& part : g) along += dot(part, u) / length;
  for (double& value : u) value *= along / length;
  return u;
}

}  // namespace velo::test
