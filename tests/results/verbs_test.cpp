#include <iostream>
#include <sstream>

#include "harness/cli/verb.hpp"
#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

struct Said {
  int code;
  std::string out;
  std::string err;
};

Said velo_says(std::vector<std::string> words) {
  words.insert(words.begin(), "velo");
  std::vector<const char*> arguments;
  for (const auto& word : words) arguments.push_back(word.c_str());
  std::ostringstream out, err;
  auto* old_out = std::cout.rdbuf(out.rdbuf());
  auto* old_err = std::cerr.rdbuf(err.rdbuf());
  const int code = run_cli(nullptr, static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_err);
  return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("velo index makes the index, velo query asks it in three formats") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  const std::string place = store.root().string();

  const Said none = velo_says({"query", "SELECT 1", "--out", place});
  CHECK(none.code == 2);
  CHECK(none.err == "velo: there is no index '" + place + "/index.sqlite'; `velo index` makes it\n");

  const Said index = velo_says({"index", "--out", place});
  CHECK(index.code == 0);
  CHECK(index.out.empty());
  CHECK(index.err == "indexed 1 runs in " + place + "/index.sqlite\n");

  const std::string sql = "SELECT label, steps, test_target FROM trials";
  CHECK(velo_says({"query", sql, "--out", place, "--format", "csv"}).out ==
        "label,steps,test_target\r\nadamw tuned,300,\r\n");
  const Said json = velo_says({"query", sql, "--out", place, "--format", "json"});
  CHECK(json.code == 0);
  CHECK(json.out.find("\"steps\": 300") != std::string::npos);
  CHECK(velo_says({"query", sql, "--out", place}).out.find("adamw tuned") != std::string::npos);
}

TEST_CASE("velo query refuses to write and repeats what SQLite says") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  put_sample_run(store, 1);
  const std::string place = store.root().string();
  REQUIRE(velo_says({"index", "--out", place}).code == 0);
  const Said write = velo_says({"query", "DROP TABLE trials", "--out", place});
  CHECK(write.code == 2);
  CHECK(write.err ==
        "velo: a query only reads; the index is made from the files of the runs and `velo index` rebuilds it\n");
  CHECK(velo_says({"query", "SELECT x FROM trials", "--out", place}).err == "velo: SQL: no such column: x\n");
}

TEST_CASE("velo index merges stores, dumps the same text twice and says what it left out") {
  const Scratch scratch;
  const Store a = Store::create(scratch / "a"), b = Store::create(scratch / "b");
  put_sample_run(a, 1);
  const RunRef run = put_sample_run(b, 2);
  const std::string place = a.root().string(), other = b.root().string();
  const Said first = velo_says({"index", "--out", place, "--merge", other, "--dump"});
  CHECK(first.code == 0);
  CHECK(first.err == "copied 1 runs from " + other + "\nindexed 2 runs in " + place + "/index.sqlite\n");
  CHECK(velo_says({"index", "--out", place, "--dump"}).out == first.out);

  replace_file(a.folder(run).status(), "{}");
  const Said damaged = velo_says({"index", "--out", place});
  CHECK(damaged.code == 3);
  CHECK(damaged.err.starts_with("left out: '"));
}

TEST_CASE("velo index of an empty store measures nothing") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  CHECK(velo_says({"index", "--out", store.root().string()}).code == 5);
}

TEST_CASE("velo diff tells equal stores from different ones by its exit status") {
  const Scratch scratch;
  const Store a = Store::create(scratch / "a"), b = Store::create(scratch / "b");
  const std::string left = a.root().string(), right = b.root().string();
  CHECK(velo_says({"diff", left, right}).code == 5);
  put_sample_run(a, 1);
  put_sample_run(b, 1);
  const Said equal = velo_says({"diff", left, right});
  CHECK(equal.code == 0);
  CHECK(equal.err == "compared 1 cells present in both: 0 differences\n");

  put_sample_run(b, 2);
  const Said different = velo_says({"diff", left, right, "--format", "csv"});
  CHECK(different.code == 1);
  CHECK(different.out == "cell,entry,what,difference\r\n" + cell_name(2) +
                             ",quadratic / adamw tuned,missing,only in '" + right + "'\r\n");
  CHECK(velo_says({"diff", left, (scratch / "none").string()}).code == 2);
}

TEST_CASE("each verb shows its examples") {
  for (const std::string verb : {"index", "query", "diff"}) {
    const Said help = velo_says({verb, "--help"});
    CHECK(help.code == 0);
    CHECK(help.out.find("Examples:\n  velo " + verb) != std::string::npos);
  }
}
