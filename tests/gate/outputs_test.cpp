#include "analysis/gate/outputs.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace velo::analysis {
namespace {

using Catch::Matchers::ContainsSubstring;

GateCase one(GatePart part, const std::string& name, GateVerdict verdict, const std::string& word) {
  GateCase out;
  out.part = part;
  out.name = name;
  out.verdict = verdict;
  out.word = word;
  out.sentence = "5 % <slower> & \"worse\"";
  return out;
}

GateReport report(std::vector<GateCase> cases) {
  GateReport out;
  out.gate = "regression";
  out.baseline = "main.json";
  out.candidate = "abc";
  out.date = "2026-01-01T00:00:00Z";
  out.cases = std::move(cases);
  return out;
}

const GateCase same = one(GatePart::replay, "sgd", GateVerdict::equivalent, "unchanged");
const GateCase good = one(GatePart::quality, "w/sgd", GateVerdict::equivalent, "equivalent");
const GateCase better = one(GatePart::quality, "w/lion", GateVerdict::improved, "improved");
const GateCase bad = one(GatePart::quality, "w/adamw", GateVerdict::regressed, "regressed");
const GateCase open = one(GatePart::speed, "adamw", GateVerdict::inconclusive, "inconclusive");
const GateCase nothing = one(GatePart::quality, "w/x", GateVerdict::nothing_measured, "nothing measured");

TEST_CASE("the worst case speaks for the gate, and has its exit status") {
  CHECK(report({same, good}).verdict() == GateVerdict::equivalent);
  CHECK(report({same, better, good}).verdict() == GateVerdict::improved);
  CHECK(report({better, nothing}).verdict() == GateVerdict::nothing_measured);
  CHECK(report({better, open, nothing}).verdict() == GateVerdict::inconclusive);
  CHECK(report({open, bad}).verdict() == GateVerdict::regressed);
  CHECK(report({}).verdict() == GateVerdict::nothing_measured);
  CHECK(exit_code(GateVerdict::improved) == ExitCode::ok);
  CHECK(exit_code(GateVerdict::equivalent) == ExitCode::ok);
  CHECK(exit_code(GateVerdict::regressed) == ExitCode::verdict);
  CHECK(exit_code(GateVerdict::inconclusive) == ExitCode::inconclusive);
  CHECK(exit_code(GateVerdict::nothing_measured) == ExitCode::nothing_measured);
}

TEST_CASE("JUnit counts failures and errors by suite, and escapes what it quotes") {
  const std::string xml = junit_xml(report({same, good, bad, open}));
  CHECK_THAT(xml, ContainsSubstring("tests=\"4\" failures=\"1\" errors=\"1\""));
  CHECK_THAT(xml, ContainsSubstring("<testsuite name=\"quality\" tests=\"2\" failures=\"1\" errors=\"0\""));
  CHECK_THAT(xml,
             ContainsSubstring("<failure type=\"regressed\" message=\"5 % &lt;slower&gt; &amp; &quot;worse&quot;\"/>"));
  CHECK_THAT(xml, ContainsSubstring("<error type=\"inconclusive\""));
}

TEST_CASE("GitHub's annotations escape per cent and colons, and say nothing of what is fine") {
  const std::string text = github_annotations(report({same, good, better, bad, open}));
  CHECK_THAT(text, ContainsSubstring("::error title=velo gate%3A quality of w/adamw::regressed: 5 %25 <slower>"));
  CHECK_THAT(text, ContainsSubstring("::warning title=velo gate%3A speed of adamw::"));
  CHECK_THAT(text, ContainsSubstring("::notice title=velo gate%3A quality of w/lion::"));
  CHECK(text.find("w/sgd") == std::string::npos);
}

TEST_CASE("the summary shows what is not plainly fine, and folds the rest away") {
  const std::string text = markdown_summary(report({same, good, bad}));
  CHECK_THAT(text, ContainsSubstring("## velo gate regression: regressed"));
  CHECK(text.find("w/adamw") < text.find("<details>"));
  CHECK(text.find("w/sgd") > text.find("<details>"));
  CHECK_THAT(text, ContainsSubstring("1 replayed trajectories are unchanged"));
  CHECK_THAT(text, ContainsSubstring("\\<slower>"));
}

TEST_CASE("a failing case has a page with both curves and its target") {
  GateCase failing = bad;
  failing.metric = "accuracy";
  failing.target = 0.8;
  failing.baseline_curve = {{0, 10, 20}, {0.1, 0.7, 0.85}};
  failing.candidate_curve = {{0, 10, 20}, {0.1, 0.6, 0.75}};
  const std::string page = case_page(report({failing}), failing);
  CHECK_THAT(page, ContainsSubstring("baseline and candidate"));
  CHECK_THAT(page, ContainsSubstring(">target<"));
  CHECK(page.find("<svg") != std::string::npos);
  CHECK(case_page_name(failing) == "quality_w_adamw.html");
  CHECK(is_failing(bad));
  CHECK(is_failing(open));
  CHECK_FALSE(is_failing(good));
  CHECK_FALSE(is_failing(better));
  CHECK_FALSE(is_failing(same));
}

}  // namespace
}  // namespace velo::analysis
