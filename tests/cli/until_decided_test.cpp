// `velo run --until decided`: real studies, looked at as they come in.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "results/store.hpp"
#include "tests/support/command.hpp"

using namespace velo;
using namespace velo::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string race(const std::string& second) {
  return R"(sweep: two
studies: 1
trials: 1
seeds: 5
workloads:
  - quadratic: {}
    target: {validation: 0.05}
algorithms:
  - sgd: {}
    label: plain
  - )" + second +
         "\n    label: other\nexecutor: {kind: local, workers: 2, threads: 1}\n";
}

Outcome decide(const std::string& file, const std::string& store, const ScratchFolder& scratch,
               std::vector<std::string> more = {}) {
  std::vector<std::string> line{"run", file, "--until", "decided", "--look-every", "3", "--out", store};
  line.insert(line.end(), more.begin(), more.end());
  return run_velo(line, scratch.path());
}

std::size_t runs_in(const std::filesystem::path& store) { return Store::open(store).scan().size(); }

}  // namespace

TEST_CASE("a clear difference stops the studies early, and the stored ones decide the same again") {
  const ScratchFolder scratch;
  const std::string file = scratch.file("two.yaml", race("adamw: {}"));
  const Outcome first = decide(file, "store", scratch, {"--max-studies", "12", "--format", "csv"});
  INFO(first.err);
  CHECK(first.exit == 0);
  CHECK_THAT(first.err, ContainsSubstring("plain against other: faster") &&
                            ContainsSubstring("adjusted for the looks") &&
                            ContainsSubstring("of at most 12 studies, look 2"));
  CHECK(runs_in(scratch.path() / "store") == 2 * 6);

  const Outcome again = decide(file, "store", scratch, {"--max-studies", "12", "--format", "csv"});
  CHECK(again.exit == 0);
  CHECK(again.out == first.out);
  CHECK(runs_in(scratch.path() / "store") == 2 * 6);

  const Outcome reversed =
      decide(file, "store", scratch, {"--max-studies", "12", "--candidate", "other", "--baseline", "plain"});
  CHECK(reversed.exit == 1);
  CHECK_THAT(reversed.out, ContainsSubstring("other against plain: slower"));
  CHECK(runs_in(scratch.path() / "store") == 2 * 6);
}

TEST_CASE("a decision goes on from studies that were stored before, and is that of an uninterrupted one") {
  const ScratchFolder scratch;
  const std::string file = scratch.file("two.yaml", race("adamw: {}"));
  const Outcome some =
      run_velo({"run", file, "--set", "studies=4", "--out", "begun", "--no-report", "-q"}, scratch.path());
  REQUIRE(some.exit == 0);
  const Outcome resumed = decide(file, "begun", scratch, {"--max-studies", "12", "--format", "csv", "-q"});
  const Outcome whole = decide(file, "fresh", scratch, {"--max-studies", "12", "--format", "csv", "-q"});
  CHECK(resumed.exit == whole.exit);
  CHECK(resumed.out == whole.out);
}

TEST_CASE("equals run to the last study and stay undecided, and are equivalent within a margin") {
  const ScratchFolder scratch;
  // The same rule, with a step that differs by less than any number of steps can show.
  const std::string file = scratch.file("two.yaml", race("sgd: {weight_decay: 1.0e-30}"));
  const Outcome undecided = decide(file, "store", scratch, {"--max-studies", "6", "-q"});
  INFO(undecided.err);
  CHECK(undecided.exit == 4);
  CHECK_THAT(undecided.out, ContainsSubstring("plain against other: undecided") && ContainsSubstring("look 2"));
  CHECK(runs_in(scratch.path() / "store") == 2 * 6);
  const Outcome equivalent = decide(file, "store", scratch, {"--max-studies", "6", "--margin", "5%", "-q"});
  CHECK(equivalent.exit == 0);
  CHECK_THAT(equivalent.out, ContainsSubstring("margin 5 %: equivalent"));
}

TEST_CASE("what --until cannot mean is said before anything runs") {
  const ScratchFolder scratch;
  const std::string file = scratch.file("two.yaml", race("adamw: {}"));
  const auto refused = [&](const std::vector<std::string>& more) {
    const Outcome outcome = decide(file, "store", scratch, more);
    CHECK(outcome.exit == 2);
    return outcome.err;
  };
  CHECK_THAT(refused({"--set", "studies=5"}), ContainsSubstring("leave --set studies out"));
  CHECK_THAT(refused({"--redo"}), ContainsSubstring("--redo would run each again"));
  CHECK_THAT(refused({"--candidate", "plian", "--baseline", "other"}), ContainsSubstring("did you mean 'plain'"));
  CHECK_THAT(refused({"--candidate", "plain"}), ContainsSubstring("--candidate and --baseline"));
  CHECK_THAT(refused({"--max-studies", "2"}), ContainsSubstring("at most 2 studies"));
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "store"));
}
