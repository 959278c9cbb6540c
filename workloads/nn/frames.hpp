// workloads/nn/frames.hpp
//
// Sequences of different lengths as the rows of one matrix, without padding them to the longest. Time runs slowest:
//
//   row first(t) + b holds frame t of sequence b;  sequences are numbered by falling length, so the ones that still run
//   at time t are 0 ... active(t) - 1, and their rows at time t - 1 start with the same sequences
//
//   lengths 5, 3, 2:   time   0 0 0  1 1 1  2 2  3  4
//                      seq.   0 1 2  0 1 2  0 1  0  0
//
// active(t) is rounded up to a multiple of 4 and the number of rows to one of 64, so that products of few different
// sizes are planned. A row that holds no frame belongs to sequence -1. What such rows hold is finite and reaches no other
// row: layers over frames read neighbours in time through this table alone, normalisation leaves them out, a recurrent
// layer gives them zeros, and the gradient that comes to them from a loss is zero.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "workloads/nn/staged.hpp"

namespace velo::nn {

/// The table on the device.
struct FrameTable {
  const std::int32_t* length;    ///< [sequences]
  const std::int32_t* first;     ///< [steps + 1]
  const std::int32_t* sequence;  ///< [rows]; -1: no frame
  const std::int32_t* step;      ///< [rows]
};

class Frames {
 public:
  /// Lays out sequences of these lengths, each at least 1 and none above the one before. Memory grows to the largest
  /// layout and stays. Throws std::logic_error otherwise.
  void assign(std::span<const Index> lengths);
  /// The layout after a layer with stride 2 over time: lengths (n + 1) / 2.
  void assign_half_of(const Frames& other);

  [[nodiscard]] Index sequences() const { return static_cast<Index>(lengths_.size()); }
  /// Length of the longest.
  [[nodiscard]] Index steps() const { return static_cast<Index>(active_.size()); }
  [[nodiscard]] Index rows() const { return rows_; }
  /// Rows that hold a frame.
  [[nodiscard]] Index count() const { return count_; }
  [[nodiscard]] Index length(Index sequence) const { return lengths_[static_cast<std::size_t>(sequence)]; }
  /// t = 0 ... steps(); first(steps()) is behind the last time's rows.
  [[nodiscard]] Index first(Index t) const { return first_[static_cast<std::size_t>(t)]; }
  /// Rows of time t; 0 for a time outside.
  [[nodiscard]] Index active(Index t) const { return t < 0 || t >= steps() ? 0 : active_[static_cast<std::size_t>(t)]; }
  [[nodiscard]] Index row(Index sequence, Index t) const { return first(t) + sequence; }
  [[nodiscard]] FrameTable table() const;

 private:
  void lay_out();

  std::vector<Index> lengths_, active_, first_;
  Index rows_ = 0, count_ = 0;
  Staged<std::int32_t> table_;
};

}  // namespace velo::nn
