#include "analysis/queries.hpp"

#include <catch2/catch_test_macros.hpp>

#include "analysis/documents.hpp"
#include "analysis/provenance.hpp"
#include "analysis/reproduction.hpp"
#include "results/error.hpp"
#include "tests/analysis/stores.hpp"

using namespace velo;
using namespace velo::analysis;
using namespace velo::analysis::testing;

namespace {

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* sound =
    "-- What\n-- metric: a\n-- direction: lower\n-- pairing: none\n-- aggregation: sum\nSELECT 1 AS a;\n";

}  // namespace

TEST_CASE("every named query answers, and has the columns that its header names") {
  const SmallStore small("queries");
  CHECK(named_queries().size() >= 6);
  for (const NamedQuery& query : named_queries()) {
    INFO(query.name);
    Table table = TrialIndex::open_read_only(small.store).query(query.sql);
    CHECK_NOTHROW(take_marks(query, table));
    CHECK((query.name == "failures" || query.name == "sensitivity" || !table.rows.empty()));
  }
}

TEST_CASE("times to the result are those of the score") {
  const SmallStore small("query_times");
  const Table table = TrialIndex::open_read_only(small.store).query(named_query("time_to_result").sql);
  REQUIRE(table.rows.size() == 2);
  CHECK(std::get<std::string>(table.rows[0][3]) == "fast one");
  CHECK(std::get<double>(table.rows[0][4]) == 12 * 1280);  // studies 10, 12, 14 evaluations
  CHECK(std::get<double>(table.rows[1][4]) == 22 * 1280);  // 20, 22, never
}

TEST_CASE("a query's header is checked") {
  CHECK(parse_query("q", sound).sql == "SELECT 1 AS a;\n");
  CHECK(refusal([] { (void)parse_query("q", "-- What\n-- metric: a\nSELECT 1"); }) ==
        "query 'q': its header lacks 'direction'");
  CHECK(refusal([] { (void)parse_query("q", "-- What\n-- metrik: a\nSELECT 1"); }).find("did you mean 'metric'") !=
        std::string::npos);
  std::string up = sound;
  up.replace(up.find("lower"), 5, "up");
  CHECK(refusal([&] {
          (void)parse_query("q", up);
        }).starts_with("query 'q': the direction 'up' is not one of lower, higher"));
  CHECK(refusal([] {
          (void)named_query("time_to_resul");
        }).starts_with("there is no query 'time_to_resul' (did you mean 'time_to_result'?)"));
}

TEST_CASE("the best of each group is marked, and whose interval meets its") {
  const Table table{{{"workload"}, {"time", ColumnType::real}, {"low", ColumnType::real}, {"high", ColumnType::real}},
                    {{std::string("a"), 1.0, 0.5, 1.5},
                     {std::string("a"), 2.0, 1.5, 3.0},
                     {std::string("a"), 4.0, 3.5, {}},
                     {std::string("b"), 9.0, 8.0, 9.5},
                     {std::string("b"), {}, 7.0, {}}}};
  const Marks marks = best_of(table, {{"time", "lower", "low", "high"}}, {"workload"});
  CHECK(marks.at(0, 1));
  CHECK(marks.at(1, 1));
  CHECK_FALSE(marks.at(2, 1));
  CHECK(marks.at(3, 1));
  CHECK_FALSE(marks.at(4, 1));
  const Marks sharp = best_of(table, {{"time", "higher", "", ""}}, {});
  CHECK(sharp.at(3, 1));
  CHECK_FALSE(sharp.at(2, 1));
}

TEST_CASE("LaTeX and Markdown escape texts, round as for people, and set the best in bold") {
  const Table table{{{"label"}, {"lr_value", ColumnType::real}, {"n", ColumnType::integer}},
                    {{std::string("a_b & 5%"), 1.25e-8, std::int64_t{3}}, {std::string("x|y"), {}, std::int64_t{-4}}}};
  const Marks marks{{{false, false, true}, {false, false, false}}};
  CHECK(to_latex(table, marks) ==
        "\\begin{tabular}{lrr}\n\\toprule\nlabel & lr value & n \\\\\n\\midrule\n"
        "a\\_b \\& 5\\% & $1.25\\times 10^{-8}$ & \\textbf{3} \\\\\nx|y & -- & $-4$ "
        "\\\\\n\\bottomrule\n\\end{tabular}\n");
  CHECK(to_markdown(table, marks) ==
        "| label | lr value | n |\n|---|---:|---:|\n| a\\_b &amp; 5% | 1.25e-08 | **3** |\n| x\\|y | - | -4 |\n");
}

TEST_CASE("provenance counts runs, and its word for them changes when one does") {
  const SmallStore small("provenance");
  const auto ask = [&] { return provenance_of(TrialIndex::open_read_only(small.store), "SELECT 1"); };
  const Provenance before = ask();
  CHECK(before.n == 12);
  CHECK(before.failed == 0);
  CHECK(before.left_out == 0);
  CHECK(before.first_commit == "0123456789abcdef");
  small.run_again(small.store.cells().front(), Status::done, 77);
  const Provenance after = ask();
  CHECK(after.n == 12);
  CHECK(after.left_out == 1);
  CHECK(after.runs != before.runs);
  CHECK(after.query == before.query);
}

TEST_CASE("a document's blocks are found, their words cut as a shell does, and mistakes named by line") {
  const std::string text =
      "# T\n<!-- velo: query best --where 'lr < 1' -->\nold\n<!-- end -->\n% velo: score --format latex\n% end\n"
      "<!-- velo-file f.svg: figure profile --out {} -->\n";
  const auto blocks = document_blocks(text, "d.md");
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].line == 2);
  CHECK(blocks[0].command == std::vector<std::string>{"query", "best", "--where", "lr < 1"});
  CHECK(text.substr(blocks[0].begin, blocks[0].end - blocks[0].begin) == "old\n");
  CHECK(blocks[1].latex);
  CHECK(blocks[1].begin == blocks[1].end);
  CHECK(blocks[2].file == "f.svg");
  CHECK(block_content(blocks[0], "x\n") == "```\nx\n```\n");
  CHECK(refusal([] { (void)document_blocks("<!-- velo: score -->\n", "d.md"); }) ==
        "d.md:1: the block has no end; close it by <!-- end -->");
  CHECK(refusal([] { (void)document_blocks("\n% velo: score 'a\n% end\n", "d.tex"); }) ==
        "d.tex:2: a quote is not closed in ' score 'a'");
}

TEST_CASE("a repetition is judged by the spread over seeds, else by the noise of its curve, rounding aside") {
  const auto curve = [](double last) {
    std::vector<EvaluatedAt> out;
    for (int i = 1; i <= 10; ++i) out.push_back({100 * i, i < 10 ? 1.0 + 0.01 * (i % 2) : last});
    return out;
  };
  // Seeds 1.1, 1.2, 1.3: deviation 0.1, t(2, 0.995) = 9.9248: tolerance 9.9248 * 0.1 * sqrt(2).
  const std::vector<std::vector<EvaluatedAt>> others{curve(1.1), curve(1.2), curve(1.3)};
  const auto seeds = reproduction(curve(1.0), curve(2.4), others, 0x1p-24);
  CHECK(seeds.basis == "siblings");
  CHECK(std::abs(seeds.tolerance - 1.40358) < 1e-4);
  CHECK(seeds.agreement == Agreement::consistent);
  CHECK(reproduction(curve(1.0), curve(2.41), others, 0x1p-24).agreement == Agreement::inconsistent);
  CHECK(reproduction(curve(1.0), curve(1.02), {}, 0x1p-24).agreement == Agreement::consistent);
  CHECK(reproduction(curve(1.0), curve(1.2), {}, 0x1p-24).agreement == Agreement::inconsistent);
  CHECK(reproduction(curve(1.0), curve(1.0 + 1e-6), {curve(1.0), curve(1.0)}, 0x1p-24).basis == "rounding");
  CHECK(refusal([&] {
          (void)reproduction({{1, 1.0}}, {{1, 2.0}}, {}, 0x1p-24);
        }).starts_with("the results differ, and the store has neither"));
  CHECK(refusal([&] { (void)reproduction({{1, 1.0}}, {{2, 2.0}}, {}, 0x1p-24); }).ends_with("in common"));
}
