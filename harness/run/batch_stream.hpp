// harness/run/batch_stream.hpp
//
// The order of training examples: epoch after epoch, each a fresh permutation keyed by (seed, epoch). The order is a
// pure function of the position, so a resumed trial continues from one number, and every algorithm that is given the
// same seed sees the same examples. Batches may span two epochs; every example is seen once per epoch.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/device/random.hpp"
#include "harness/workload.hpp"

namespace velo {

class BatchStream {
 public:
  /// Over `examples` training examples, in the training order of a trial's seed. Starts at position 0.
  BatchStream(std::uint64_t seed, Index examples);
  /// In another order.
  BatchStream(const RandomStream& stream, Index examples);

  /// The next `size` examples. The indices of a batch stay valid for the next seven calls.
  [[nodiscard]] Batch next(Index size);
  /// A batch of other training examples; moves the count of batches and not the position. Valid as long.
  [[nodiscard]] Batch chosen(std::span<const Index> examples);

  /// Examples drawn so far, and batches drawn so far: all that a checkpoint needs.
  [[nodiscard]] Index position() const { return position_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  void restore(Index position, std::uint64_t batches);

 private:
  [[nodiscard]] Index example_at(Index position);

  static constexpr std::size_t kept = 8;

  RandomStream stream_;
  Index examples_;
  Index position_ = 0;
  std::uint64_t batches_ = 0;
  Index epoch_ = -1;
  std::optional<Permutation> order_;
  std::array<std::vector<Index>, kept> ring_;
};

}  // namespace velo
