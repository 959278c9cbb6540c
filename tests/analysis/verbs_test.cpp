#include <sys/wait.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>

#include "results/files.hpp"
#include "results/trajectory.hpp"
#include "tests/analysis/stores.hpp"

using namespace velo;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Answer {
  int code = 0;
  std::string out, err;
};

/// Runs the built command; what it says on stderr passes through a file in the store.
Answer answer_to(const SmallStore& small, const std::string& arguments) {
  const auto talk = small.root / "stderr.txt";
  const std::string line = cat(VELO_BINARY_DIR, "/velo ", arguments, " 2>", talk.string());
  Answer answer;
  FILE* pipe = popen(line.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) answer.out.append(buffer.data(), n);
  answer.code = WEXITSTATUS(pclose(pipe));
  answer.err = read_file(talk);
  return answer;
}

Answer velo_on(const SmallStore& small, const std::string& arguments) {
  return answer_to(small, cat(arguments, " --out ", small.root.string()));
}

}  // namespace

TEST_CASE("velo score prints times and scores on stdout and notes on stderr") {
  const SmallStore small("verb_score");
  const Answer answer = velo_on(small, "score");
  CHECK(answer.code == 0);
  CHECK_THAT(answer.out,
             ContainsSubstring("example gradients") && ContainsSubstring("fast one") && ContainsSubstring("1.0000"));
  CHECK_THAT(answer.err, ContainsSubstring("note: times in example-gradients") && ContainsSubstring("at most 75 %"));
  CHECK(velo_on(small, "score race --show ranks --format csv").out ==
        "algorithm,rank_1,rank_2\r\nfast one,1,0\r\nslow,0,1\r\n");
  CHECK_THAT(
      velo_on(small, "score race --show profiles --format csv").out,
      ContainsSubstring("algorithm,tau,share,low,high,simultaneous_low,simultaneous_high\r\nfast one,1,1,1,1,1,1"));
  CHECK_THAT(velo_on(small, "score race --show scores --format json").out,
             ContainsSubstring("\"algorithm\": \"fast one\", \"score\": 1,"));
  CHECK_THAT(answer.out, ContainsSubstring("n = 12, 0 failed"));
  CHECK_THAT(velo_on(small, "score --show scores --format csv --footer").out, ContainsSubstring("\r\n# query "));
  CHECK_THAT(velo_on(small, "score configs/sweeps/race.yaml --clock steps").err, ContainsSubstring("times in steps"));
  CHECK_THAT(velo_on(small, "score --show best-of-k --format csv").out,
             ContainsSubstring("trials,fast one,slow\r\n1,1,"));
}

TEST_CASE("velo score shows the answers over workloads in every format, each with what it left out") {
  const SmallStore small("verb_aggregate");
  // Medians of best trials: 12 against 22 evaluations; slow missed its third study.
  CHECK_THAT(velo_on(small, "score race --show iqm --format csv").out,
             ContainsSubstring("algorithm,iqm_speed,low,high,workloads,studies,missed\r\nfast one,1.0") &&
                 ContainsSubstring(",1,3,0\r\nslow,") && ContainsSubstring(",1,3,1\r\n"));
  const Answer improvement = velo_on(small, "score race --show improvement --format json");
  CHECK_THAT(improvement.out,
             ContainsSubstring("\"algorithm\": \"fast one\", \"against\": \"slow\", \"probability\": 1,"));
  CHECK_THAT(improvement.err, ContainsSubstring("it is no certainty"));
  const Answer ranks = velo_on(small, "score race --show mean-ranks");
  CHECK_THAT(ranks.out, ContainsSubstring("fast one") && ContainsSubstring("2.000"));
  CHECK_THAT(ranks.err,
             ContainsSubstring("Friedman chi2 1, p = 1") && ContainsSubstring("1 workload cannot tell any of 1 pair"));
  CHECK_THAT(velo_on(small, "score race --show survival --format csv").out,
             ContainsSubstring("slope{width=64},fast one,6,6,") && ContainsSubstring("slope{width=64},slow,6,4,"));
  CHECK_THAT(velo_on(small, "score race --show order --format csv").out,
             ContainsSubstring("fast one,slow,yes,0,0,") && ContainsSubstring("slow,fast one,no,1,1,1,1,3,3\r\n"));
}

TEST_CASE("velo figure lists its figures, draws one, and refuses a file that is neither SVG nor PDF") {
  const SmallStore small("verb_figure");
  CHECK_THAT(velo_on(small, "figure --list").out, ContainsSubstring("profile") && ContainsSubstring("sensitivity"));
  const Answer refused = velo_on(small, cat("figure profile --store ", small.root.string()));
  CHECK(refused.code == 2);
  CHECK_THAT(refused.err, ContainsSubstring("a figure is a .svg or a .pdf"));
  const auto file = small.root / "figures" / "profile.svg";
  const Answer drawn = answer_to(small, cat("figure profile --store ", small.root.string(), " --out ", file.string()));
  CHECK(drawn.code == 0);
  CHECK_THAT(drawn.out, ContainsSubstring(file.string()));
  CHECK_THAT(read_file(file), ContainsSubstring("<svg xmlns") && ContainsSubstring("fast one"));
}

TEST_CASE("velo refine prints a table of factors of a whole run's gradient norms, and refuses half a run") {
  const SmallStore small("verb_refine");
  const std::string cell = small.store.cells().front();
  const auto record = [&](const char* observed, std::int64_t steps) {
    const RunRef run = {cell, "0001"};
    Trajectory trajectory = read_trajectory(small.store.folder(run).trajectory());
    trajectory.summary.step_hint = 100;
    trajectory.summary.work.steps = steps;
    trajectory.steps.series.clear();
    for (const SeriesInfo& info : step_counters()) trajectory.steps.series.push_back({info, {1, 50, 100}});
    trajectory.steps.series.push_back({{observed, "", Direction::none}, {4, 4, 4}});
    write_trajectory(small.store.folder(run).trajectory(), trajectory);
  };
  const std::string line = "refine " + cell.substr(0, 8) + " --points 5";
  record("observed/inner/grad_norm", 100);
  const Answer answer = velo_on(small, line);
  CHECK(answer.code == 0);
  CHECK_THAT(answer.out, ContainsSubstring("# observed/inner/grad_norm of run " + cell + "/0001") &&
                             ContainsSubstring("\nschedule: table\nfactors: [1, 0.75, 0.5, 0.25, 0]\n"));
  CHECK_THAT(velo_on(small, line + " --norm l1").err,
             ContainsSubstring("recorded no l1 norms of gradients; run it as gradient_norms: {inner: "));
  record("observed/grad_norm_l1", 100);
  CHECK_THAT(velo_on(small, line + " --norm l1").out,
             ContainsSubstring("# observed/grad_norm_l1 of run ") && ContainsSubstring(", power 1, "));
  CHECK_THAT(velo_on(small, line).err, ContainsSubstring("recorded no l2 norms"));
  record("observed/grad_norm", 40);
  CHECK(velo_on(small, line).code == 2);
  CHECK_THAT(velo_on(small, line).err, ContainsSubstring("ended after 40 of 100 steps"));
  record("observed/lr", 100);
  CHECK_THAT(velo_on(small, line).err, ContainsSubstring("recorded no l2 norms of gradients"));
  CHECK_THAT(velo_on(small, line + " --power -1").err, ContainsSubstring("--power must be at least 0"));
}

TEST_CASE("velo compare answers by its exit status") {
  const SmallStore small("verb_compare");
  // One workload and three studies: three pairs cannot settle it.
  const Answer few = velo_on(small, "compare 'fast one' slow");
  CHECK(few.code == 4);
  CHECK_THAT(few.out, ContainsSubstring("inconclusive") && ContainsSubstring("all (geometric mean)"));
  CHECK_THAT(few.err, ContainsSubstring("3 decided pairs of studies cannot settle it"));
  CHECK_THAT(few.out, ContainsSubstring("n = 12, 0 failed, 0 unfinished, 0 left out"));
  CHECK_THAT(velo_on(small, "compare 'fast one' slow --format json --footer").out,
             ContainsSubstring("{\"rows\": [") && ContainsSubstring("\"provenance\": {\"query\": "));
  CHECK(velo_on(small, "compare 'fast one' slow --level 0.7").code == 0);
  CHECK(velo_on(small, "compare slow 'fast one' --level 0.7").code == 1);
  const Answer unknown = velo_on(small, "compare slow fast_one");
  CHECK(unknown.code == 2);
  CHECK_THAT(unknown.err, ContainsSubstring("did you mean 'fast one'"));
}

TEST_CASE("velo compare with a margin tests equivalence") {
  const SmallStore small("verb_margin");
  // The slow one misses the target in one of three studies: too few for an interval by ranks.
  const Answer missed = velo_on(small, "compare 'fast one' slow --margin 5%");
  CHECK(missed.code == 4);
  CHECK_THAT(missed.out, ContainsSubstring("paired ranks") &&
                             ContainsSubstring("margin 5 %: inconclusive: 3 pairs with missed targets"));
  const Answer same = velo_on(small, "compare 'fast one' 'fast one' --margin 0.05");
  CHECK(same.code == 0);
  CHECK_THAT(same.out, ContainsSubstring("equivalent (speedup 1, 95 % interval 1 to 1, 3 pairs of studies)"));
  CHECK_THAT(same.err, ContainsSubstring("the interval at 90 % (inner) lies within the margin"));
  CHECK_THAT(velo_on(small, "compare slow 'fast one' --margin none").err,
             ContainsSubstring("a positive fraction such as 5%"));
}

TEST_CASE("velo report writes the page and prints its path, and the page says how to make it again") {
  const SmallStore small("verb_report");
  const Answer answer = velo_on(small, "report --clock steps");
  CHECK(answer.code == 0);
  const auto file = small.root / "reports" / "race" / "report.html";
  CHECK(answer.out == file.string() + "\n");
  CHECK_THAT(read_file(file), ContainsSubstring("velo report race --out") && ContainsSubstring("--clock steps"));
}

TEST_CASE("questions that cannot be answered say why") {
  const SmallStore small("verb_errors");
  CHECK_THAT(velo_on(small, "score rave").err,
             ContainsSubstring("there is no sweep 'rave'") && ContainsSubstring("did you mean 'race'"));
  CHECK(velo_on(small, "score rave").code == 2);
  CHECK_THAT(velo_on(small, "score --level 1.5").err, ContainsSubstring("a level lies between 0 and 1"));
  small.store.write_sweep({"other", "other.yaml", {{"00000000000000000000", "x"}}});
  CHECK_THAT(velo_on(small, "score").err, ContainsSubstring("race") && ContainsSubstring("--all"));
  CHECK(velo_on(small, "score other").code == 5);
  CHECK(velo_on(small, "score --all").code == 0);
}
