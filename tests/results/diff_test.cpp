#include "results/diff.hpp"

#include <algorithm>
#include <fstream>

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::vector<double>& values(SeriesGroup& group, const std::string& series) {
  const auto found =
      std::find_if(group.series.begin(), group.series.end(), [&](const Series& s) { return s.info.name == series; });
  REQUIRE(found != group.series.end());
  return found->values;
}

/// The differences that `change` to one of two equal runs makes.
std::vector<Difference> after(const std::function<void(Trajectory&)>& change) {
  const Scratch scratch;
  const Store a = Store::create(scratch / "a"), b = Store::create(scratch / "b");
  put_sample_run(a, 1);
  put_sample_run(b, 1, change);
  const StoreDifference result = diff_stores(a, b);
  CHECK(result.compared == 1);
  return result.differences;
}

}  // namespace

TEST_CASE("equal stores show no difference") { CHECK(after({}).empty()); }

TEST_CASE("timings and provenance stay aside") {
  const auto differences = after([](Trajectory& t) {
    t.summary.seconds.step = 9;
    t.summary.result.seconds = 9;
    t.summary.resumed = 1;
    t.summary.lost_seconds = 3;
    t.summary.attempt = 2;
    t.summary.started_at = "2027-01-01T00:00:00Z";
    t.summary.fingerprint.host = "another";
    t.summary.peak_memory_bytes = 1;
    for (auto* group : {&t.evaluations, &t.steps}) values(*group, "seconds").assign(group->rows(), 7.0);
    values(t.evaluations, "wall_seconds").assign(3, 8.0);
    t.events.clear();
  });
  CHECK(differences.empty());
}

TEST_CASE("one changed bit of one value is found at its step") {
  const auto differences =
      after([](Trajectory& t) { values(t.evaluations, "validation/loss")[1] = std::nextafter(0.125, 1.0); });
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].what == "evaluations/validation/loss");
  CHECK(differences[0].text == "at step 200: 0.125 against 0.12500000000000003");
  CHECK(differences[0].label == "quadratic / adamw tuned");
}

TEST_CASE("a changed result, a shorter series, a missing series and a changed configuration are each named") {
  const auto result = after([](Trajectory& t) { t.summary.stop_reason = StopReason::budget; });
  REQUIRE(result.size() == 1);
  CHECK(result[0].what == "stop_reason");
  CHECK(result[0].text == "target against budget");

  const auto shorter = after([](Trajectory& t) {
    for (auto& series : t.steps.series) series.values.pop_back();
  });
  REQUIRE_FALSE(shorter.empty());
  CHECK(shorter[0].what == "steps/step");
  CHECK(shorter[0].text == "4 rows against 3");

  const auto missing = after([](Trajectory& t) { t.steps.series.pop_back(); });
  REQUIRE(missing.size() == 1);
  CHECK(missing[0].text == "is missing on the right");

  const auto config = after([](Trajectory& t) { t.config = "workload: quadratic\nseed: 8\n"; });
  REQUIRE(config.size() == 1);
  CHECK(config[0].what == "config");
  CHECK(config[0].text == "line 2: 'seed: 7' against 'seed: 8'");
}

TEST_CASE("a cell in one store only and an unreadable run are differences") {
  const Scratch scratch;
  const Store a = Store::create(scratch / "a"), b = Store::create(scratch / "b");
  put_sample_run(a, 1);
  put_sample_run(a, 2);
  const RunRef run = put_sample_run(b, 1);
  std::ofstream(b.folder(run).trajectory()) << "rubbish";
  const StoreDifference result = diff_stores(a, b);
  REQUIRE(result.differences.size() == 2);
  std::vector<std::string> what{result.differences[0].what, result.differences[1].what};
  std::sort(what.begin(), what.end());
  CHECK(what == std::vector<std::string>{"missing", "unreadable"});
}
