// results/unpack.hpp
//
// Unpacks zlib (RFC 1950) and gzip (RFC 1952) streams that lie in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace velo {

enum class Packing {
  gzip_members,  ///< a .gz file: one gzip stream or several joined, and nothing behind them
  one_stream,    ///< zlib or gzip, found out from its first bytes; what lies behind it is not looked at
};

/// The unpacked bytes; nothing when they are damaged or cut short. Throws Error when there is no memory for zlib.
[[nodiscard]] std::optional<std::string> unpack(std::span<const std::uint8_t> packed, Packing packing);

}  // namespace velo
