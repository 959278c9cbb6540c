// workloads/theory/rotation.hpp
//
// An orthogonal matrix of each block of a layout, Q = diag(Q_b): eigenvectors that are no coordinates. Q_b is a product
// of three Householder reflections v <- v - 2 u (u' v) along random directions, so dense, and a product costs 6 n.
#pragma once

#include <vector>

#include "harness/device/reduce.hpp"
#include "harness/layout.hpp"

namespace velo::theory {

class Rotation {
 public:
  /// The identity.
  explicit Rotation(ParameterLayout layout) : layout_(std::move(layout)) {}
  /// Reflection k, over all blocks, is drawn from problem.fork(1 + k).
  Rotation(ParameterLayout layout, const RandomStream& problem);

  /// v = Q v
  void to_parameters(const Vector& v);
  /// v = Q' v
  void to_eigenbasis(const Vector& v);

 private:
  struct Reflection {
    Index block;
    Vector along;
  };
  void reflect(const Reflection& reflection, const Vector& v);

  ParameterLayout layout_;
  std::vector<Reflection> reflections_;
  Reduction reduction_;
};

}  // namespace velo::theory
