#include "analysis/gate/baseline.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "analysis/gate/replay_digest.hpp"
#include "results/error.hpp"

namespace velo::analysis {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

std::string line(float first) {
  ReplayRecorder recorder({{"bias", 2}});
  for (int step = 0; step < 3; ++step) {
    const std::vector<float> point = {first, static_cast<float>(step)};
    recorder.step(point, point);
  }
  return recorder.line();
}

GateBaseline example() {
  GateBaseline out;
  out.gate = "regression";
  out.made_with = {{"isa", "avx2"}, {"blas_kernels", "Zen"}, {"compiler", "GNU 12"}};
  out.blocks = {"bias"};
  out.replays = {{"adamw", line(1)}, {"muon", with_star(line(2), true)}};
  QualityValue value;
  value.workload = "w{width=4}";
  value.label = "adamw";
  value.protocol = "abc";
  value.root_seed = 3;
  value.studies = {{0, {100, true}}, {1, {120, true}}, {2, {400, false}}};
  value.metric = "accuracy";
  value.higher_is_better = true;
  value.target = 0.8;
  value.curve = {{0, 10}, {0.1, 0.81234567}};
  out.quality = {value};
  out.history = {{"2026-01-01T00:00:00Z", "abc123", "the first", {{"w{width=4}/adamw", 110}}}};
  return out;
}

TEST_CASE("a baseline is read back as it was written, byte for byte") {
  const std::string text = baseline_text(example());
  const GateBaseline back = read_baseline(text, "main.json");
  CHECK(baseline_text(back) == text);
  REQUIRE(back.find("w{width=4}/adamw") != nullptr);
  CHECK(back.quality[0].studies[2].time.reached == false);
  CHECK(back.quality[0].studies[2].time.value == 400);
  CHECK(back.find("other") == nullptr);
}

TEST_CASE("an edit by hand is refused") {
  std::string text = baseline_text(example());
  text.replace(text.find("1:120"), 5, "1:150");
  CHECK_THROWS_MATCHES(read_baseline(text, "main.json"), Error,
                       MessageMatches(ContainsSubstring("other means than `velo gate accept`")));
}

TEST_CASE("what is no baseline, cut off or newer is refused with the file's name") {
  const std::string text = baseline_text(example());
  for (const std::string& broken : {std::string(), std::string("{}"), text.substr(0, text.size() / 2)})
    CHECK_THROWS_MATCHES(read_baseline(broken, "main.json"), Error,
                         MessageMatches(ContainsSubstring("'main.json' is no baseline")));
  std::string newer = text;
  newer.replace(newer.find("\"layout\": 1"), 11, "\"layout\": 9");
  CHECK_THROWS_MATCHES(read_baseline(newer, "main.json"), Error, MessageMatches(ContainsSubstring("newer")));
}

GateCase only(const std::map<std::string, std::string>& replays, bool kernels, bool hold, const std::string& name) {
  for (const GateCase& one : judge_replays(replays, example(), kernels, hold))
    if (one.name == name) return one;
  return {};
}

TEST_CASE("replays are unchanged, changed, new or gone; holding makes the last three inconclusive") {
  auto replays = example().replays;
  CHECK(only(replays, true, true, "adamw").word == "unchanged");
  CHECK(only(replays, true, true, "adamw").verdict == GateVerdict::equivalent);

  replays["adamw"] = line(1.5F);
  const GateCase changed = only(replays, true, true, "adamw");
  CHECK(changed.word == "changed");
  CHECK(changed.verdict == GateVerdict::inconclusive);
  CHECK_THAT(changed.sentence, ContainsSubstring("first at step 1 in bias, by about 0.5"));
  CHECK(only(replays, true, false, "adamw").verdict == GateVerdict::equivalent);

  replays["lion"] = line(3);
  CHECK(only(replays, true, true, "lion").word == "new");
  replays.erase("adamw");
  CHECK(only(replays, true, true, "adamw").word == "gone");
}

TEST_CASE("where the kernels differ, what depends on them is not compared and the rest is") {
  auto replays = example().replays;
  replays["muon"] = line(2.5F);
  CHECK(only(replays, true, true, "muon").word == "changed");
  CHECK(only(replays, false, true, "muon").word == "not comparable");
  replays["adamw"] = line(1.5F);
  CHECK(only(replays, false, true, "adamw").word == "changed");
}

TEST_CASE("the instruction set and the kernels decide what may be compared, the compiler does not") {
  auto here = example().made_with;
  CHECK(same_kernels(example().made_with, here));
  here["compiler"] = "Clang 17";
  CHECK(same_kernels(example().made_with, here));
  CHECK(fingerprint_differences(example().made_with, here).size() == 1);
  here["blas_kernels"] = "SkylakeX";
  CHECK_FALSE(same_kernels(example().made_with, here));
}

}  // namespace
}  // namespace velo::analysis
