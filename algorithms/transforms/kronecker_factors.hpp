// algorithms/transforms/kronecker_factors.hpp
//
// The Kronecker factors of the Fisher matrix of one layer from its record, and the passage between the flat vector and
// the layer's matrix [dW, db].
//
//   F ~ A (x) G     A = E[sum_t a_t a_t']    G = E[mean_t g_t g_t']
//
// with a_t the input at position t of an example (1 behind it where the layer has a bias) and g_t the derivative of that
// example's own loss. A linear layer has one position (Martens & Grosse, ICML 2015, arXiv:1503.05671, section 3), a
// convolution one per pixel of its output (Grosse & Martens, ICML 2016, arXiv:1602.01407, section 3: Omega and Gamma).
// A record of R rows and N examples holds g / N, so A = a'a / N and G = (N^2 / R) g'g.
//
// One thread, so bits depend on neither threads nor who asks.
#pragma once

#include "algorithms/transforms/column_sums.hpp"
#include "algorithms/transforms/layer_table.hpp"

namespace velo {

class KroneckerFactors {
 public:
  /// a [side, side] <- keep a + add A,  g [rows, rows] <- keep g + add G. Keep 0 does not read them.
  void operator()(const LayerTable::Layer& layer, const LayerRecord& record, double keep, double add, Scalar* a,
                  Scalar* g);

 private:
  ColumnSums sums_;
};

/// [dW, db], [rows, side()], from a flat vector, and back.
void join(const LayerTable::Layer& layer, const Scalar* flat, Scalar* matrix);
void split(const LayerTable::Layer& layer, const Scalar* matrix, Scalar* flat);

/// out = left matrix right, with left [rows, rows] and right [side, side]; `half` and `out` [rows, side()].
void multiply_sides(const LayerTable::Layer& layer, const Scalar* left, const Scalar* matrix, const Scalar* right,
                    Scalar* half, Scalar* out);

}  // namespace velo
