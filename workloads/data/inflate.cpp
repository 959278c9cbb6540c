#include "workloads/data/inflate.hpp"

#include "results/error.hpp"
#include "results/text.hpp"
#include "results/unpack.hpp"

namespace velo::data {

std::string inflate_bytes(std::span<const std::uint8_t> packed, const std::string& what) {
  auto out = unpack(packed, Packing::one_stream);
  if (!out) throw Error(cat(what, " cannot be decompressed: it is damaged or cut short"));
  return std::move(*out);
}

}  // namespace velo::data
