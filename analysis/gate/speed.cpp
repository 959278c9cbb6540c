#include "analysis/gate/speed.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

void check(const SpeedOptions& options) {
  if (!(options.margin > 0 && std::isfinite(options.margin)))
    throw Error(cat("the margin of the speed verdict is a positive fraction such as 0.05, not ", options.margin));
  if (!(options.level > 0.5 && options.level < 1))
    throw Error(cat("the level of the speed verdict lies between 0.5 and 1, not at ", options.level));
  if (options.looks.empty() || options.looks.front() < 2 ||
      std::adjacent_find(options.looks.begin(), options.looks.end(), std::greater_equal<>()) != options.looks.end())
    throw Error("the looks of the speed verdict are increasing numbers of rounds, the first at least 2");
}

namespace {

const SpeedOptions& checked(const SpeedOptions& options) {
  check(options);
  return options;
}

}  // namespace

SpeedRule::SpeedRule(const SpeedOptions& options)
    : options_(checked(options)), plan_(sequential_plan_of_pairs(options.looks, options.looks.back(), options.level)) {}

SpeedLook SpeedRule::look(const std::vector<double>& rounds) const {
  SpeedLook out;
  out.rounds = rounds.size();
  const auto here = std::find(options_.looks.begin(), options_.looks.end(), rounds.size());
  if (here == options_.looks.end()) return out;
  const SequentialAnswer answer = look_at(rounds, plan_, static_cast<std::size_t>(here - options_.looks.begin()));
  out.mean = answer.mean;
  out.interval = answer.interval;
  const double delta = std::log1p(options_.margin);
  if (out.mean <= -delta && out.interval.high < 0) {
    out.verdict = GateVerdict::regressed;
  } else if (out.mean >= delta && out.interval.low > 0) {
    out.verdict = GateVerdict::improved;
  } else if (out.interval.low > -delta && out.interval.high < delta) {
    out.verdict = GateVerdict::equivalent;
  } else if (rounds.size() == options_.looks.back()) {
    out.verdict = GateVerdict::inconclusive;
  }
  return out;
}

GateVerdict confirmed(GateVerdict first, std::optional<GateVerdict> second) {
  if (!second) return first;
  const bool contradiction = (first == GateVerdict::regressed && *second == GateVerdict::improved) ||
                             (first == GateVerdict::improved && *second == GateVerdict::regressed);
  return contradiction ? GateVerdict::inconclusive : *second;
}

}  // namespace velo::analysis
