#include "results/unpack.hpp"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "results/error.hpp"

namespace velo {

std::optional<std::string> unpack(std::span<const std::uint8_t> packed, Packing packing) {
  constexpr int gzip = 16 + MAX_WBITS, zlib_or_gzip = 32 + MAX_WBITS;
  const bool members = packing == Packing::gzip_members;
  z_stream stream{};
  if (inflateInit2(&stream, members ? gzip : zlib_or_gzip) != Z_OK)
    throw Error("zlib could not be started: out of memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owned(&stream, inflateEnd);
  std::string out(std::max<std::size_t>(4 * packed.size(), std::size_t{1} << 16), '\0');
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  std::size_t used = 0;
  int result = Z_OK;
  while (result == Z_OK || (result == Z_STREAM_END && members && stream.avail_in > 0)) {
    if (result == Z_STREAM_END) inflateReset(&stream);
    if (used == out.size()) out.resize(2 * out.size());
    const std::size_t room = std::min(out.size() - used, std::size_t{1} << 30);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(room);
    result = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (result == Z_BUF_ERROR && stream.avail_out == 0) result = Z_OK;
  }
  if (result != Z_STREAM_END) return std::nullopt;
  out.resize(used);
  return out;
}

}  // namespace velo
