// From AlgoPerf's logs to scores: how long `velo score` takes on the 3,881 trials of the 2024 competition, without
// intervals (one resample). Bars on two quiet cores with a warm file cache: 0.15 s from the raw folder, 0.02 s from the
// index. Every run is checked against the published scores before its time counts.
//
//   algoperf_benchmarks [--benchmark_filter=...]
//
// The logs are results/algoperf_v05's, condensed, unpacked into a temporary folder: as many files and rows as the raw
// ones, and a third of the bytes. VELO_ALGOPERF_LOGS=DIR takes the raw ones where they are. The temporary folder is
// removed at the end. The column CPU is the time of all threads, which others on the machine disturb less than the wall
// time.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include "analysis/summary.hpp"
#include "results/algoperf_store.hpp"
#include "results/csv.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

const fs::path published = fs::path(VELO_SOURCE_DIR) / "results/algoperf_v05";
const fs::path archive = published / "external_tuning.tar.gz";

/// The logs as files, and a store of them, made on first use and removed at the end.
class Scene {
 public:
  ~Scene() {
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }

  const fs::path& logs() {
    if (!logs_.empty()) return logs_;
    if (const char* given = std::getenv("VELO_ALGOPERF_LOGS")) return logs_ = given;
    make_folder(scratch_);
    const std::string line = cat("tar -C '", scratch_.string(), "' -xzf '", archive.string(), "'");
    if (std::system(line.c_str()) != 0) throw Error("tar could not unpack " + archive.string());
    return logs_ = scratch_ / "external_tuning";
  }

  const Store& store() {
    if (store_) return *store_;
    store_ = Store::create(scratch_ / "store");
    (void)import_algoperf(read(logs(), LogDetail::everything), *store_);
    return *store_;
  }

  static AlgoPerfLogs read(const fs::path& root, LogDetail detail) {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return read_algoperf_logs(root, AlgoPerfWorkload::read(published / "workloads.csv"), {}, detail, threads);
  }

 private:
  fs::path scratch_ = fs::temp_directory_path() / cat("velo-algoperf-", getpid());
  fs::path logs_;
  std::optional<Store> store_;
};

Scene& scene() {
  static Scene one;
  return one;
}

std::map<std::string, double> published_scores() {
  const auto file = published / "expected_scores.csv";
  const std::string text = read_file(file);
  CsvText csv;
  csv.parse(text, file.string());
  std::map<std::string, double> out;
  for (std::size_t row = 0; row < csv.rows(); ++row)
    out[std::string(csv.field(row, csv.column("submission").value()))] =
        csv_number(csv.field(row, csv.column("published_score").value())).value();
  return out;
}

analysis::Summary score(const analysis::Race& race) {
  analysis::ScoreOptions options;
  options.clock = analysis::Clock::seconds;
  options.rules = analysis::Rules::algoperf_v05;
  return analysis::summarize(race, options, {.resamples = 1});
}

/// Throws unless the scores are the published ones, to their four digits.
void check(const analysis::Summary& summary) {
  const auto expected = published_scores();
  if (summary.board.algorithms.size() != expected.size()) throw Error("not all submissions were scored");
  for (const auto& entry : summary.board.algorithms)
    if (std::abs(entry.score - expected.at(entry.algorithm)) > 0.5e-4 + 1e-12)
      throw Error("the score of " + entry.algorithm + " is not the published one");
}

template <typename Load>
void measure(benchmark::State& state, const Load& load) {
  try {
    check(score(load()));
    for (auto _ : state) benchmark::DoNotOptimize(score(load()));
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}

void from_logs(benchmark::State& state) {
  measure(state, [] { return analysis::race_of(Scene::read(scene().logs(), LogDetail::results)); });
}

void from_archive(benchmark::State& state) {
  measure(state, [] { return analysis::race_of(Scene::read(archive, LogDetail::results)); });
}

void from_index(benchmark::State& state) {
  measure(state, [] {
    const Store& store = scene().store();
    return analysis::load_race(store, store.sweeps().front(), TrialDetail::results);
  });
}

void reading_alone(benchmark::State& state) {
  const fs::path logs = scene().logs();
  for (auto _ : state) benchmark::DoNotOptimize(Scene::read(logs, LogDetail::results));
}

BENCHMARK(from_logs)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(from_archive)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(from_index)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(reading_alone)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace

}  // namespace velo

BENCHMARK_MAIN();
