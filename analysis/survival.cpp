#include "analysis/survival.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/distributions.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// Sum of Greenwood's terms, log-log interval.
Interval log_log_interval(double survival, double greenwood, double level) {
  const double z = normal_quantile((1 + level) / 2);
  const double spread = z * std::sqrt(greenwood) / std::abs(std::log(survival));
  return {std::pow(survival, std::exp(spread)), std::pow(survival, std::exp(-spread))};
}

double area_between(const std::vector<SurvivalPoint>& curve, double from, double to) {
  double area = 0, survival = 1, at = 0;
  const auto add = [&](double until) {
    area += survival * std::max(0.0, std::min(until, to) - std::max(at, from));
    at = until;
  };
  for (const SurvivalPoint& point : curve) {
    add(point.time);
    survival = point.survival;
  }
  add(std::max(at, to));
  return area;
}

}  // namespace

std::vector<SurvivalPoint> kaplan_meier(const std::vector<CensoredTime>& all, double level) {
  std::vector<CensoredTime> times = all;
  std::sort(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  std::vector<SurvivalPoint> curve;
  double survival = 1, greenwood = 0;
  Interval interval{1, 1};
  for (std::size_t i = 0; i < times.size();) {
    const int at_risk = static_cast<int>(times.size() - i);
    const double time = times[i].value;
    int hits = 0;
    for (; i < times.size() && times[i].value == time; ++i) hits += times[i].reached;
    if (hits == 0) continue;
    survival *= 1 - static_cast<double>(hits) / at_risk;
    if (hits < at_risk) {
      greenwood += static_cast<double>(hits) / (static_cast<double>(at_risk) * (at_risk - hits));
      interval = log_log_interval(survival, greenwood, level);
    } else {
      survival = 0;
      interval.low = 0;
    }
    curve.push_back({time, survival, interval, at_risk, hits});
  }
  return curve;
}

RestrictedMean restricted_mean(const std::vector<CensoredTime>& times, double horizon, double level) {
  double longest = 0;
  for (const CensoredTime& time : times) longest = std::max(longest, time.value);
  const auto curve = kaplan_meier(times, level);
  const bool complete = !curve.empty() && curve.back().survival == 0;
  if (horizon > longest && !complete) {
    throw Error(cat("a restricted mean up to ", horizon, " needs trials watched that long; the longest was ", longest));
  }
  RestrictedMean out{horizon, area_between(curve, 0, horizon), 0, {}};
  double variance = 0;
  for (const SurvivalPoint& point : curve) {
    if (point.time > horizon || point.hits == point.at_risk) continue;
    const double rest = area_between(curve, point.time, horizon);
    variance += rest * rest * point.hits / (static_cast<double>(point.at_risk) * (point.at_risk - point.hits));
  }
  out.standard_error = std::sqrt(variance);
  const double reach = normal_quantile((1 + level) / 2) * out.standard_error;
  out.interval = {std::max(0.0, out.mean - reach), std::min(horizon, out.mean + reach)};
  return out;
}

}  // namespace velo::analysis
