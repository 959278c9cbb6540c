#include "analysis/report/scale.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

Scale Scale::linear(double low, double high, double from, double to) {
  Scale scale;
  if (!(high > low)) {
    const double pad = low == 0 ? 1 : std::abs(low) / 10;
    low -= pad;
    high = low + 2 * pad;
  }
  scale.low_ = low;
  scale.high_ = high;
  scale.from_ = from;
  scale.to_ = to;
  return scale;
}

Scale Scale::logarithmic(double low, double high, double from, double to) {
  if (!(high > 0)) high = 1;
  if (!(low > 0)) low = high / 1000;
  if (!(high > low)) {
    low /= 1.5;
    high *= 1.5;
  }
  Scale scale = linear(low, high, from, to);
  scale.log_ = true;
  return scale;
}

double Scale::operator()(double value) const {
  const double share = log_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

namespace {

std::vector<Tick> linear_ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  }
  std::vector<Tick> out;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) {
    // One division more keeps 3 * 0.1 from being 0.30000000000000004.
    const double value = std::round(i) * step;
    const double clean = step < 1 ? std::round(i) / std::round(1 / step) : value;
    // Adding zero turns -0 into 0.
    out.push_back({(std::abs(1 / step - std::round(1 / step)) < 1e-9 ? clean : value) + 0.0, ""});
    out.back().label = short_number(out.back().value);
  }
  return out;
}

std::vector<Tick> log_ticks(double low, double high, int count) {
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  const int stride = std::max(1, (last - first + count - 1) / std::max(1, count));
  std::vector<Tick> out;
  for (int power = first; power <= last; ++power) {
    for (int digit = 1; digit < 10; ++digit) {
      const double value = digit * std::pow(10.0, power);
      if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9) || (digit > 1 && stride > 1)) continue;
      const bool numbered = digit == 1 && (power - first) % stride == 0;
      out.push_back({value, numbered ? short_number(value) : ""});
    }
  }
  return out;
}

}  // namespace

std::vector<Tick> Scale::ticks(int count) const {
  if (!log_) return linear_ticks(low_, high_, count);
  auto ticks = log_ticks(low_, high_, count);
  const auto numbered = std::count_if(ticks.begin(), ticks.end(), [](const Tick& tick) { return !tick.label.empty(); });
  if (numbered >= 2) return ticks;
  if (high_ / low_ < 5) return linear_ticks(low_, high_, count);
  for (Tick& tick : ticks) {
    const double digit = tick.value / std::pow(10, std::floor(std::log10(tick.value) + 1e-9));
    if (std::abs(digit - 1) < 1e-6 || std::abs(digit - 2) < 1e-6 || std::abs(digit - 5) < 1e-6) {
      tick.label = short_number(tick.value);
    }
  }
  return ticks;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  constexpr std::array<std::pair<double, const char*>, 3> units{{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}}};
  for (const auto& [limit, unit] : units) {
    if (size >= limit) return cat(rounded(value / std::min(limit, limit == 1e4 ? 1e3 : limit), 4), unit);
  }
  if (size > 0 && size < 1e-3) {
    const int power = static_cast<int>(std::floor(std::log10(size) + 1e-9));
    return cat(rounded(value / std::pow(10.0, power), 3), "e", power);
  }
  return rounded(value, 4);
}

bool log_like(const std::vector<double>& values, double factor) {
  if (values.empty()) return false;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *least > 0 && *most >= factor * *least;
}

}  // namespace velo::analysis
