#include "harness/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace velo {

namespace {

double cosine(double final, double x) { return final + (1.0 - final) * 0.5 * (1.0 + std::cos(std::numbers::pi * x)); }

/// Position inside the current cycle of cosine with warm restarts; x and the cycle lengths in the same unit.
double restarted(double x, double period, double growth) {
  // Subtracting cycles leaves rounding behind; a step that close to a restart is the restart.
  constexpr double rounding = 1e-12;
  double length = period;
  while (x >= length - rounding) {
    x = std::max(x - length, 0.0);
    length *= growth;
  }
  return x / length;
}

/// Straight lines through values at equal distances.
double interpolated(const std::vector<double>& values, double x) {
  const double position = x * static_cast<double>(values.size() - 1);
  const std::size_t left = std::min(static_cast<std::size_t>(position), values.size() - 2);
  const double share = position - static_cast<double>(left);
  return (1.0 - share) * values[left] + share * values[left + 1];
}

}  // namespace

std::string_view name(Schedule::Shape shape) {
  constexpr std::array<std::string_view, 7> names = {"constant", "linear",        "cosine", "polynomial",
                                                     "step",     "warm_restarts", "table"};
  return names[static_cast<std::size_t>(shape)];
}

double Schedule::factor(const Progress& progress) const {
  const double total = static_cast<double>(std::max<std::int64_t>(progress.step_hint, 1));
  const double warmup = warmup_steps > 0 ? static_cast<double>(warmup_steps) : std::floor(warmup_fraction * total);
  const double t = static_cast<double>(progress.step);
  if (t <= warmup) return t / warmup;

  const double x = std::clamp((t - 1.0 - warmup) / std::max(total - warmup, 1.0), 0.0, 1.0);
  switch (shape) {
    case Shape::constant:
      return 1.0;
    case Shape::linear:
      return 1.0 - (1.0 - final) * x;
    case Shape::cosine:
      return cosine(final, x);
    case Shape::polynomial:
      return final + (1.0 - final) * std::pow(1.0 - x, power);
    case Shape::step:
      return std::pow(gamma, static_cast<double>(std::count_if(milestones.begin(), milestones.end(),
                                                               [x](double m) { return m <= x; })));
    case Shape::warm_restarts:
      return cosine(final, restarted(x, period, growth));
    case Shape::table:
      return interpolated(factors, x);
  }
  return 1.0;
}

}  // namespace velo
