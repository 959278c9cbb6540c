// The proof that a gate without any change is seldom red: stored runs of the same program with 48 seeds
// (tests/gate/many_seeds.yaml), 200 resamples of two disjoint dozens each, judged as `velo gate` judges.
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "analysis/counter_random.hpp"
#include "analysis/gate/baseline.hpp"
#include "results/files.hpp"

namespace velo::analysis {
namespace {

constexpr int resamples = 200;
constexpr int most_alarms = 21;  ///< of 200 at 5 %: 10 expected, 21 is exceeded with probability 0.0003
constexpr std::size_t seeds = 12;

struct Alarms {
  int any = 0, regressed = 0, inconclusive = 0;
};

Alarms alarms(const GateBaseline& runs, double margin) {
  Alarms out;
  for (std::uint64_t resample = 0; resample < resamples; ++resample) {
    CounterStream draws(0xaa, resample);
    std::vector<std::size_t> order(runs.quality.front().studies.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = order.size() - 1; i > 0; --i)
      std::swap(order[i], order[draws.below(static_cast<std::uint32_t>(i + 1))]);
    bool regressed = false, improved = false, open = false;
    for (const QualityValue& all : runs.quality) {
      QualityValue candidate = all, baseline = all;
      candidate.studies.clear();
      baseline.studies.clear();
      baseline.root_seed = candidate.root_seed + 1;  // other seeds: no pairs
      for (std::size_t i = 0; i < seeds; ++i) {
        candidate.studies.push_back(all.studies[order[i]]);
        baseline.studies.push_back(all.studies[order[seeds + i]]);
      }
      const GateVerdict verdict =
          judge_quality(candidate, baseline, {.margin = margin, .level = 0.95, .cases = runs.quality.size()}).verdict;
      regressed = regressed || verdict == GateVerdict::regressed;
      improved = improved || verdict == GateVerdict::improved;
      open = open || verdict == GateVerdict::inconclusive;
    }
    out.regressed += regressed;
    out.any += regressed || improved;
    out.inconclusive += !regressed && open;
  }
  return out;
}

const GateBaseline& stored() {
  static const std::string file = std::string(VELO_SOURCE_DIR) + "/tests/gate/many_seeds.json";
  static const GateBaseline runs = read_baseline(read_file(file), file);
  return runs;
}

TEST_CASE("200 gates over disjoint seeds of the same program: at the gate's margin they are green") {
  const Alarms found = alarms(stored(), 0.2);
  WARN("margin 20 %: " << found.any << " of 200 improved or regressed, " << found.inconclusive << " inconclusive");
  CHECK(found.any <= most_alarms);
  CHECK(found.inconclusive <= most_alarms);
}

TEST_CASE("the level holds where significance alone decides: a margin far below any difference of seeds") {
  const Alarms found = alarms(stored(), 1e-6);
  WARN("margin 0.0001 %: " << found.any << " of 200 improved or regressed");
  CHECK(found.any <= most_alarms);
}

}  // namespace
}  // namespace velo::analysis
