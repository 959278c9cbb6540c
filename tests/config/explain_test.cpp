#include "harness/sweep/explain.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/config/small_race.hpp"

using namespace velo;
using small_race::Folder;

namespace {

/// "subject key value source place", the deciding line marked with an asterisk.
std::vector<std::string> lines(const Folder& folder, const std::string& text, const std::string& path,
                               const std::vector<std::string>& overrides = {}) {
  folder.write("sweep.yaml", text);
  std::vector<std::string> out;
  for (const ExplainedLayer& l : explain(folder / "sweep.yaml", overrides, path, small_race::catalogue())) {
    const std::string place = l.place.rfind(folder / "", 0) == 0 ? l.place.substr((folder / "").size()) : l.place;
    out.push_back(l.subject + " " + l.key + " " + l.value + " " + l.source + " " + place + (l.decides ? " *" : ""));
  }
  return out;
}

const std::string race =
    "sweep: s\nworkloads: [digits]\nalgorithms:\n  - sgd\n  - sgd: {lr: 0.5}\n    label: fast\n"
    "  - lookahead: {inner: adam}\ndefaults:\n  sgd: {lr: 0.2}\nbudget: {steps: 300}\n";

}  // namespace

TEST_CASE("explain shows every place that gives a value, the deciding one last") {
  const Folder folder;
  CHECK(lines(folder, race, "sgd.lr") ==
        std::vector<std::string>{"sgd sgd.lr 0.1 default registry", "sgd sgd.lr 0.2 defaults sweep.yaml:9:13 *",
                                 "fast sgd.lr 0.1 default registry", "fast sgd.lr 0.2 defaults sweep.yaml:9:13",
                                 "fast sgd.lr 0.5 entry sweep.yaml:5:15 *"});
  CHECK(lines(folder, race, "fast.lr", {"sgd.lr=3"}).back() == "fast sgd.lr 3 override --set sgd.lr=3 *");
}

TEST_CASE("explain reaches through wrappers and names the search space") {
  const Folder folder;
  const std::vector<std::string> expected = {
      "lookahead(adam) adam.lr 0.001 default registry",
      "lookahead(adam) adam.lr 1e-04 to 0.01, log search_space configs/algorithms/adam.yaml:3:3 *"};
  CHECK(lines(folder, race, "lookahead.inner.adam.lr") == expected);
  CHECK(lines(folder, race, "lookahead.inner.lr") == expected);
  CHECK(lines(folder, race, "adam.lr") == expected);
}

TEST_CASE("explain knows settings of workloads and keys of the sweep") {
  const Folder folder;
  const std::vector<std::string> expected = {"digits budget.steps 2000 module file configs/workloads/digits.yaml:4:17",
                                             "digits budget.steps 300 sweep sweep.yaml:10:17 *"};
  CHECK(lines(folder, race, "budget.steps") == expected);
  CHECK(lines(folder, race, "digits.budget.steps") == expected);
  CHECK(lines(folder, race, "trials") == std::vector<std::string>{"sweep trials 5 default built in *"});
  CHECK(lines(folder, race, "trials", {"trials=2"}) ==
        std::vector<std::string>{"sweep trials 5 default built in", "sweep trials 2 override --set trials=2 *"});
}

TEST_CASE("explain says what was meant when a path leads nowhere") {
  const Folder folder;
  const auto explained = [&](const std::string& path) { return lines(folder, race, path); };
  CHECK_THROWS_WITH(explained("sdg.lr"), "nothing in the sweep is called 'sdg' (did you mean 'sgd'?)");
  CHECK_THROWS_WITH(explained("sgd.rl"), Catch::Matchers::EndsWith("'sgd' has no parameter 'rl' (did you mean 'lr'?)"));
  CHECK_THROWS_WITH(explained("grid"), "the sweep gives no 'grid'");
}
