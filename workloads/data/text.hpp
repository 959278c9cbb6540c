// workloads/data/text.hpp
//
// Running text of one data set, all three splits, as bytes: in memory mapped from the converted files (shared between
// all processes that train on them) or generated. Host memory: a workload gathers the sequences of a batch and hands
// them to the device.
#pragma once

#include <cstdint>
#include <span>

#include "harness/workload.hpp"

namespace velo::data {

class TextDataSet {
 public:
  virtual ~TextDataSet() = default;

  /// The whole split in reading order; valid as long as this object.
  [[nodiscard]] virtual std::span<const std::uint8_t> text(Split split) const = 0;
};

}  // namespace velo::data
