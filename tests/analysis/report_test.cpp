#include "analysis/report/page.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "analysis/report/figures.hpp"
#include "analysis/report/paper.hpp"
#include "analysis/report/payload.hpp"
#include "analysis/report/scale.hpp"
#include "analysis/report/svg.hpp"
#include "results/files.hpp"
#include "tests/analysis/stores.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

std::set<std::string> captures(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> out;
  for (auto i = std::sregex_iterator(text.begin(), text.end(), expression); i != std::sregex_iterator(); ++i) {
    out.insert((*i)[1]);
  }
  return out;
}

/// Whether every element is closed in the right order (style and script aside; HTML's void elements are known).
bool balanced(const std::string& page) {
  const std::set<std::string> empty{"meta", "input", "br"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    if (page.compare(at, 2, "<!") == 0) continue;
    const std::size_t end = page.find('>', at);
    const bool closing = page[at + 1] == '/';
    const std::size_t name = at + (closing ? 2 : 1);
    const std::string tag = page.substr(name, page.find_first_of(" >/", name) - name);
    if (closing) {
      if (open.empty() || open.back() != tag) return false;
      open.pop_back();
    } else if (page[end - 1] != '/' && !empty.contains(tag)) {
      open.push_back(tag);
    }
    if (!closing && (tag == "style" || tag == "script")) at = page.find(cat("</", tag), at) - 1;
  }
  return open.empty();
}

ReportData report_of(const SmallStore& small) { return gather(load_race(small.store, "race"), {}, {.resamples = 200}); }

std::vector<std::string> labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> out;
  for (const Tick& tick : ticks) {
    if (!tick.label.empty()) out.push_back(tick.label);
  }
  return out;
}

}  // namespace

TEST_CASE("the static report is one balanced page that needs no network") {
  const SmallStore small("report");
  const std::string page = static_page(report_of(small));
  CHECK(balanced(page));
  CHECK(captures(page, "(?:src|href)=\"(https?:[^\"]*)\"").empty());
  CHECK(page.find("@import") == std::string::npos);
  CHECK(page.find("url(") == std::string::npos);
}

TEST_CASE("every link of the report leads somewhere in it, and every trial can be reached") {
  const SmallStore small("links");
  const std::string page = static_page(report_of(small));
  const auto ids = captures(page, "id=\"([^\"]+)\"");
  for (const auto& target : captures(page, "href=\"#([^\"]+)\"")) {
    INFO(target);
    CHECK(ids.contains(target));
  }
  for (int i = 0; i < 12; ++i) CHECK(ids.contains(cat("trial-", i)));
}

TEST_CASE("the report says where its numbers come from") {
  const SmallStore small("provenance");
  ReportData data = report_of(small);
  data.command = "velo report race --clock 'a<b'";
  const std::string page = static_page(data);
  CHECK_THAT(page, ContainsSubstring("velo report race --clock &#39;a&lt;b&#39;") &&
                       ContainsSubstring("0123456789abcdef") && ContainsSubstring("test box x2") &&
                       ContainsSubstring("configs/sweeps/race.yaml") &&
                       ContainsSubstring("1 of 13 cells of the sweep have not been run yet") &&
                       ContainsSubstring("at most 75 %"));
  for (const TrialOutcome& trial : data.race.trials) CHECK_THAT(page, ContainsSubstring(trial.cell));
}

TEST_CASE("the same results give the same page") {
  const SmallStore small("same");
  CHECK(static_page(report_of(small)) == static_page(report_of(small)));
}

TEST_CASE("the interactive page holds every trial once, in text that cannot end its element") {
  const SmallStore small("interactive");
  ReportData data = report_of(small);
  data.race.trials.front().stop_reason = "</script>";
  const std::string page = interactive_page(data);
  CHECK(captures(page, "(https?://[^\"<]*)\" src").empty());
  for (const TrialOutcome& trial : data.race.trials) CHECK_THAT(page, ContainsSubstring(cat("\"", trial.cell, "\"")));
  const auto json = payload(data);
  CHECK(json.find('<') == std::string::npos);
  const auto parsed = nlohmann::json::parse(json);
  CHECK(parsed["trials"]["w"].size() == data.race.trials.size());
  CHECK(parsed["curves"].size() == data.race.trials.size());
  CHECK(parsed["algorithms"].size() == 2);
}

TEST_CASE("a figure for a paper is as wide as asked, stands alone and names what is unknown") {
  const SmallStore small("paper");
  const ReportData data = report_of(small);
  for (const PaperFigure& figure : paper_figures()) {
    const std::string svg = paper_figure(data, figure.name, {});
    INFO(figure.name);
    CHECK(balanced(svg.substr(svg.find('\n') + 1)));
    CHECK_THAT(svg, ContainsSubstring("width=\"84mm\"") && ContainsSubstring("xmlns=\"http://www.w3.org/2000/svg\""));
    CHECK(svg.find("var(") == std::string::npos);
    CHECK(svg.find("<image") == std::string::npos);
    CHECK(svg.find("<a ") == std::string::npos);
  }
  CHECK_THROWS_WITH(paper_figure(data, "profil", {}), ContainsSubstring("did you mean 'profile'"));
  CHECK_THROWS_WITH(paper_figure(data, "curves", {.workloads = {"slop"}}), ContainsSubstring("slope{width=64}"));
  CHECK_THROWS_WITH(paper_figure(data, "sensitivity", {.hyperparameter = "l"}), ContainsSubstring("lr"));
}

TEST_CASE("a missing trajectory is said, not fatal") {
  const SmallStore small("missing");
  const Race race = load_race(small.store, "race");
  std::filesystem::remove(std::filesystem::path(race.trials.front().path) / "trajectory.h5");
  const ReportData data = report_of(small);
  REQUIRE(data.problems.size() == 2);
  CHECK_THAT(data.problems[0], ContainsSubstring("1 of 13 cells of the sweep have not been run yet"));
  CHECK_THAT(data.problems[1], ContainsSubstring("trajectory.h5"));
  CHECK(data.curves.front().metric.empty());
  CHECK(balanced(static_page(data)));
}

TEST_CASE("writing the report makes its folder") {
  const SmallStore small("write");
  const auto file = small.root / "reports" / "race" / "report.html";
  write_report(report_of(small), file);
  CHECK_THAT(read_file(file), ContainsSubstring("</html>"));
}

TEST_CASE("searched hyperparameters are those that differ, and trials that missed the target are drawn hollow") {
  const SmallStore small("searched");
  const ReportData data = report_of(small);
  CHECK(data.searched("slow") == std::vector<std::string>{"lr"});
  const std::string figure = sensitivity_figure(data, "slope{width=64}", "slow", "lr");
  CHECK_THAT(figure,
             ContainsSubstring("missed") && ContainsSubstring("mk hollow") && ContainsSubstring("not reached after"));
  CHECK(sensitivity_figure(data, "slope{width=64}", "fast one", "lr").find("mk hollow") == std::string::npos);
}

TEST_CASE("parallel coordinates have an axis per searched hyperparameter and one for the time, and say who missed") {
  const SmallStore small("parallel");
  const ReportData data = report_of(small);
  const std::string figure = parallel_figure(data, "slope{width=64}", "slow");
  CHECK_THAT(figure, ContainsSubstring(">lr</text>") && ContainsSubstring(">time to target</text>") &&
                         ContainsSubstring(">missed</text>") && ContainsSubstring("class=\"ghost s"));
  const std::string fast = parallel_figure(data, "slope{width=64}", "fast one");
  CHECK(fast.find("missed") == std::string::npos);
  // Six trials, six lines; the fastest of all is drawn last.
  std::size_t lines = 0;
  for (std::size_t at = fast.find("<path"); at != std::string::npos; at = fast.find("<path", at + 1)) ++lines;
  CHECK(lines == 6);
  CHECK_THAT(fast.substr(fast.rfind("<path")), ContainsSubstring("quick0"));
}

TEST_CASE("a median curve keeps trials that have ended at their last value") {
  const Curve quick{{1, 2}, {1, 2}, {1, 2}, {0.5, 0.9}};
  const Curve slow{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {0.1, 0.2, 0.3}};
  const Curve late{{2, 3}, {2, 3}, {2, 3}, {0.4, 0.5}};
  const MedianCurve middle = median_curve({&quick, &slow, &late}, Clock::steps);
  CHECK(middle.work == std::vector<double>{1, 2, 3});
  CHECK(std::abs(middle.metric[0] - 0.3) < 1e-15);  // of 0.5 and 0.1; the third has not begun
  CHECK(middle.metric[1] == 0.4);
  CHECK(middle.metric[2] == 0.5);
}

TEST_CASE("linear ticks are round numbers and zero has no sign") {
  CHECK(labels(Scale::linear(-0.4, 0.4, 0, 100).ticks(5)) ==
        std::vector<std::string>{"-0.4", "-0.2", "0", "0.2", "0.4"});
  CHECK(labels(Scale::linear(0, 512000, 0, 100).ticks(6)) ==
        std::vector<std::string>{"0", "100k", "200k", "300k", "400k", "500k"});
}

TEST_CASE("logarithmic ticks number the decades, or 1, 2 and 5 where there is no room for two") {
  CHECK(labels(Scale::logarithmic(2e-4, 0.3, 0, 100).ticks(5)) == std::vector<std::string>{"0.001", "0.01", "0.1"});
  CHECK(labels(Scale::logarithmic(1.5, 30, 0, 100).ticks(5)) == std::vector<std::string>{"2", "5", "10", "20"});
  CHECK(labels(Scale::logarithmic(1e-9, 1e3, 0, 100).ticks(4)).size() <= 5);
}

TEST_CASE("scales map their ends and survive empty ranges") {
  const Scale y = Scale::linear(2, 4, 200, 100);
  CHECK(y(2) == 200);
  CHECK(y(3) == 150);
  CHECK(y(4) == 100);
  const Scale log = Scale::logarithmic(1, 100, 0, 50);
  CHECK(std::abs(log(10) - 25) < 1e-12);
  for (const Scale& flat : {Scale::linear(3, 3, 0, 10), Scale::logarithmic(3, 3, 0, 10), Scale::linear(0, 0, 0, 10),
                            Scale::logarithmic(-1, 0, 0, 10)}) {
    CHECK(flat.low() < flat.high());
    CHECK(std::isfinite(flat(flat.high())));
    CHECK_FALSE(flat.ticks(5).empty());
  }
}

TEST_CASE("numbers on axes are short") {
  CHECK(short_number(0) == "0");
  CHECK(short_number(1500) == "1500");
  CHECK(short_number(12800) == "12.8k");
  CHECK(short_number(2.5e6) == "2.5M");
  CHECK(short_number(0.0001) == "1e-4");
  CHECK(short_number(0.25) == "0.25");
}

TEST_CASE("values that span the factor asked for want a logarithmic axis, unless one of them is not positive") {
  CHECK(log_like({0.001, 0.02}, 20));
  CHECK_FALSE(log_like({0.1, 0.9}, 20));
  CHECK(log_like({0.1, 0.9}, 5));
  CHECK_FALSE(log_like({0, 100}, 5));
  CHECK_FALSE(log_like({}, 5));
}
