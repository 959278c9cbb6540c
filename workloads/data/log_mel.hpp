// workloads/data/log_mel.hpp
//
// Log-mel energies: what recognisers see of speech (Davis & Mermelstein, IEEE TASSP 28, 1980, without their cosine
// transform). For samples s_n in [-1, 1) at 16 kHz:
//
//   frame k   samples 160 k ... 160 k + 399 (25 ms every 10 ms), times w_i = 1/2 - 1/2 cos(2 pi i / 400), i = 0 ... 399
//   power     P_j = |sum_i w_i s_{160 k + i} e^{-2 pi I i j / 512}|^2,  j = 0 ... 256, at frequency 31.25 j Hz
//   bin m     E_m = sum_j h_m(mel(31.25 j)) P_j,   mel(f) = 2595 log10(1 + f / 700)
//             h_m: triangle of height 1 over m ... m + 2 of 42 points equally spaced in mel from 60 to 7600 Hz
//   byte      round(10 (ln E_m + 17)), cut to 0 ... 255: steps of 0.1 nat (0.43 dB) from -17 to 8.5
//
// All sums in double. AlgoPerf takes 80 bins of 32 ms frames, keeps floats, and emphasises high frequencies before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace velo::data {

inline constexpr int mel_bins = 40;
inline constexpr int samples_per_second = 16000;
inline constexpr int frame_samples = 400;
inline constexpr int frame_step = 160;

/// Of `samples` samples: how many whole frames.
[[nodiscard]] constexpr std::int64_t frame_count(std::int64_t samples) {
  return samples < frame_samples ? 0 : (samples - frame_samples) / frame_step + 1;
}

class LogMel {
 public:
  LogMel();
  /// [frame_count(samples), mel_bins] bytes.
  [[nodiscard]] std::vector<std::uint8_t> operator()(std::span<const std::int16_t> samples) const;

 private:
  std::vector<double> window_;        ///< [400]
  std::vector<double> filters_;       ///< [mel_bins, 257]
  std::vector<std::size_t> support_;  ///< the first power at or above each of the 42 points
};

}  // namespace velo::data
