// harness/device/blas.hpp
//
// Dense matrix products on the device: oneDNN (float) and OpenBLAS (double) on the host, cuBLAS under CUDA. Matrices
// are row-major and contiguous.
//
// A product is planned once for its form and run many times: planning chooses a kernel and may take a millisecond,
// running one costs little more than the arithmetic.
//
// Bits: the same form gives the same bits on the same machine with the same number of threads; libraries split the
// work differently for other numbers of threads.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "harness/device/tensor.hpp"

namespace velo {

/// C = op(A) op(B) [+ C] [+ bias], then C = max(C, 0) if `relu`.
struct ProductForm {
  Index rows = 0;            ///< of C and op(A)
  Index columns = 0;         ///< of C and op(B)
  Index inner = 0;           ///< columns of op(A), rows of op(B)
  bool transpose_a = false;  ///< A is stored [inner, rows] instead of [rows, inner]
  bool transpose_b = false;  ///< B is stored [columns, inner] instead of [inner, columns]
  bool accumulate = false;   ///< add to C instead of replacing it; excludes bias and relu
  bool bias = false;         ///< add bias[columns] to every row
  bool relu = false;         ///< last, after the bias
};

class Product {
 public:
  Product() = default;
  /// Plans. Throws std::logic_error for an empty extent or an accumulating product with a bias or a ReLU.
  explicit Product(const ProductForm& form);

  /// Runs on device pointers; asynchronous under CUDA, ordered with Kokkos' default stream.
  void operator()(const Scalar* a, const Scalar* b, Scalar* c, const Scalar* bias = nullptr) const;

 private:
  struct Plan;
  std::shared_ptr<Plan> plan_;
};

/// Plans by size (number of examples, mostly), so that a last partial batch or a change of batch size finds its plan
/// again. Holds `capacity` plans and then replaces the oldest: with AVX-512 oneDNN takes 50 KB for each product, and where
/// batches are of any length few sizes return.
template <typename Plan, std::size_t capacity = 4>
class PlanCache {
 public:
  template <typename Make>
  const Plan& find(Index size, Make make) {
    for (const auto& [known, plan] : plans_)
      if (known == size) return plan;
    if (plans_.size() == capacity) plans_.erase(plans_.begin());
    return plans_.emplace_back(size, make()).second;
  }

 private:
  std::vector<std::pair<Index, Plan>> plans_;
};

}  // namespace velo
