// workloads/data/inflate.hpp
//
// Unpacks a zlib (RFC 1950) or gzip (RFC 1952) stream that lies in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace velo::data {

/// The unpacked bytes. Throws Error, beginning with `what`, when the stream is damaged or cut short.
[[nodiscard]] std::string inflate_bytes(std::span<const std::uint8_t> packed, const std::string& what);

}  // namespace velo::data
