#include "workloads/data/idx.hpp"

#include <zlib.h>

#include <memory>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace {

struct Close {
  void operator()(gzFile file) const { gzclose(file); }
};
using File = std::unique_ptr<gzFile_s, Close>;

/// Reads up to `size` bytes; fewer only at the end of the file.
std::size_t read(gzFile file, std::uint8_t* out, std::size_t size, const std::string& path) {
  std::size_t done = 0;
  while (done < size) {
    const int n = gzread(file, out + done, static_cast<unsigned>(std::min<std::size_t>(size - done, 1u << 24)));
    if (n < 0) {
      int code = 0;
      throw Error(cat(path, " cannot be decompressed (", gzerror(file, &code), "): it is damaged or cut short"));
    }
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::string text_of(const std::vector<std::int64_t>& extents) {
  std::string text;
  for (const std::int64_t e : extents) text += cat(text.empty() ? "" : " x ", e);
  return text;
}

}  // namespace

IdxArray read_idx(const std::string& path, const std::vector<std::int64_t>& expected) {
  const File file(gzopen(path.c_str(), "rb"));
  if (!file) throw Error(cat(path, " cannot be opened"));

  std::vector<std::uint8_t> header(4 + 4 * expected.size());
  const bool whole = read(file.get(), header.data(), header.size(), path) == header.size();
  if (!whole || header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != expected.size())
    throw Error(cat(path, " is not an IDX file of unsigned bytes in ", expected.size(), " dimensions"));
  IdxArray array;
  std::size_t size = 1;
  for (std::size_t d = 0; d < expected.size(); ++d) {
    std::int64_t extent = 0;
    for (std::size_t k = 0; k < 4; ++k) extent = extent << 8 | header[4 + 4 * d + k];
    array.extents.push_back(extent);
    size *= static_cast<std::size_t>(extent);
  }
  if (array.extents != expected)
    throw Error(cat(path, " holds ", text_of(array.extents), " values where ", text_of(expected), " are right"));

  array.values.resize(size);
  const std::size_t got = read(file.get(), array.values.data(), size, path);
  if (got != size) throw Error(cat(path, " is cut short: ", got, " of ", size, " values"));
  std::uint8_t more = 0;
  if (read(file.get(), &more, 1, path) != 0) throw Error(cat(path, " goes on behind its ", size, " values"));
  return array;
}

}  // namespace velo::data
