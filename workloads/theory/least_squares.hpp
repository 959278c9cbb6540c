// workloads/theory/least_squares.hpp
//
// Linear measurements of a vector w with Gaussian rows, and the loss of a batch of them:
//   a_e = diag(deviations) normal(e),   y_e = a_e' w* + noise normal'(e)
//   loss(w) = mean over the batch of (a_e' w - y_e)^2 / 2,   gradient A' r / b,   Hessian A' A / b
// Example e is a pure function of its number. Sets that are small are drawn once and kept.
#pragma once

#include <optional>

#include "harness/device/reduce.hpp"
#include "harness/workload.hpp"

namespace velo::theory {

class LeastSquares {
 public:
  /// `kept`: examples 0 ... kept - 1 are drawn now, and there are no others; 0: every batch is drawn as it comes.
  LeastSquares(const RandomStream& stream, Vector deviations, Vector optimum, double noise, Index kept);

  [[nodiscard]] const Vector& optimum() const { return optimum_; }

  [[nodiscard]] Index kept() const { return kept_; }

  /// Chooses a batch, unless it is chosen already.
  void load(const Batch& batch);
  /// Chooses all examples that are kept.
  void load_all();

  /// Loss of the batch at w; keeps the residuals.
  [[nodiscard]] double loss(const ConstVector& w);
  /// out = A' r / b with the residuals of the last loss().
  void gradient(const Vector& out);
  /// out = A' A direction / b; the residuals are gone.
  void curvature(const ConstVector& direction, const Vector& out);

 private:
  void draw(Index rows);
  void choose(std::span<const Index> examples);
  /// Of the batch in rows_; null: they lie in order.
  [[nodiscard]] const Index* chosen() const { return kept_ > 0 ? chosen_.data() : nullptr; }

  RandomStream rows_stream_, noise_stream_;
  Vector deviations_, optimum_;
  double noise_;
  Index kept_;
  Vector rows_, targets_;  ///< [rows][n], [rows]
  Kokkos::View<Index*, MemorySpace> chosen_;
  Kokkos::View<Index*, Kokkos::HostSpace> staging_;  ///< only where the device's memory is not the host's
  std::vector<Index> all_;
  std::optional<std::uint64_t> loaded_;
  Index batch_ = 0;
  Vector residuals_;
  Reduction reduction_;
};

/// batch_size of a workload with `measurements` examples; 0 stands for all.
[[nodiscard]] ParameterSpec batch_parameter();
/// Its value. Throws Error where it is larger than `measurements`.
[[nodiscard]] Index batch_of(const Parameters& parameters, Index measurements);

}  // namespace velo::theory
