// workloads/data/idx.hpp
//
// Reader of the IDX format of the MNIST family (gzip-compressed): bytes 0, 0, type, number of dimensions; each
// dimension as a 32-bit big-endian number; then the values, last dimension fastest. Type 8 (unsigned bytes) only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace velo::data {

struct IdxArray {
  std::vector<std::int64_t> extents;
  std::vector<std::uint8_t> values;
};

/// Throws Error when the file is missing, is not gzip or IDX, is cut short, is too long, or has other extents than
/// `expected`.
[[nodiscard]] IdxArray read_idx(const std::string& path, const std::vector<std::int64_t>& expected);

}  // namespace velo::data
