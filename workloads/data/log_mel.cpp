#include "workloads/data/log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace velo::data {

namespace {

constexpr std::size_t transform_size = 512;
constexpr std::size_t powers = transform_size / 2 + 1;
constexpr double lowest_hertz = 60, highest_hertz = 7600;

using Complex = std::complex<double>;

double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }

/// e^{-2 pi I k / 512}, k below 256.
std::vector<Complex> turns() {
  std::vector<Complex> out(transform_size / 2);
  for (std::size_t k = 0; k < out.size(); ++k)
    out[k] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / transform_size);
  return out;
}

/// In place, of 512 numbers (Cooley & Tukey, Math. Comp. 19, 1965).
void transform(std::vector<Complex>& x) {
  static const std::vector<Complex> turn = turns();
  const std::size_t n = transform_size;
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n / 2;
    for (; (j & bit) != 0; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2)
    for (std::size_t k = 0; k < half; ++k) {
      const Complex by = turn[k * (n / 2 / half)];
      for (std::size_t i = k; i < n; i += 2 * half) {
        const Complex odd = by * x[i + half];
        x[i + half] = x[i] - odd;
        x[i] += odd;
      }
    }
}

std::uint8_t byte_of(double energy) {
  const double value = std::round(10 * (std::log(std::max(energy, 1e-30)) + 17));
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
}

}  // namespace

LogMel::LogMel() : window_(frame_samples), filters_(mel_bins * powers), support_(mel_bins + 2) {
  for (std::size_t i = 0; i < window_.size(); ++i)
    window_[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / frame_samples);
  const double first = mel(lowest_hertz), step = (mel(highest_hertz) - first) / (mel_bins + 1);
  for (std::size_t j = 0; j < powers; ++j) {
    const double place = (mel(static_cast<double>(j) * samples_per_second / transform_size) - first) / step;
    for (std::size_t m = 0; m < mel_bins; ++m)
      filters_[m * powers + j] = std::max(0.0, 1 - std::abs(place - static_cast<double>(m + 1)));
    for (std::size_t point = 0; point < support_.size(); ++point)
      if (place < static_cast<double>(point)) support_[point] = j + 1;
  }
}

std::vector<std::uint8_t> LogMel::operator()(std::span<const std::int16_t> samples) const {
  const auto frames = static_cast<std::size_t>(frame_count(static_cast<std::int64_t>(samples.size())));
  std::vector<std::uint8_t> out(frames * mel_bins);
  std::vector<Complex> spectrum(transform_size);
  std::vector<double> power(powers);
  for (std::size_t k = 0; k < frames; ++k) {
    std::fill(spectrum.begin(), spectrum.end(), Complex());
    for (std::size_t i = 0; i < window_.size(); ++i) spectrum[i] = window_[i] * (samples[k * frame_step + i] / 32768.0);
    transform(spectrum);
    for (std::size_t j = 0; j < powers; ++j) power[j] = std::norm(spectrum[j]);
    for (std::size_t m = 0; m < mel_bins; ++m) {
      double energy = 0;
      for (std::size_t j = support_[m]; j < support_[m + 2]; ++j) energy += filters_[m * powers + j] * power[j];
      out[k * mel_bins + m] = byte_of(energy);
    }
  }
  return out;
}

}  // namespace velo::data
