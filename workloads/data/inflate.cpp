#include "workloads/data/inflate.hpp"

#include <zlib.h>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace {

constexpr int zlib_or_gzip = 32 + MAX_WBITS;  // found out from the stream's first bytes

/// Ends the stream whatever happens.
class Stream {
 public:
  Stream() { inflateInit2(&state_, zlib_or_gzip); }
  ~Stream() { inflateEnd(&state_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  [[nodiscard]] z_stream& state() { return state_; }

 private:
  z_stream state_{};
};

}  // namespace

std::string inflate_bytes(std::span<const std::uint8_t> packed, const std::string& what) {
  Stream stream;
  z_stream& state = stream.state();
  state.next_in = const_cast<Bytef*>(packed.data());
  state.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int result = Z_OK;
  while (result == Z_OK) {
    const std::size_t done = out.size();
    out.resize(done + 65536 + 4 * packed.size());
    state.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    state.avail_out = static_cast<uInt>(out.size() - done);
    result = inflate(&state, Z_NO_FLUSH);
    out.resize(out.size() - state.avail_out);
  }
  if (result != Z_STREAM_END) throw Error(cat(what, " cannot be decompressed: it is damaged or cut short"));
  return out;
}

}  // namespace velo::data
