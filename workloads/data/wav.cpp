#include "workloads/data/wav.hpp"

#include <fstream>
#include <iterator>
#include <string_view>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace {

/// Little-endian number of `size` bytes.
std::uint32_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

std::vector<std::int16_t> read_wav(const std::string& path, int samples_per_second) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(cat(path, " cannot be opened"));
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const std::string_view bytes(content);
  if (bytes.size() < 12 || bytes.substr(0, 4) != "RIFF" || bytes.substr(8, 4) != "WAVE")
    throw Error(cat(path, " is not a WAV file"));
  bool right_form = false;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string_view kind = bytes.substr(at, 4);
    const std::size_t size = number(bytes, at + 4, 4);
    const std::string_view chunk = bytes.substr(at + 8, size);
    if (chunk.size() != size) throw Error(cat(path, " is cut short"));
    if (kind == "fmt " && size >= 16)
      right_form = number(chunk, 0, 2) == 1 && number(chunk, 2, 2) == 1 && number(chunk, 14, 2) == 16 &&
                   number(chunk, 4, 4) == static_cast<std::uint32_t>(samples_per_second);
    if (kind == "data") {
      if (!right_form) throw Error(cat(path, " is not one channel of 16-bit samples at ", samples_per_second, " Hz"));
      std::vector<std::int16_t> samples(size / 2);
      for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(static_cast<std::uint16_t>(number(chunk, 2 * i, 2)));
      return samples;
    }
    at += 8 + size + size % 2;
  }
  throw Error(cat(path, " has no samples"));
}

}  // namespace velo::data
