// `velo gate`, `velo gate accept` and `velo history` as a CI meets them, on a gate that takes a second.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/command.hpp"

using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string gate_yaml = "gate: tiny\nquality: {sweep: sweep.yaml, margin: 30%}\n";
const std::string sweep_yaml = R"(sweep: tiny
studies: 8
trials: 1
search_space: none
workloads:
  - theory_linear_regression: {dimension: 10, condition: 2}
    evaluate_every: 1
    budget: {steps: 80}
    target: {validation: 0.05}
algorithms: [sgd: {lr: 0.2}]
)";

std::string content(const std::filesystem::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

/// A folder with a gate in it.
struct Library {
  ScratchFolder folder;
  Library() {
    folder.file("gate.yaml", gate_yaml);
    folder.file("sweep.yaml", sweep_yaml);
  }
  [[nodiscard]] Outcome gate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "gate");
    for (const char* word : {"gate.yaml", "--baseline", "main.json", "--out", "store", "-q"})
      arguments.emplace_back(word);
    return run_velo(arguments, folder.path());
  }
};

}  // namespace

TEST_CASE("a baseline is accepted for a reason, the same build is equivalent to it, and a worse one is not") {
  const Library library;
  CHECK(library.gate({}).exit == 5);
  const Outcome silent = library.gate({"accept"});
  CHECK(silent.exit == 2);
  CHECK_THAT(silent.err, ContainsSubstring("a baseline changes for a reason"));

  REQUIRE(library.gate({"accept", "--because", "the first"}).exit == 0);
  const std::string first = content(library.folder.path() / "main.json");
  CHECK_THAT(first, ContainsSubstring("\"because\":\"the first\""));

  const Outcome same = library.gate({"--junit", "gate.xml", "--summary", "gate.md", "--github"});
  CHECK(same.exit == 0);
  CHECK_THAT(same.out, ContainsSubstring("gate tiny: equivalent"));
  CHECK_THAT(content(library.folder.path() / "gate.xml"), ContainsSubstring("failures=\"0\" errors=\"0\""));
  CHECK_THAT(content(library.folder.path() / "gate.md"), ContainsSubstring("equivalent"));

  CHECK_THAT(library.gate({"accept", "--because", "again"}).out, ContainsSubstring("nothing to accept"));
  CHECK(content(library.folder.path() / "main.json") == first);

  SECTION("other seeds are green") { CHECK(library.gate({"--set", "seeds=77"}).exit == 0); }
  SECTION("a margin of the workload's own is the one that holds") {
    library.folder.file(
        "gate.yaml",
        "gate: tiny\nquality: {sweep: sweep.yaml, margin: 30%, margins: {theory_linear_regression: 1%}}\n");
    CHECK_THAT(library.gate({}).out, ContainsSubstring("margin 1 %"));
  }
  SECTION("a sweep that asks for something else is inconclusive, with a page") {
    const Outcome other = library.gate({"--set", "sgd.lr=0.1", "--pages", "pages"});
    CHECK(other.exit == 4);
    CHECK_THAT(other.out, ContainsSubstring("asks for something else"));
    CHECK(std::distance(std::filesystem::directory_iterator(library.folder.path() / "pages"), {}) == 1);
  }
  SECTION("an edit by hand is refused") {
    std::string edited = first;
    edited.replace(edited.find("the first"), 9, "no reason");
    library.folder.file("main.json", edited);
    const Outcome refused = library.gate({});
    CHECK(refused.exit == 2);
    CHECK_THAT(refused.err, ContainsSubstring("its seal does not fit"));
  }
  SECTION("the history names the accepted state") {
    const Outcome history =
        run_velo({"history", "--baseline", "main.json", "--out", "store", "--format", "csv"}, library.folder.path());
    CHECK(history.exit == 0);
    CHECK_THAT(history.out, ContainsSubstring("the first"));
  }
}

TEST_CASE("bad input to the gate has one sentence") {
  const Library library;
  const auto refused = [&](const std::string& yaml, const std::string& sentence) {
    library.folder.file("gate.yaml", yaml);
    const Outcome outcome = library.gate({});
    INFO(yaml << outcome.err);
    CHECK(outcome.exit == 2);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK_THAT(outcome.err, ContainsSubstring(sentence));
  };
  refused("gate: x\nqualty: {}\n", "unknown key 'qualty'");
  refused("quality: {sweep: sweep.yaml}\n", "gate");
  refused("gate: x\nquality: {sweep: none.yaml}\n", "there is no sweep file");
  refused("gate: x\nquality: {sweep: sweep.yaml, margin: -3%}\n", "margin is a positive fraction");
  refused("gate: x\nquality: {sweep: sweep.yaml, margins: {quadratik: 3%}}\n", "did you mean 'quadratic'");
  refused("gate: x\nquality: {sweep: sweep.yaml, margins: {quadratic: 0}}\n", "the margin of quadratic is a positive");
  refused("gate: x\nquality: {sweep: sweep.yaml, level: 2}\n", "level is a number from");
  refused("gate: x\nreplay: {changed: maybe}\n", "changed is hold or note");
  refused("gate: x\nreplay: {cases: [adamv]}\n", "did you mean 'adam");
  refused("gate: x\nspeed: {algorithms: adamw}\n", "a list of algorithm entries");
  refused("gate: x\nspeed: {algorithms: [adamw, adamw]}\n", "measured twice");
  refused("gate: x\nspeed: {algorithms: [adamw], looks: [9, 6]}\n", "increasing numbers of rounds");
  refused("gate: x\nspeed: {algorithms: [adamw], parameters: 1.5}\n", "a whole number");

  library.folder.file("gate.yaml", gate_yaml);
  library.folder.file("main.json", "{}");
  CHECK_THAT(library.gate({}).err, ContainsSubstring("'main.json' is no baseline of a gate"));
  CHECK_THAT(library.gate({"--only", "everything"}).err, ContainsSubstring("replay, quality or speed"));
  CHECK_THAT(library.gate({"--because", "x"}).err, ContainsSubstring("belongs to `velo gate accept`"));
}

TEST_CASE("a baseline's build must be there, and must know how to pace") {
  const Library library;
  library.folder.file("gate.yaml", "gate: tiny\nspeed: {algorithms: [sgd], parameters: 1000, seconds: 20}\n");
  REQUIRE(library.gate({"accept", "--because", "the first"}).exit == 0);
  CHECK_THAT(library.gate({"--only", "speed", "--baseline-build", "nowhere"}).err,
             ContainsSubstring("neither a build folder with the program velo in it nor a program"));
  CHECK_THAT(library.gate({"--only", "speed", "--baseline-build", "/bin/false"}).err,
             ContainsSubstring("does not answer"));
  CHECK(library.gate({"--only", "speed"}).exit == 5);
}
