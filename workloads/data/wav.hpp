// workloads/data/wav.hpp
//
// Reader of WAV files with one channel of 16-bit samples: "RIFF", length, "WAVE", then chunks of four letters, a 32-bit
// length and that many bytes; "fmt " tells the form, "data" holds the samples. Numbers are little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace velo::data {

/// Throws Error when the file is missing, is cut short, or is not mono 16-bit PCM at `samples_per_second`.
[[nodiscard]] std::vector<std::int16_t> read_wav(const std::string& path, int samples_per_second);

}  // namespace velo::data
