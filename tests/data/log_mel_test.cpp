#include "workloads/data/log_mel.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numbers>

using namespace velo::data;

namespace {

std::vector<std::int16_t> tone(double hertz, double amplitude, std::size_t samples) {
  std::vector<std::int16_t> out(samples);
  for (std::size_t i = 0; i < samples; ++i)
    out[i] = static_cast<std::int16_t>(std::lround(
        amplitude * 32768 * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / samples_per_second)));
  return out;
}

/// The header's formulas, sum by sum.
double energy(const std::vector<std::int16_t>& samples, int frame, int bin) {
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (mel(7600) - mel(60)) / 41;
  double sum = 0;
  for (int j = 0; j <= 256; ++j) {
    const double place = (mel(31.25 * j) - mel(60)) / step;
    const double height = std::max(0.0, 1 - std::abs(place - (bin + 1)));
    if (height == 0) continue;
    double real = 0, imaginary = 0;
    for (int i = 0; i < 400; ++i) {
      const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / 400);
      const double s = window * samples[static_cast<std::size_t>(160 * frame + i)] / 32768.0;
      real += s * std::cos(2 * std::numbers::pi * i * j / 512);
      imaginary -= s * std::sin(2 * std::numbers::pi * i * j / 512);
    }
    sum += height * (real * real + imaginary * imaginary);
  }
  return sum;
}

}  // namespace

TEST_CASE("frames are 25 ms long and begin every 10 ms, and only whole ones count") {
  CHECK(frame_count(399) == 0);
  CHECK(frame_count(400) == 1);
  CHECK(frame_count(559) == 1);
  CHECK(frame_count(560) == 2);
  CHECK(LogMel()(std::vector<std::int16_t>(560)).size() == 2 * mel_bins);
}

TEST_CASE("log-mel energies are those of their definition") {
  std::vector<std::int16_t> samples = tone(437, 0.2, 1000);
  const auto other = tone(3111, 0.05, 1000);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<std::int16_t>(samples[i] + other[i]);
  const auto bytes = LogMel()(samples);
  REQUIRE(bytes.size() == 4 * mel_bins);
  for (int frame = 0; frame < 4; ++frame)
    for (int bin = 0; bin < mel_bins; ++bin) {
      const double exact = 10 * (std::log(energy(samples, frame, bin)) + 17);
      // Rounding to the nearest step, and a thousand roundings of the sums: relative 1e-12 of what is not cancelled.
      CHECK(std::abs(bytes[static_cast<std::size_t>(frame * mel_bins + bin)] - exact) <= 0.5 + 1e-6);
    }
}

TEST_CASE("ten times the amplitude is 46 steps more in every bin, and silence is 0") {
  const auto quiet = LogMel()(tone(1000, 0.05, 400)), loud = LogMel()(tone(1000, 0.5, 400));
  // 10 ln 100 = 46.05; both bytes are rounded. Bins far from the tone hold the rounding of the samples alone.
  int compared = 0;
  for (std::size_t m = 0; m < mel_bins; ++m)
    if (quiet[m] > 120) {
      CHECK(std::abs(loud[m] - quiet[m] - 46.05) <= 1.1);
      ++compared;
    }
  CHECK(compared >= 3);
  for (const std::uint8_t byte : LogMel()(std::vector<std::int16_t>(400))) CHECK(byte == 0);
}
