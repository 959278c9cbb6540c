// algorithms/transforms/kronecker_factors.hpp
//
// What K-FAC and its kin share: the Kronecker factors of the Fisher matrix of one layer from its record, the gradient
// that shows the records, and the product of two such factors with a layer's gradient, the matrix [dW, db].
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
#include "harness/algorithm.hpp"

namespace velo {

class KroneckerFactors {
 public:
  /// a [side, side] <- keep a + add A,  g [rows, rows] <- keep g + add G. Keep 0 does not read them.
  void operator()(const LayerTable::Layer& layer, const LayerRecord& record, double keep, double add, Scalar* a,
                  Scalar* g);

 private:
  ColumnSums sums_;
};

/// Treats the gradient of a layer from both sides: [dW, db] <- left [dW, db] right.
class LayerPreconditioner {
 public:
  /// Room for every layer of the table.
  void reserve(const LayerTable& table);
  /// left [rows, rows], right [side(), side()]; `gradient` and `direction` are flat, and of the latter the layer's
  /// blocks are written. The caller keeps the libraries on one thread (LibraryThreads), once for all layers.
  void operator()(const LayerTable::Layer& layer, const Vector& left, const Vector& right, const Vector& gradient,
                  const Vector& direction) const;

 private:
  Vector joined_, half_, product_;
};

/// What the labels are drawn from behind which layer statistics are taken.
enum class Fisher {
  sampled,    ///< the model's own predictions, as the Fisher matrix has it: a second gradient of the batch
  empirical,  ///< none are: the records are those of the training gradient itself
};
[[nodiscard]] inline Fisher fisher(const Parameters& parameters) {
  return parameters.choice("fisher") == "sampled" ? Fisher::sampled : Fisher::empirical;
}
/// The parameter that it reads.
[[nodiscard]] ParameterSpec fisher_parameter();

/// The step's gradient, in the course of which `visitor` is shown the layers where statistics are due. A second gradient
/// goes to `spare`.
void ask_with_layers(Oracle& oracle, Fisher kind, bool due, LayerVisitor& visitor, const Vector& gradient,
                     const Vector& spare);

}  // namespace velo
