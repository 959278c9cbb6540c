// workloads/nn/embedding.hpp
//
// y[i] = table[index[i]]: rows of a table, kind embedding. The gradient of a row is the sum over the places that took
// it, added in order. Initial values, as torch.nn.Embedding: standard normal (times `deviation`).
#pragma once

#include <cstdint>
#include <string>

#include "harness/device/blas.hpp"
#include "workloads/nn/tape.hpp"

namespace velo::nn {

class Embedding {
 public:
  /// Adds the block "<name>/table" [entries, width].
  Embedding(ParameterLayout& layout, const std::string& name, Index entries, Index width, double deviation = 1.0);

  /// `indices` [count] lie on the device, each below `entries`, and outlive the pass. -> [count, width]
  [[nodiscard]] Value operator()(Tape& tape, const std::int32_t* indices, Index count) const;
  /// x [rows, width] -> [rows, entries]
  [[nodiscard]] Value scores(Tape& tape, Value x) const;

 private:
  struct Products {
    Product forward;
    Product table_gradient;
    Product input_gradient;
  };
  [[nodiscard]] const Products& products(Index rows) const;

  Index entries_, width_;
  Index table_ = 0;
  mutable PlanCache<Products> products_;  ///< by rows; holds nothing of a pass
};

}  // namespace velo::nn
