#include "algorithms/transforms/conflict_free_direction.hpp"

#include <algorithm>
#include <cmath>

#include "harness/device/elementwise.hpp"

namespace velo {

namespace {

constexpr double least_eigenvalue = 0x1p-40;  ///< of the largest
constexpr int most_sweeps = 30;

/// Eigenvalues and, in the columns of `vectors`, eigenvectors of a symmetric n x n matrix, which is overwritten: cyclic
/// Jacobi (Golub & Van Loan, "Matrix Computations", 4th ed., algorithm 8.5.3). Quadratic convergence: a few sweeps.
void jacobi(std::size_t n, std::vector<double>& a, std::vector<double>& values, std::vector<double>& vectors) {
  vectors.assign(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1.0;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        off += std::fabs(a[p * n + q]);
        if (a[p * n + q] == 0.0) continue;
        const double tau = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
        const double t = (tau >= 0.0 ? 1.0 : -1.0) / (std::fabs(tau) + std::sqrt(1.0 + tau * tau));
        const double c = 1.0 / std::sqrt(1.0 + t * t), s = t * c;
        const auto rotate = [c, s](double& x, double& y) {
          const double old = x;
          x = c * old - s * y;
          y = s * old + c * y;
        };
        for (std::size_t k = 0; k < n; ++k) rotate(a[k * n + p], a[k * n + q]);
        for (std::size_t k = 0; k < n; ++k) rotate(a[p * n + k], a[q * n + k]);
        for (std::size_t k = 0; k < n; ++k) rotate(vectors[k * n + p], vectors[k * n + q]);
        a[p * n + q] = a[q * n + p] = 0.0;
      }
    if (off == 0.0) break;
  }
  values.resize(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = a[i * n + i];
}

}  // namespace

std::span<const double> ConflictFreeDirection::coefficients(std::span<const Vector> gradients,
                                                            std::span<const double> scales) {
  coefficients_.assign(gradients.size(), 0.0);
  norms_.resize(gradients.size());
  active_.clear();
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    norms_[k] = std::sqrt(reduction_.squared_norm(gradients[k]));
    if (!std::isfinite(norms_[k])) {
      coefficients_.assign(scales.begin(), scales.end());
      return coefficients_;
    }
    if (norms_[k] > 0.0) active_.push_back(static_cast<Index>(k));
  }
  const std::size_t n = active_.size();
  const auto number = [&](std::size_t i) { return static_cast<std::size_t>(active_[i]); };
  cosines_.assign(n * n, 1.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) {
      const double dot = reduction_.dot(gradients[number(i)], gradients[number(j)]);
      cosines_[i * n + j] = cosines_[j * n + i] = dot / norms_[number(i)] / norms_[number(j)];
    }
  const std::vector<double> cosines = cosines_;
  jacobi(n, cosines_, values_, vectors_);

  const double largest = n == 0 ? 0.0 : *std::max_element(values_.begin(), values_.end());
  weights_.assign(n, 0.0);
  for (std::size_t e = 0; e < n; ++e) {
    if (values_[e] <= least_eigenvalue * largest) continue;
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += vectors_[i * n + e];
    for (std::size_t i = 0; i < n; ++i) weights_[i] += vectors_[i * n + e] * sum / values_[e];
  }
  double squared = 0.0, length = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    double agreement = 0.0;
    for (std::size_t j = 0; j < n; ++j) agreement += cosines[i * n + j] * weights_[j];
    squared += weights_[i] * agreement;
    length += scales[number(i)] * norms_[number(i)] * agreement;
  }
  if (!(squared > 0.0)) return coefficients_;
  for (std::size_t i = 0; i < n; ++i) coefficients_[number(i)] = weights_[i] / norms_[number(i)] * length / squared;
  return coefficients_;
}

void combine(std::span<const Vector> gradients, std::span<const double> coefficients, const Vector& out) {
  fill(out, 0.0);
  for (std::size_t k = 0; k < gradients.size(); ++k) axpy(coefficients[k], gradients[k], out);
}

}  // namespace velo
