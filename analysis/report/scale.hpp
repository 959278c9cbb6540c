// analysis/report/scale.hpp
//
// From data to pixels: linear and logarithmic scales with round ticks.
#pragma once

#include <string>
#include <vector>

namespace velo::analysis {

struct Tick {
  double value = 0;
  std::string label;  ///< empty: a minor tick, no number
};

/// Maps [low, high] of the data to [from, to] of the picture.
class Scale {
 public:
  /// A scale that shows at least [low, high]; equal ends and, with `log`, ends that are not positive are mended.
  static Scale linear(double low, double high, double from, double to);
  static Scale logarithmic(double low, double high, double from, double to);

  [[nodiscard]] double operator()(double value) const;
  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }
  [[nodiscard]] bool is_log() const { return log_; }

  /// About `count` ticks inside the range: 1, 2 or 5 times a power of ten. On a logarithmic scale of more than a decade,
  /// powers of ten with numbers and 2 to 9 without (every second or third power where they would crowd).
  [[nodiscard]] std::vector<Tick> ticks(int count) const;

 private:
  double low_ = 0, high_ = 1, from_ = 0, to_ = 1;
  bool log_ = false;
};

/// "1.5M", "20k", "0.25", "1e-4": short numbers for ticks and labels.
[[nodiscard]] std::string short_number(double value);

/// Whether values span so much that a logarithmic axis shows them better: all positive, largest at least `factor` times
/// the smallest.
[[nodiscard]] bool log_like(const std::vector<double>& values, double factor);

}  // namespace velo::analysis
