// query, check, bundle and --where, through the command's own parser.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "results/files.hpp"
#include "tests/analysis/stores.hpp"
#include "tests/analysis/velo_says.hpp"

using namespace velo;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string place(const SmallStore& small) { return small.root.string(); }

}  // namespace

TEST_CASE("velo query lists its queries and answers them in every format, with a footer where it does no harm") {
  const SmallStore small("query_verb");
  CHECK_THAT(velo_says({"query", "--list"}).out,
             ContainsSubstring("time_to_result") && ContainsSubstring("median over studies"));
  const auto ask = [&](const std::string& format, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"query", "time_to_result", "--store", place(small), "--format", format};
    words.insert(words.end(), more.begin(), more.end());
    return velo_says(words);
  };
  CHECK_THAT(ask("table").out, ContainsSubstring("n = 12, 0 failed, 0 unfinished, 0 left out"));
  CHECK_THAT(ask("latex").out, ContainsSubstring("\\textbf{15360}") && ContainsSubstring("\n% query "));
  CHECK_THAT(ask("markdown").out, ContainsSubstring("**15360**"));
  CHECK(ask("json").out.starts_with('['));
  CHECK_THAT(ask("json", {"--footer"}).out,
             ContainsSubstring("\"provenance\": {\"query\": ") && ContainsSubstring("\"n\": 12"));
  CHECK(ask("csv").out.find('#') == std::string::npos);
  CHECK_THAT(ask("csv").err, ContainsSubstring("n = 12"));
  CHECK_THAT(ask("csv", {"--footer"}).out, ContainsSubstring("\r\n# query "));
}

TEST_CASE("--where narrows a query, a score and a comparison, and counts what it leaves out") {
  const SmallStore small("query_where");
  const std::string where = "study < 2 and lr < 5e-3";
  CHECK_THAT(velo_says({"query", "time_to_result", "--store", place(small), "--where", where}).out,
             ContainsSubstring("n = 4,"));
  const Said score =
      velo_says({"score", "--all", "--store", place(small), "--where", "algorithm=fast", "--show", "scores"});
  CHECK(score.code == 0);
  CHECK_THAT(score.out, ContainsSubstring("fast one") && !ContainsSubstring("slow"));
  CHECK_THAT(velo_says({"score", "race", "--store", place(small), "--where", where}).err,
             ContainsSubstring("9 of the 13 cells of the sweep were not run or do not meet"));
  const Said none = velo_says({"score", "--store", place(small), "--where", "study > 7"});
  CHECK(none.code == 5);
  CHECK_THAT(none.err, ContainsSubstring("meets 'study > 7'"));
  const Said wrong = velo_says({"query", "best", "--store", place(small), "--where", "momentun=1"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.err, ContainsSubstring("did you mean 'momentum'?"));
}

TEST_CASE("a query over mixed versions says so") {
  const SmallStore small("query_mixed");
  const std::string cell = small.store.cells().front();
  TrialSummary changed = small.store.read_status({cell, "0001"});
  changed.workload_version = 2;
  small.store.write_status(changed);
  REQUIRE(velo_says({"index", "--store", place(small)}).code == 0);
  CHECK_THAT(velo_says({"query", "best", "--store", place(small)}).err,
             ContainsSubstring("occurs with 2 versions, which do not compare"));
}

TEST_CASE("velo check names a stale table, the run that changed, and updates it") {
  const SmallStore small("check");
  const std::string document = (small.root / "paper.md").string();
  const auto write = [&](const std::string& body) {
    std::ofstream(document) << "# Paper\n\n<!-- velo: query cost --format markdown --store " << place(small) << " -->\n"
                            << body << "<!-- end -->\n\nText.\n";
  };
  write("old\n");
  const Said first = velo_says({"check", document});
  CHECK(first.code == 1);
  CHECK_THAT(first.err, ContainsSubstring(document + ":3: stale: which runs it was made of is not recorded"));
  CHECK(velo_says({"check", "--update", document}).code == 0);
  CHECK_THAT(read_file(document),
             ContainsSubstring("| slope |") && ContainsSubstring("\n\nText.\n") && !ContainsSubstring("old"));
  CHECK(velo_says({"check", document}).code == 0);

  const std::string cell = small.store.cells().front();
  small.run_again(cell, Status::done, 78);
  const Said changed = velo_says({"check", document});
  CHECK(changed.code == 1);
  CHECK_THAT(changed.err, ContainsSubstring("run " + cell + "/0002") && ContainsSubstring("is new") &&
                              ContainsSubstring("is gone or superseded"));
  CHECK(velo_says({"check", "--update", document}).code == 0);
  write("edited\n");
  CHECK_THAT(velo_says({"check", document}).err, ContainsSubstring("no run has changed: the text was edited"));
}

TEST_CASE("velo check refuses documents whose commands do more than ask, and says which command fails") {
  const SmallStore small("check_bad");
  const std::string document = (small.root / "bad.tex").string();
  std::ofstream(document) << "% velo: index --store " << place(small) << "\n% end\n% velo: query nosuch --store "
                          << place(small) << "\n% end\n";
  const Said said = velo_says({"check", document});
  CHECK(said.code == 1);
  CHECK_THAT(said.err, ContainsSubstring(":1: broken: a document may hold what") &&
                           ContainsSubstring(":3: broken: its command fails: velo: there is no query 'nosuch'"));
  std::ofstream(document) << "nothing marked\n";
  CHECK(velo_says({"check", document}).code == 5);
}

TEST_CASE("a bundle is a store of its own that scores alike, and shows what was changed in it") {
  const SmallStore small("bundle");
  const std::string folder = (small.root / "bundle").string();
  const Said made = velo_says({"bundle", folder, "--store", place(small), "--where", "study < 2", "--command",
                               "score race --show scores --format csv"});
  INFO(made.err);
  REQUIRE(made.code == 0);
  CHECK_THAT(made.err, ContainsSubstring("8 runs bundled"));
  const Said score = velo_says({"score", "race", "--show", "scores", "--format", "csv", "--store", folder});
  CHECK(score.code == 0);
  CHECK(score.out == read_file(folder + "/answer.txt"));
  CHECK_THAT(read_file(folder + "/README.md"),
             ContainsSubstring("velo score race --show scores --format csv --store ."));
  CHECK(velo_says({"bundle", folder, "--verify"}).code == 0);
  CHECK(velo_says({"bundle", folder, "--store", place(small)}).code == 2);

  std::ofstream(folder + "/answer.txt", std::ios::app) << "1";
  std::ofstream(folder + "/stray") << "1";
  const Said broken = velo_says({"bundle", folder, "--verify"});
  CHECK(broken.code == 1);
  CHECK_THAT(broken.err,
             ContainsSubstring("answer.txt has changed") && ContainsSubstring("stray does not belong to the bundle"));
}
