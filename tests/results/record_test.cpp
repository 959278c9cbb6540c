#include "results/record.hpp"

#include <cctype>
#include <set>

#include "results/fields.hpp"
#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

TEST_CASE("a status from before a field was added reads with the field's default") {
  std::string text = summary_to_json(sample_summary());
  const auto erase = [&](const std::string& key) {
    const auto at = text.find(" \"" + key);
    REQUIRE(at != std::string::npos);
    text.erase(at, text.find('\n', at) + 1 - at);
  };
  for (const char* added : {"workload_role", "base_workload", "evaluations_to_result", "work_to_result", "budget_work"})
    erase(added);
  text[text.rfind(',')] = ' ';
  const TrialSummary read = summary_from_json(text, "s.json");
  CHECK(read.workload_role == WorkloadRole::base);
  CHECK(read.result.evaluations == 0);
  CHECK_FALSE(read.result.work);
  CHECK_FALSE(read.budget_work);
  CHECK(read.finished_at == sample_summary().finished_at);
}

TEST_CASE("all that is asked for is charged: a forward pass a third of a gradient, a Hessian-vector product two") {
  CHECK(Work{.example_gradients = 7}.charged() == 7.0);
  CHECK(Work{.forward_examples = 6}.charged() == 2.0);
  CHECK(Work{.hvps = 5}.charged() == 10.0);
  CHECK(Work{.steps = 9, .examples = 9, .example_gradients = 1, .forward_examples = 1, .hvps = 1}.charged() ==
        10.0 / 3.0);
}

TEST_CASE("an older record's work to its result is exact where it asked for gradients alone, else a bound") {
  TrialSummary old;
  old.result.example_gradients = 300;
  old.work.example_gradients = 500;
  CHECK(old.work_to_result() == 300.0);
  old.work.forward_examples = 30;
  old.work.hvps = 5;
  CHECK(old.work_to_result() == 320.0);
  old.result.work = 304.0;
  CHECK(old.work_to_result() == 304.0);
}

TEST_CASE("every word of an enumeration reads back as its value") {
  for (const auto s : {Status::planned, Status::running, Status::done, Status::failed, Status::stale})
    CHECK(parse_status(name(s)) == s);
  for (int i = 0; i <= static_cast<int>(StopReason::error); ++i) {
    const auto reason = static_cast<StopReason>(i);
    CHECK(parse_stop_reason(name(reason)) == reason);
  }
  for (const auto i : {Isolation::exclusive, Isolation::pinned, Isolation::shared})
    CHECK(parse_isolation(name(i)) == i);
  for (const auto d : {Direction::none, Direction::lower, Direction::higher}) CHECK(parse_direction(name(d)) == d);
}

TEST_CASE("an unknown word is refused with the valid ones") {
  CHECK(error_of([] { (void)parse_isolation("lonely"); }) ==
        "'lonely' is not a known isolation; valid are exclusive, pinned and shared");
}

TEST_CASE("a summary survives its text form unchanged") {
  const TrialSummary summary = sample_summary();
  const std::string text = summary_to_json(summary);
  const TrialSummary back = summary_from_json(text, "status.json");
  CHECK(summary_to_json(back) == text);
  CHECK(back.seed == summary.seed);
  CHECK(back.final_training_loss == summary.final_training_loss);
  CHECK_FALSE(back.test_target.has_value());
  CHECK(back.stop_reason == StopReason::target);
  CHECK(back.fingerprint.libraries == summary.fingerprint.libraries);
}

TEST_CASE("a diverged loss survives the text form") {
  TrialSummary summary = sample_summary();
  summary.final_training_loss = std::numeric_limits<double>::infinity();
  summary.final_validation = std::nan("");
  const TrialSummary back = summary_from_json(summary_to_json(summary), "status.json");
  CHECK(std::isinf(*back.final_training_loss));
  CHECK(std::isnan(*back.final_validation));
}

TEST_CASE("a status file that is foreign, incomplete, damaged or newer is refused in one sentence") {
  const auto refusal = [](const std::string& text) {
    return error_of([&] { (void)summary_from_json(text, "s.json"); });
  };
  CHECK(refusal("") == "'s.json' is not a status file of velo; move it away or restore it");
  CHECK(refusal("[1]") == "'s.json' is not a status file of velo; move it away or restore it");
  CHECK(refusal(R"({"layout_version":99})") ==
        "'s.json' has layout 99, newer than the 1 this velo reads; use the newer velo");
  CHECK(refusal(R"({"layout_version":1})") == "'s.json' lacks the field 'cell'; restore it or run the trial again");
  std::string misspelt = summary_to_json(sample_summary());
  misspelt.replace(misspelt.find("\"done\""), 6, "\"dome\"");
  CHECK(refusal(misspelt) ==
        "field 'status' of 's.json' is unusable: 'dome' is not a known status; valid are planned, running, done, "
        "failed and stale");
}

TEST_CASE("field names are unique") {
  std::set<std::string> names;
  TrialSummary any;
  visit_fields(any, [&](const Field& field, const auto&) { CHECK(names.insert(std::string(field.name)).second); });
}

TEST_CASE("the hardware class drops clock rates, trademarks and filler") {
  Fingerprint f;
  f.cpu_model = "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz";
  f.cores = 2;
  f.isa = "avx512";
  CHECK(hardware_class(f) == "intel xeon platinum 8481c x2 avx512");
  f.cpu_model = "AMD EPYC 7B13 64-Core Processor";
  f.cores = 8;
  f.isa = "";
  CHECK(hardware_class(f) == "amd epyc 7b13 64-core x8");
  f.device = "NVIDIA H200";
  CHECK(hardware_class(f) == "nvidia h200");
}

TEST_CASE("the fingerprint of this machine names its processors, memory and system") {
  BuildFacts build;
  build.backend = "OpenMP";
  build.threads = 2;
  const Fingerprint f = host_fingerprint(build);
  CHECK(f.cores >= 1);
  CHECK(f.memory_bytes > 0);
  CHECK_FALSE(f.cpu_model.empty());
  CHECK_FALSE(f.os.empty());
  CHECK(f.backend == "OpenMP");
  CHECK(f.hardware_class == hardware_class(f));
}

TEST_CASE("times are UTC in ISO 8601") {
  std::string shape = utc_now();
  for (char& c : shape)
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) c = '0';
  CHECK(shape == "0000-00-00T00:00:00Z");
}

TEST_CASE("a full disk leaves the old file and says so") {
  const Scratch scratch;
  replace_file(scratch / "a.txt", "old");
  CHECK(error_of([] { replace_file("/dev/full/x", "new"); }) == "cannot write '/dev/full/x': Not a directory");
  CHECK(error_of([] { (void)JournalWriter::create("/dev/full"); }) ==
        "cannot write '/dev/full': No space left on device; free some space and start again");
  CHECK(read_file(scratch / "a.txt") == "old");
}
