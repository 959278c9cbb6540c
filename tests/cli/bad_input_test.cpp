// What a user can get wrong outside a sweep file, each with its exact sentence and exit status. (tests/config holds the
// table of broken sweep files.)
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/command.hpp"

using namespace velo::test;

namespace {

struct BadInput {
  const char* what;
  std::vector<std::string> arguments;  ///< run in a scratch folder prepared by make_scene()
  const char* sentence;                ///< on stderr, after "velo: "
  int exit;
};

/// A folder with a store that holds one finished run, and broken things beside it.
void make_scene(const ScratchFolder& scene) {
  scene.file("sweep.yaml", R"(sweep: tiny
studies: 1
trials: 1
workloads: [quadratic]
algorithms: [sgd]
budget: {steps: 40}
executor: {kind: local, workers: 1, threads: 1}
)");
  REQUIRE(run_velo({"run", "sweep.yaml", "--out", "store", "--quiet", "--no-report"}, scene.path()).exit == 0);
  std::filesystem::create_directories(scene.path() / "empty/trials");
  REQUIRE(run_velo({"index", "--out", "empty"}, scene.path()).exit == 5);
  scene.file("foreign/trials/.keep", "");
  scene.file("foreign/index.sqlite",
             "this is no database, whatever its name may say; it only fills a few hundred bytes");
  scene.file("text.h5", "not HDF5");
  scene.file("fashion.yaml", "sweep: f\ntrials: 1\nworkloads: [fashion_mnist_mlp]\nalgorithms: [sgd]\n");
  scene.file("none.yaml",
             "sweep: n\ntrials: 1\nworkloads: [quadratic]\nalgorithms: [sgd]\nexclude: [{workload: quadratic}]\n");
}

/// `text` without every occurrence of `piece`: sentences with the scratch folder's name left out.
std::string without(std::string text, const std::string& piece) {
  for (auto at = text.find(piece); at != std::string::npos; at = text.find(piece, at)) text.erase(at, piece.size());
  return text;
}

const std::vector<BadInput> table = {
    // the command line
    {"no verb", {}, "no verb was given; see `velo --help`", 2},
    {"a misspelt verb", {"rnu"}, "velo has no verb 'rnu' (did you mean 'run'?); see `velo --help`", 2},
    {"a verb like no other", {"frobnicate"}, "velo has no verb 'frobnicate'; see `velo --help`", 2},
    {"a missing argument", {"run"}, "run: SWEEP is required; see `velo run --help`", 2},
    {"an unknown option",
     {"status", "--bogus"},
     "status: The following argument was not expected: --bogus; see `velo status --help`",
     2},
    {"an unknown format",
     {"list", "--format", "xml"},
     "list: --format: 'xml' is not one of table, csv, json, markdown or latex; see `velo list --help`",
     2},
    {"a number that is none",
     {"run", "sweep.yaml", "--workers", "two"},
     "run: Could not convert: --workers = two; see `velo run --help`",
     2},
    {"an unknown thing to list",
     {"list", "riders"},
     "`velo list` knows algorithms, workloads and sweeps, not 'riders'",
     2},
    {"an unknown module",
     {"info", "adamx"},
     "no algorithm or workload is called 'adamx' (did you mean 'adam'?); `velo list` shows them all",
     2},
    {"an unknown shell", {"completion", "tcl"}, "there is completion for bash, zsh and fish, not for 'tcl'", 2},
    {"a thing that bench cannot measure",
     {"bench", "workloads"},
     "`velo bench` measures algorithms, not 'workloads'",
     2},
    {"an algorithm that bench does not know",
     {"bench", "algorithms", "adamx"},
     "no algorithm is called 'adamx' (did you mean 'adam'?); `velo list` shows them all",
     2},
    {"a model without parameters to bench on",
     {"bench", "algorithms", "--parameters", "0"},
     "--parameters must be at least 1",
     2},
    {"a thing that new cannot make", {"new", "widget", "x"}, "new makes an algorithm or a workload, not 'widget'", 2},
    // files
    {"a sweep file that is not there", {"run", "nope.yaml"}, "nope.yaml cannot be read: no such file", 2},
    {"a store that is not there",
     {"status", "--out", "nowhere"},
     "there is no store of results at 'nowhere'; `velo run` makes one",
     2},
    {"a store that is a file",
     {"run", "sweep.yaml", "--out", "sweep.yaml"},
     "cannot make the folder 'sweep.yaml/trials': Not a directory",
     2},
    {"an index that is no database",
     {"score", "--out", "foreign"},
     "'foreign/index.sqlite' is not an SQLite database; move it away and run `velo index`",
     2},
    {"a store without runs", {"score", "--out", "empty"}, "the store empty has no runs", 5},
    {"a store without sweeps", {"status", "--out", "empty"}, "store empty holds no sweep yet", 5},
    {"a report of nothing", {"report", "--out", "empty"}, "the store empty has no runs", 5},
    {"two stores of which one is missing",
     {"diff", "store", "nowhere"},
     "there is no store of results at 'nowhere'; `velo run` makes one",
     2},
    // questions
    {"an unknown sweep",
     {"status", "tinny", "--out", "store"},
     "there is no sweep 'tinny' in 'store' (did you mean 'tiny'?); it has tiny",
     2},
    {"a query that writes",
     {"query", "DELETE FROM trials", "--out", "store"},
     "a query only reads; the index is made from the files of the runs and `velo index` rebuilds it",
     2},
    {"half a query", {"query", "SELECT", "--out", "store"}, "SQL: incomplete input", 2},
    {"a query for a column that is not there",
     {"query", "SELECT colour FROM trials", "--out", "store"},
     "SQL: no such column: colour",
     2},
    {"a named query that is not there",
     {"query", "time_to_resul", "--out", "store"},
     "there is no query 'time_to_resul' (did you mean 'time_to_result'?); there are best, cost, curves, failures, "
     "sensitivity and time_to_result, or give SQL",
     2},
    {"a filter on a field that is not there",
     {"query", "best", "--where", "algoritm=sgd", "--out", "store"},
     "filter 'algoritm=sgd': there is no field and no hyperparameter 'algoritm' (did you mean 'algorithm'?)",
     2},
    {"a document that is not there", {"check", "nowhere.md"}, "cannot read 'nowhere.md': No such file or directory", 2},
    {"a bundle that is none", {"bundle", "store", "--verify"}, "'store' is not a bundle: it has no SHA256SUMS", 2},
    {"a repetition of a run that is not there",
     {"verify", "ffffffff", "--out", "store"},
     "no cell in 'store' begins with 'ffffffff'",
     2},
    {"a comparison with somebody unknown",
     {"compare", "sgd", "adamw", "--out", "store"},
     "there are no results of 'adamw'; there are results of sgd",
     2},
    // data
    {"an unknown data set",
     {"data", "install", "fashion"},
     "no data set is called 'fashion'; `velo data list` shows them all",
     2},
    {"an unknown thing to do with data",
     {"data", "frobnicate"},
     "`velo data` can list, install or verify, not 'frobnicate'",
     2},
    {"a data set that is not installed",
     {"run", "fashion.yaml", "--out", "store"},
     "data set 'fashion_mnist' is not installed in data: run `velo data install fashion_mnist`",
     2},
    // races
    {"a sweep that leaves nothing to run",
     {"run", "none.yaml", "--out", "store"},
     "none.yaml:5:10: everything is excluded: the sweep has no trials",
     2},
    {"a target for a workload that is not there",
     {"calibrate", "quadratik"},
     "no workload is called 'quadratik' (did you mean 'quadratic'?); `velo list` shows them all",
     2},
    {"no points", {"calibrate", "quadratic", "--points", "0"}, "calibrate needs at least one point and one seed", 2},
    {"an impossible quantile", {"calibrate", "quadratic", "--quantile", "2"}, "--quantile must lie in (0, 1]", 2},
    {"a worker without a run", {"trial", "--run", "abc", "--out", "store"}, "'abc' is not a run; write CELL/RUN", 2},
    // replay
    {"a replay of an unknown algorithm",
     {"replay", "--algorithm", "adamz", "text.h5", "--out", "y.h5"},
     "--algorithm adamz: no algorithm is called 'adamz' (did you mean 'adam'?)",
     2},
    {"a replay with an unknown parameter",
     {"replay", "--algorithm", "adamw", "--set", "lrr=1", "text.h5", "--out", "y.h5"},
     "--set lrr=1: 'adamw' has no parameter 'lrr' (did you mean 'lr'?)",
     2},
    {"a replay out of range",
     {"replay", "--algorithm", "adamw", "--set", "beta1=1.5", "text.h5", "--out", "y.h5"},
     "--set beta1=1.5: adamw.beta1 is 1.5, but must lie in [0, 1)",
     2},
    {"a replay of a file that is not there",
     {"replay", "--algorithm", "adamw", "nope.h5", "--out", "y.h5"},
     "cannot read 'nope.h5': No such file or directory",
     2},
    {"a replay of text",
     {"replay", "--algorithm", "adamw", "text.h5", "--out", "y.h5"},
     "'text.h5' is not a whole HDF5 file",
     2},
};

}  // namespace

TEST_CASE("every mistake gets its one sentence and its exit status") {
  const ScratchFolder scene;
  make_scene(scene);
  for (const BadInput& bad : table) {
    INFO(bad.what);
    const Outcome outcome = run_velo(bad.arguments, scene.path(), {"VELO_DATA_DIR=data", "VELO_SETUP=no"});
    CHECK(without(outcome.err, scene.path().string() + "/") == std::string("velo: ") + bad.sentence + "\n");
    CHECK(outcome.out.empty());
    CHECK(outcome.exit == bad.exit);
  }
}

namespace {

/// A race of one trial that asks for what cannot be.
struct Impossible {
  const char* what;
  std::string workload, algorithm;  ///< entries of the sweep
  const char* sentence;
  bool planned = false;  ///< refused before anything runs, with exit status 2; else the trial fails with it, and 3
};

const std::vector<Impossible> impossible = {
    // capabilities
    {"layers that the workload does not show", "quadratic", "kfac",
     "s.yaml:5:14: 'kfac' needs layer_statistics, which the workload 'quadratic' does not offer; exclude: [{algorithm: "
     "kfac, workload: quadratic}] leaves the pair out",
     true},
    {"a need of the inner algorithm", "quadratic", "{lookahead: {inner: dp_sgd}}",
     "s.yaml:5:14: 'lookahead(dp_sgd)' needs per_example_gradients, which the workload 'quadratic' does not offer; "
     "exclude: [{algorithm: lookahead, workload: quadratic}] leaves the pair out",
     true},
    {"a need of a wrapper", "quadratic", "{conflict_free: {inner: adam}}",
     "s.yaml:5:14: 'conflict_free(adam)' needs loss_terms, which the workload 'quadratic' does not offer; exclude: "
     "[{algorithm: conflict_free, workload: quadratic}] leaves the pair out",
     true},
    {"a need of some parameters", "theory_bilinear_game", "{psgd: {fit: newton}}",
     "s.yaml:5:14: 'psgd' needs hessian_vector_products, which the workload 'theory_bilinear_game' does not offer; "
     "exclude: [{algorithm: psgd, workload: theory_bilinear_game}] leaves the pair out",
     true},
    // wrappers
    {"a wrapper around nothing", "quadratic", "sam",
     "s.yaml:5:14: 'sam' wraps another algorithm and needs one: sam: {inner: NAME}", true},
    {"a chain through what wraps nothing", "quadratic", "{chain: [adam, sam, sgd]}",
     "s.yaml:5:23: 'adam' wraps nothing, so it can only be the last of a chain", true},
    {"more weights kept than there are", "quadratic", "{nm_masks: {n: 5, m: 4, inner: sgd}}",
     "s.yaml:5:14: nm_masks: of 4 weights 5 cannot be kept; n must not be above m", true},
    {"clipping around what asks for single examples", "theory_linear_regression",
     "{clip_by_global_norm: {inner: {grab: {inner: sgd}}}}",
     "s.yaml:5:14: clip_by_global_norm acts on gradients of a batch, and 'grab' asks for those of single examples; "
     "leave "
     "clip_by_global_norm out, or put it inside 'grab' where that wraps another algorithm",
     true},
    // hyperparameters
    {"a decay out of range", "quadratic", "{adamw: {beta1: 1.0}}",
     "s.yaml:5:30: adamw.beta1 is 1.0, but must lie in [0, 1)", true},
    {"a negative rate", "quadratic", "{clip_by_global_norm: {inner: {sgd: {lr: -0.1}}}}",
     "s.yaml:5:55: sgd.lr is -0.1, but must lie in [0, inf)", true},
    {"values that exclude each other", "quadratic", "{sgd: {nesterov: true}}",
     "s.yaml:5:14: sgd: nesterov needs momentum above 0 and dampening 0", true},
    {"a noise whose privacy nobody can account for", "theory_linear_regression",
     "{dp_sgd: {noise_multiplier: {value: 1, schedule: cosine}}}",
     "s.yaml:5:14: dp_sgd: noise_multiplier must be a number, not a schedule", true},
    // batches
    {"a batch larger than the split", "{fashion_mnist_mlp: {batch_size: 50001}, synthetic: true}", "sgd",
     "workload 'fashion_mnist_mlp' has 50000 training examples, fewer than its batch_size of 50001; set a smaller "
     "batch_size"},
    {"more micro-batches than examples", "{theory_linear_regression: {batch_size: 4}}", "vr_adam",
     "vr_adam: a batch of 4 examples does not make 8 micro-batches; lower micro_batches or raise the batch size"},
    {"micro-batches of a single example", "quadratic", "vr_adam",
     "s.yaml:5:14: 'vr_adam' needs micro_batches, which the workload 'quadratic' does not offer; exclude: [{algorithm: "
     "vr_adam, workload: quadratic}] leaves the pair out",
     true},
    // forms of a model
    {"a sequence longer than the text", "{prose_lm: {sequence_length: 700000}, synthetic: true}", "sgd",
     "a sequence of 700000 bytes is longer than the validation split, which has 624585; shorten sequence_length"},
    {"heads that do not share the width", "{prose_lm: {heads: 3}, synthetic: true}", "sgd",
     "prose_lm: width 64 does not part into 3 heads of an even number of units, at most 128", true},
    {"directions that cannot all disagree so much", "{theory_conflicting_losses: {cosine: -0.9}}", "sgd",
     "theory_conflicting_losses: 3 directions cannot all have a cosine of -0.9; it must lie above -1 / (terms - 1)"},
    // targets
    {"a target already met", "{quadratic: {}, target: {validation: 100}}", "sgd",
     "workload 'quadratic' meets its target of 100 before any training; set a harder target"},
};

}  // namespace

TEST_CASE("a race that cannot be gets one sentence, before it runs or as the failure of its trial") {
  const ScratchFolder scene;
  for (const Impossible& race : impossible) {
    INFO(race.what);
    scene.file("s.yaml", "sweep: s\nstudies: 1\nruleset: self\nworkloads: [" + race.workload + "]\nalgorithms: [" +
                             race.algorithm + "]\nbudget: {steps: 1}\n");
    const Outcome outcome = run_velo({"run", "s.yaml", "--out", race.what, "--no-report"}, scene.path(),
                                     {"VELO_DATA_DIR=data", "VELO_SETUP=no"});
    const std::string err = without(outcome.err, scene.path().string() + "/");
    if (race.planned)
      CHECK(err == std::string("velo: ") + race.sentence + "\n");
    else
      CHECK_THAT(err,
                 Catch::Matchers::ContainsSubstring(std::string("study 0 trial 0: failed: ") + race.sentence + "\n"));
    CHECK(outcome.exit == (race.planned ? 2 : 3));
  }
}

TEST_CASE("every algorithm can be planned, bare or around another") {
  const ScratchFolder scene;
  std::istringstream listed(run_velo({"list", "algorithms", "--format", "csv"}, scene.path()).out);
  std::string line;
  std::getline(listed, line);
  int planned = 0;
  while (std::getline(listed, line)) {
    const std::string name = line.substr(line.find(',') + 1, line.find(',', line.find(',') + 1) - line.find(',') - 1);
    INFO(name);
    const auto plan = [&](const std::string& entry) {
      scene.file("s.yaml", "sweep: s\nstudies: 1\nruleset: self\nworkloads: [theory_linear_regression]\nalgorithms: [" +
                               entry + "]\n");
      return run_velo({"plan", "s.yaml", "--out", "none"}, scene.path());
    };
    Outcome outcome = plan("\"" + name + "\"");
    if (outcome.err.find("wraps another algorithm") != std::string::npos)
      outcome = plan("{" + name + ": {inner: sgd}}");
    CHECK((outcome.exit == 0 || outcome.err.find("which the workload") != std::string::npos));
    ++planned;
  }
  CHECK(planned > 40);
}

TEST_CASE("a data file that is missing, cut short or altered is named before anything runs") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    SKIP("package dataset-fashion-mnist is not installed");
  const ScratchFolder scene;
  make_scene(scene);
  const std::vector<std::string> data = {"VELO_DATA_DIR=data", "VELO_SETUP=no"};
  REQUIRE(run_velo({"data", "install", "fashion_mnist"}, scene.path(), data).exit == 0);
  const auto file = scene.path() / "data/fashion_mnist/train.raw";
  const auto refusal = [&] {
    const Outcome outcome = run_velo({"run", "fashion.yaml", "--out", "store"}, scene.path(), data);
    CHECK(outcome.exit == 2);
    return outcome.err;
  };
  const auto bytes = std::filesystem::file_size(file);
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(100000).put('\x7f');
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(5));
  CHECK(refusal() ==
        "velo: data/fashion_mnist/train.raw has been altered: its SHA-256 is not that of fashion_mnist; `velo data "
        "install fashion_mnist` repairs it\n");
  std::filesystem::resize_file(file, bytes - 1);
  CHECK(refusal() == "velo: data/fashion_mnist/train.raw has " + std::to_string(bytes - 1) + " bytes where " +
                         std::to_string(bytes) + " are right; `velo data install fashion_mnist` repairs it\n");
  std::filesystem::remove(file);
  CHECK(refusal() == "velo: data/fashion_mnist/train.raw is missing; `velo data install fashion_mnist` repairs it\n");
}

TEST_CASE("a race installs the data set it reads, and says why when it cannot") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    SKIP("package dataset-fashion-mnist is not installed");
  const ScratchFolder scene;
  make_scene(scene);
  const std::vector<std::string> race = {"run",       "fashion.yaml", "--set", "budget.steps=1", "--set",
                                         "studies=1", "--out",        "store", "--no-report"};
  const Outcome first = run_velo(race, scene.path(), {"VELO_DATA_DIR=data", "VELO_SETUP=yes"});
  CHECK(first.err.find("installed fashion_mnist in data/fashion_mnist\n") != std::string::npos);
  CHECK(first.exit == 0);
  const Outcome again = run_velo(race, scene.path(), {"VELO_DATA_DIR=data", "VELO_SETUP=yes"});
  CHECK(again.err.find("fashion_mnist in") == std::string::npos);
  CHECK(again.exit == 0);

  scene.file("taken", "a file where a folder is needed");
  const Outcome refused = run_velo(race, scene.path(), {"VELO_DATA_DIR=taken", "VELO_SETUP=yes"});
  CHECK(refused.err.find("velo: data set 'fashion_mnist' is not installed in taken and cannot be installed: ") == 0);
  CHECK(refused.err.find("; `velo data install fashion_mnist --from DIR` takes it from the original files\n") !=
        std::string::npos);
  CHECK(refused.exit == 2);
}

TEST_CASE("a newer index is refused with the way out") {
  const ScratchFolder scene;
  make_scene(scene);
  REQUIRE(std::system(
              ("sqlite3 " + (scene.path() / "store/index.sqlite").string() + " 'PRAGMA user_version = 99'").c_str()) ==
          0);
  const Outcome outcome = run_velo({"query", "SELECT 1", "--out", "store"}, scene.path());
  CHECK(outcome.exit == 2);
  CHECK(outcome.err ==
        "velo: the index 'store/index.sqlite' has schema 99, newer than the 5 this velo knows; use the newer velo, or "
        "delete the file and run `velo index`\n");
}

TEST_CASE("a truncated trajectory is named, with what to do") {
  const ScratchFolder scene;
  make_scene(scene);
  std::filesystem::copy(scene.path() / "store", scene.path() / "copy", std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scene.path() / "copy"))
    if (entry.path().extension() == ".h5") std::filesystem::resize_file(entry.path(), 1000);
  const Outcome outcome = run_velo({"diff", "store", "copy"}, scene.path());
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.find("is truncated or damaged") != std::string::npos);
  CHECK(outcome.out.find("delete it and run the trial again") != std::string::npos);
}

TEST_CASE("a full and a read-only disk are named, in a file system of the test's own") {
  const ScratchFolder scene;
  make_scene(scene);
  const std::string inside =
      "mkdir -p disk && mount -t tmpfs -o size=1m none disk || exit 99; cd disk;" VELO_BINARY_DIR
      "/velo run ../sweep.yaml --out store --quiet > ../table 2>&1; cat /dev/zero > filler;" VELO_BINARY_DIR
      "/velo run ../sweep.yaml --out store --quiet --redo 2> ../full; echo $? >> ../full;" VELO_BINARY_DIR
      "/velo index --out store 2> ../index; echo $? >> ../index;"
      "mount -o remount,ro . && " VELO_BINARY_DIR
      "/velo run ../sweep.yaml --out other --quiet 2> ../readonly; echo $? >> ../readonly";
  const int status =
      std::system(("cd " + scene.path().string() + " && unshare -m sh -c '" + inside + "' 2> /dev/null").c_str());
  if (status != 0 && !std::filesystem::exists(scene.path() / "readonly")) SKIP("this user may not mount a file system");
  const auto text = [&](const char* name) {
    std::ifstream in(scene.path() / name);
    return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  };
  CHECK(text("full").find(": No space left on device; free some space and start again\n2\n") != std::string::npos);
  CHECK(text("index").find("the disk is full or failing; free some space and run `velo index`\n2\n") !=
        std::string::npos);
  CHECK(text("readonly") ==
        "velo: cannot make the folder 'other/trials': Read-only file system; choose a folder you may write to\n2\n");
}
