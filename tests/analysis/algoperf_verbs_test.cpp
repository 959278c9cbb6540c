// AlgoPerf's logs through the command: score, import, export.
#include <sys/wait.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdio>

#include "results/text.hpp"
#include "tests/analysis/trials.hpp"
#include "tests/results/algoperf_sample.hpp"

using namespace velo;
using namespace velo::test;
using namespace velo::analysis::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Answer {
  int code = 0;
  std::string out, err;
};

/// Runs the built command in a folder.
Answer velo_in(const Scratch& folder, const std::string& arguments) {
  const std::string line =
      cat("cd ", folder.path().string(), " && ", VELO_BINARY_DIR, "/velo ", arguments, " 2>stderr.txt");
  Answer answer;
  FILE* pipe = popen(line.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) answer.out.append(buffer.data(), n);
  answer.code = WEXITSTATUS(pclose(pipe));
  answer.err = read_file(folder / "stderr.txt");
  return answer;
}

/// "fast" needs 2 and 3 s in its two studies, "slow" 5 and never; "fast" has a variant, and one file is torn.
void fill(const AlgoPerfSample& logs) {
  const auto log = [](int seconds, double last) {
    return cat("score,global_step,validation/map\n1,10,0.1\n", seconds, ",20,", last, "\n");
  };
  logs.trial("fast/study_0/ogbg_jax/trial_1", log(2, 0.6));
  logs.trial("fast/study_0/ogbg_jax/trial_2", log(4, 0.6));
  logs.trial("fast/study_1/ogbg_jax/trial_1", log(2, 0.6));
  logs.trial("slow/study_0/ogbg_pytorch/trial_1", log(5, 0.6));
  logs.trial("slow/study_1/ogbg_pytorch/trial_1", log(5, 0.6));
  logs.trial("slow/study_1/ogbg_pytorch/trial_2", "score,global_step,validation/map\n1,10");
  logs.trial("slow/study_0/wmt_pytorch/trial_1", "score,global_step,validation/loss\n1,10,3\n");
}

}  // namespace

TEST_CASE("velo score prints the published scores of AlgoPerf v0.5 from its logs, in seconds by default") {
  const Scratch scratch;
  const Answer answer = velo_in(
      scratch, cat("score --logs ", VELO_SOURCE_DIR,
                   "/results/algoperf_v05/external_tuning.tar.gz --rules algoperf-v0.5 --show scores --resamples 20"));
  CHECK(answer.code == 0);
  for (const auto& [submission, score] : algoperf_v05_column("published_score")) {
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), "%.4f", score);
    const auto line = answer.out.find(submission);
    REQUIRE(line != std::string::npos);
    INFO(submission);
    CHECK_THAT(answer.out.substr(line, answer.out.find('\n', line) - line),
               ContainsSubstring(cat(" ", digits.data(), " ")));
  }
  CHECK_THAT(answer.err, ContainsSubstring("note: 3718 evaluation files: 3700 read, 18 left out; 181 trials without") &&
                             ContainsSubstring("note: times in seconds") &&
                             ContainsSubstring("note: 52 trials on workloads that play no part in scores left out"));
}

TEST_CASE("a store of imported logs answers as the logs do, and so does what is exported from it") {
  const AlgoPerfSample logs;
  fill(logs);
  const std::string question = " --rules algoperf-v0.5 --show scores --format csv --resamples 50";
  const Answer straight = velo_in(logs.scratch, cat("score --logs logs", question));
  CHECK(straight.code == 0);
  CHECK_THAT(straight.out, ContainsSubstring("1,fast,1,") && ContainsSubstring("2,slow,0.5"));
  CHECK_THAT(straight.err,
             ContainsSubstring("note: 7 evaluation files: 6 read, 1 left out") &&
                 ContainsSubstring("is cut off: its last line has 2 of 3 fields; the trial is left out") &&
                 ContainsSubstring("note: 1 trial on workloads without a target left out"));

  const Answer import = velo_in(logs.scratch, "import algoperf logs --into store");
  CHECK(import.code == 3);  // one file is torn
  CHECK(import.out.empty());
  CHECK_THAT(import.err, ContainsSubstring("6 trials added, 0 changed, 0 there already: sweep logs of store\n") &&
                             ContainsSubstring("note: 7 evaluation files: 6 read, 1 left out"));
  CHECK_THAT(velo_in(logs.scratch, "import algoperf logs --into store").err,
             ContainsSubstring("0 trials added, 0 changed, 6 there already"));
  CHECK(velo_in(logs.scratch, cat("score --out store", question)).out == straight.out);
  CHECK(velo_in(logs.scratch, "compare fast slow --out store --clock seconds --level 0.5").code == 0);
  CHECK(velo_in(logs.scratch, "report --out store --clock seconds --file report.html").code == 0);

  const Answer written = velo_in(logs.scratch, "export algoperf store out --sweep logs");
  CHECK(written.code == 3);  // a workload without target
  CHECK(written.out == "out/logs\n");
  CHECK_THAT(written.err, ContainsSubstring("slow on wmt, study 0, trial 1") &&
                              ContainsSubstring("5 trials written, 0 of them without evaluations, 1 left out"));
  CHECK(velo_in(logs.scratch, cat("score --logs out/logs", question)).out == straight.out);
}

TEST_CASE("what cannot be imported, exported or scored is refused in a sentence") {
  const AlgoPerfSample logs;
  fill(logs);
  CHECK_THAT(velo_in(logs.scratch, "import algperf logs").err, ContainsSubstring("did you mean 'algoperf'"));
  CHECK_THAT(velo_in(logs.scratch, "score --logs nowhere --workloads workloads.csv").err,
             ContainsSubstring("there is no folder or archive 'nowhere'"));
  CHECK_THAT(velo_in(logs.scratch, "report --logs logs").err, ContainsSubstring("`velo import algoperf` makes one"));
  std::filesystem::remove(logs.scratch / "workloads.csv");
  CHECK_THAT(velo_in(logs.scratch, "score --logs logs").err,
             ContainsSubstring("give their table with --workloads FILE"));
  CHECK_THAT(velo_in(logs.scratch, "export algoperf nowhere out").err,
             ContainsSubstring("there is no store of results"));
}
