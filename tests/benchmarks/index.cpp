// The index at scale: a million trials from a record stream, the named queries over them, and ten thousand trials of real
// size read from their files.
//
//   index_benchmarks [--trials 1000000] [--evaluations 10] [--files 10000] [--folder DIR] [--check]
//
// Bars, on two quiet cores: the stream in under 60 s, each named query in under 0.1 s (best of three, the whole way from
// opening the index), the database under 1 GB, the files in under 20 s with a warm file cache. Printed are wall and own
// CPU seconds, so that a loaded machine shows. With --check the exit status is 1 when a bar is missed.
//
// The trials are synthetic: 20 workloads, 50 entries, 200 studies of 5 trials with random hyperparameters, curves that
// fall as powers of the step, one in fifty broken. Files have 60 evaluations and 240 logged steps, those of a quickstart.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "analysis/queries.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/index.hpp"
#include "results/text.hpp"

using namespace velo;

namespace {

namespace fs = std::filesystem;

struct Settings {
  std::int64_t trials = 1'000'000, evaluations = 10, files = 10'000;
  fs::path folder;
  bool check = false;
};

/// SplitMix64 (Steele et al., 2014) of a number: the same trials on every machine.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
double uniform(std::uint64_t x) { return static_cast<double>(mixed(x) >> 11) * 0x1p-53; }

std::string hex(std::uint64_t x, int digits) {
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto c = text.rbegin(); c != text.rend(); ++c, x >>= 4) *c = "0123456789abcdef"[x & 15];
  return text;
}

TrialRecord record(std::uint64_t i, std::int64_t evaluations) {
  const std::uint64_t workload = i / 50000 % 20, entry = i / 1000 % 50, study = i / 5 % 200, trial = i % 5;
  TrialRecord out;
  TrialSummary& s = out.summary;
  s.id = {hex(mixed(i), 16) + hex(i, 4), "0001"};
  s.label = cat("entry ", entry);
  s.workload = cat("workload_", workload);
  s.workload_parameters = R"({"batch_size": 128, "hidden": 256, "layers": 2, "label_smoothing": 0.0})";
  s.data_version = "0123456789abcdef0123456789abcdef";
  s.algorithm = cat("rule_", entry);
  const double lr = std::pow(10.0, -4 + 3 * uniform(3 * i)), decay = std::pow(10.0, -3 + 2 * uniform(3 * i + 1));
  s.algorithm_changes = cat(R"({"lr": )", lr, R"(, "weight_decay": )", decay, "}");
  s.algorithm_parameters =
      cat(R"({"amsgrad": false, "beta1": 0.9, "beta2": 0.999, "decay_norms_and_biases": true, "eps": 1e-08, "lr": )",
          lr, R"(, "weight_decay": )", decay, "}");
  s.algorithm_version = cat("rule_", entry, "@1");
  s.study = static_cast<std::int64_t>(study);
  s.trial = static_cast<std::int64_t>(trial);
  s.root_seed = 1;
  s.seed = mixed(i ^ 0x5eed);
  s.metric = "loss";
  s.validation_target = 0.1;
  s.budget_steps = 100 * evaluations;
  s.step_hint = *s.budget_steps;
  s.evaluate_every_steps = 100;
  s.status = Status::done;
  const bool broken = uniform(3 * i + 2) < 0.02;
  for (const SeriesInfo& info : evaluation_counters()) out.evaluations.series.push_back({info, {}});
  out.evaluations.series.push_back({{"validation/loss", "nats", Direction::lower}, {}});
  const double speed = 0.2 + 0.8 * uniform(i ^ 0xabcdef);
  double best = INFINITY;
  for (std::int64_t e = 1; e <= evaluations; ++e) {
    const double value =
        std::pow(static_cast<double>(e), -speed) * (1 + 0.05 * uniform(i * 64 + static_cast<std::uint64_t>(e)));
    best = std::min(best, value);
    for (Series& series : out.evaluations.series) {
      const std::string& name = series.info.name;
      series.values.push_back(name == "step"              ? static_cast<double>(100 * e)
                              : name == "validation/loss" ? value
                              : name.ends_with("seconds") ? 0.31 * static_cast<double>(e)
                                                          : static_cast<double>(12800 * e));
    }
    if (value <= 0.1 && !s.result.reached)
      s.result = {true, StopReason::target, 100 * e, 12800 * e, 12800 * e, 0.31 * static_cast<double>(e), e, {}};
  }
  if (!s.result.reached)
    s.result = {false,
                broken ? StopReason::nan : StopReason::budget,
                *s.budget_steps,
                12800 * evaluations,
                12800 * evaluations,
                0.31 * static_cast<double>(evaluations),
                evaluations,
                {}};
  s.stop_reason = broken ? StopReason::nan : s.result.reached ? StopReason::target : StopReason::budget;
  s.best_validation = best;
  s.best_validation_step = *s.budget_steps;
  s.work = {*s.budget_steps, 12800 * evaluations, 12800 * evaluations, 0, 0};
  s.seconds = {0.01, 0.1 * speed, 2.7 * speed, 0.001, 0.4, 0.01, 0.0, 3.3};
  s.isolation = Isolation::pinned;
  s.timeable = true;
  s.parameters = 269322;
  s.state_bytes = 2 * 4 * 269322;
  s.peak_memory_bytes = 123 << 20;
  s.fingerprint.hardware_class = "amd epyc x2 avx2";
  s.fingerprint.host = cat("node", i % 16);
  s.fingerprint.os = "Debian GNU/Linux 12 (bookworm), Linux 6.1.0";
  s.fingerprint.cpu_model = "AMD EPYC";
  s.fingerprint.backend = "OpenMP";
  s.fingerprint.libraries = {{"kokkos", "3.4.1"}, {"onednn", "2.6.3"}, {"openblas", "0.3.21"}};
  s.fingerprint.git_commit = "0123456789ab";
  s.started_at = s.finished_at = "2026-02-03T04:05:06Z";
  return out;
}

class Stopwatch {
 public:
  [[nodiscard]] double wall() const { return std::chrono::duration<double>(Clock::now() - since_).count(); }
  [[nodiscard]] double cpu() const { return own() - spent_; }

 private:
  using Clock = std::chrono::steady_clock;
  static double own() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  Clock::time_point since_ = Clock::now();
  double spent_ = own();
};

bool missed = false;

void report(const std::string& what, double wall, double cpu, double bar, const char* unit = "s") {
  std::printf("%-40s %10.3f %s wall %10.3f s CPU   bar %g\n", what.c_str(), wall, unit, cpu, bar);
  std::fflush(stdout);
  if (wall > bar) missed = true;
}

void ask_all(const Store& store) {
  for (const auto& query : analysis::named_queries()) {
    double best = INFINITY, cpu = INFINITY;
    std::size_t rows = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Stopwatch watch;
      rows = TrialIndex::open_read_only(store).query(query.sql).rows.size();
      best = std::min(best, watch.wall());
      cpu = std::min(cpu, watch.cpu());
    }
    report(cat("query ", query.name, " (", rows, " rows)"), best, cpu, 0.1);
  }
}

void million(const Settings& settings) {
  const Store store = Store::create(settings.folder / "stream");
  {
    TrialIndex index = TrialIndex::open(store);
    std::uint64_t i = 0;
    double made = 0, made_cpu = 0;  // the generator's own time is not the index's
    const Stopwatch watch;
    (void)index.rebuild([&](TrialRecord& next) {
      if (i == static_cast<std::uint64_t>(settings.trials)) return false;
      const Stopwatch making;
      next = record(i++, settings.evaluations);
      made += making.wall();
      made_cpu += making.cpu();
      return true;
    });
    report(cat("index of ", settings.trials, " trials"), watch.wall() - made, watch.cpu() - made_cpu, 60);
    std::printf("%-40s %10.3f s wall\n", "  the generator, not counted above", made);
  }
  report("its database", static_cast<double>(fs::file_size(store.index_file())) / 1e9, 0, 1, "GB");
  ask_all(store);
}

void real_files(const Settings& settings) {
  const Store store = Store::create(settings.folder / "files");
  for (std::int64_t i = 0; i < settings.files; ++i) {
    Trajectory trajectory;
    TrialRecord made = record(static_cast<std::uint64_t>(i) * 97, 60);
    trajectory.summary = std::move(made.summary);
    trajectory.evaluations = std::move(made.evaluations);
    for (const SeriesInfo& info : step_counters())
      trajectory.steps.series.push_back({info, std::vector<double>(240, 0.5)});
    trajectory.steps.series.push_back({{"observed/lr", "", Direction::none}, std::vector<double>(240, 0.001)});
    trajectory.config = "workload: synthetic\n";
    const RunRef run = store.new_run(trajectory.summary.id.cell);
    replace_file(store.folder(run).config(), trajectory.config, Durability::process);
    write_trajectory(store.folder(run).trajectory(), trajectory, Durability::process);
    replace_file(store.folder(run).status(), summary_to_json(trajectory.summary), Durability::process);
  }
  TrialIndex index = TrialIndex::open(store);
  const Stopwatch watch;
  const IndexReport found = index.rebuild();
  report(cat("index of ", found.runs, " HDF5 files"), watch.wall(), watch.cpu(), 20);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  settings.folder = fs::temp_directory_path() / cat("velo-index-", static_cast<std::int64_t>(getpid()));
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--check") {
      settings.check = true;
      continue;
    }
    if (i + 1 == argc) throw Error(cat("'", option, "' needs a value, or is unknown"));
    const std::string value = argv[++i];
    if (option == "--folder")
      settings.folder = value;
    else if (option == "--trials")
      settings.trials = std::stoll(value);
    else if (option == "--evaluations")
      settings.evaluations = std::stoll(value);
    else if (option == "--files")
      settings.files = std::stoll(value);
    else
      throw Error(cat("there is no option '", option, "'"));
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = parse(argc, argv);
    if (settings.trials > 0) million(settings);
    if (settings.files > 0) real_files(settings);
    fs::remove_all(settings.folder);
    return settings.check && missed ? 1 : 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 2;
  }
}
