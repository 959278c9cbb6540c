// `velo verify`: runs a stored trial again from its stored configuration, and says whether it agrees.
#include <unistd.h>

#include <atomic>
#include <ostream>

#include "analysis/reproduction.hpp"
#include "harness/catalogue.hpp"
#include "harness/cell.hpp"
#include "harness/cli/print.hpp"
#include "harness/cli/race.hpp"
#include "harness/data_set.hpp"
#include "harness/executors/campaign.hpp"
#include "results/diff.hpp"
#include "results/files.hpp"
#include "results/index.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

struct Choices {
  std::string run, keep;
  std::string store = "results/store";
  std::int64_t threads = 0;
  Format format = Format::table;
};

/// The store of the repetition; removed unless it is to be kept.
class SecondStore {
 public:
  explicit SecondStore(const std::string& keep)
      : kept_(!keep.empty()),
        path_(kept_ ? fs::path(keep)
                    : fs::temp_directory_path() / cat("velo-verify-", static_cast<std::int64_t>(getpid()))) {}
  SecondStore(const SecondStore&) = delete;
  SecondStore& operator=(const SecondStore&) = delete;
  ~SecondStore() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] Store make() const { return Store::create(path_); }

 private:
  bool kept_;
  fs::path path_;
};

/// Trains; throws Error with the reason when it does not come to an end.
TrialSummary run_again(const Console& console, const Store& again, const RunRef& run, int threads) {
  const Job job{.command = {console.program, "trial", "--out", again.root().string(), "--run", run.text(), "--data",
                            default_data_directory(), "--isolation", "shared"},
                .log = again.folder(run).log().string()};
  std::atomic<bool>& stop = stop_on_signal();
  JobEnd end;
  PoolEvents events;
  events.finished = [&](std::size_t, const JobEnd& ended) { end = ended; };
  run_pool({.workers = 1, .threads = threads, .pin = false}, {job}, events, stop);
  TrialSummary summary = again.read_status(run);
  if (summary.status != Status::done && summary.status != Status::failed)
    throw Error(cat("the repetition did not come to its end", stop ? ": it was stopped" : "", "; its log says: ",
                    fs::exists(again.folder(run).log()) ? read_file(again.folder(run).log()) : "nothing"));
  return summary;
}

std::vector<analysis::EvaluatedAt> curve_of(const Store& store, const RunRef& run, const std::string& metric) {
  const SeriesGroup evaluations = read_evaluations(store.folder(run).trajectory());
  std::vector<analysis::EvaluatedAt> curve;
  const Series* values = evaluations.find(cat("validation/", metric));
  if (values == nullptr) return curve;
  const auto step = evaluations.at("step");
  for (std::size_t row = 0; row < evaluations.rows(); ++row)
    curve.push_back({static_cast<std::int64_t>(step[row]), values->values[row]});
  return curve;
}

/// Curves of the runs that differ from this one in their seed alone: same race, same resolved algorithm.
std::vector<std::vector<analysis::EvaluatedAt>> siblings(const Store& store, const TrialSummary& stored) {
  std::vector<std::vector<analysis::EvaluatedAt>> curves;
  if (!fs::exists(store.index_file())) return curves;
  const auto index = TrialIndex::open_read_only(store);
  const auto same = [&](const TrialSummary& other) {
    return other.id.cell != stored.id.cell && other.status == Status::done && other.seed != stored.seed &&
           other.workload == stored.workload && other.workload_parameters == stored.workload_parameters &&
           other.workload_version == stored.workload_version && other.data_version == stored.data_version &&
           other.algorithm == stored.algorithm && other.algorithm_version == stored.algorithm_version &&
           other.algorithm_parameters == stored.algorithm_parameters && other.metric == stored.metric &&
           other.step_hint == stored.step_hint && other.fingerprint.precision == stored.fingerprint.precision;
  };
  index.each_trial("speaks", TrialDetail::everything, [&](TrialSummary& other) {
    if (same(other) && fs::exists(store.folder(other.id).trajectory()))
      curves.push_back(curve_of(store, other.id, stored.metric));
  });
  return curves;
}

/// Differences that say that training went otherwise, not that other threads were asked for.
std::vector<Difference> of_training(std::vector<Difference> all, bool other_threads) {
  std::erase_if(all, [&](const Difference& d) { return other_threads && (d.what == "config" || d.what == "threads"); });
  return all;
}

ExitCode verify(const Console& console, const Choices& choices) {
  if (choices.threads < 0) throw Error("--threads must be positive");
  const Store store = Store::open(choices.store);
  const RunRef run = store.find(choices.run);
  const TrialSummary stored = store.read_status(run);
  if (!fs::exists(store.folder(run).trajectory()))
    throw Error(cat("run ", run.text(), " is '", name(stored.status), "' and has no trajectory to compare with"));
  const Catalogue catalogue = catalogue_of(*console.registry);
  Cell cell = read_canonical_config(read_file(store.folder(run).config()), catalogue);
  const bool other_threads = choices.threads > 0 && choices.threads != cell.threads;
  if (choices.threads > 0) cell.threads = static_cast<int>(choices.threads);

  const SecondStore folder(choices.keep);
  const Store again = folder.make();
  const RunRef repeated = again.new_run(cell_id(cell, catalogue));
  replace_file(again.folder(repeated).config(), canonical_config(cell));
  console.err << cat("running ", run.text(), " again: ", stored.label, " on ", stored.workload, ", study ",
                     stored.study, " trial ", stored.trial, "\n");
  const TrialSummary summary = run_again(console, again, repeated, cell.threads);

  const auto differences = of_training(diff_runs(store, run, again, repeated), other_threads);
  Table table{{{"run"},
               {"verdict"},
               {"stored", ColumnType::real},
               {"again", ColumnType::real},
               {"centre", ColumnType::real},
               {"tolerance", ColumnType::real},
               {"basis"},
               {"n", ColumnType::integer},
               {"step", ColumnType::integer}},
              {}};
  if (differences.empty()) {
    table.rows.push_back({run.text(), std::string("identical"), {}, {}, {}, {}, std::string("bits"), {}, {}});
    print_table(console, choices.format, table);
    return ExitCode::ok;
  }
  for (std::size_t i = 0; i < differences.size() && i < 5; ++i)
    console.err << differences[i].what << ": " << differences[i].text << '\n';
  if (differences.size() > 5) console.err << "and " << differences.size() - 5 << " differences more\n";
  if (stored.status != summary.status) {
    table.rows.push_back({run.text(),
                          std::string("inconsistent"),
                          {},
                          {},
                          {},
                          {},
                          cat("stored ", name(stored.status), ", again ", name(summary.status)),
                          {},
                          {}});
    print_table(console, choices.format, table);
    return ExitCode::verdict;
  }
  const double epsilon = stored.fingerprint.precision == "float64" ? 0x1p-53 : 0x1p-24;
  const auto found = analysis::reproduction(curve_of(store, run, stored.metric),
                                            curve_of(again, repeated, stored.metric), siblings(store, stored), epsilon);
  table.rows.push_back({run.text(), std::string(name(found.agreement)), found.stored, found.again, found.centre,
                        found.tolerance, found.basis, static_cast<std::int64_t>(found.n), found.step});
  print_table(console, choices.format, table);
  return found.agreement == analysis::Agreement::consistent ? ExitCode::ok : ExitCode::verdict;
}

}  // namespace

Verb verify_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "verify",
          .group = "Ask",
          .summary = "Run a stored trial again: identical, consistent (exit status 0) or inconsistent (1)",
          .examples = {"velo verify 3fa9c1d2", "velo verify 3fa9c1d2/0001 --threads 2 --keep again/store"},
          .declare =
              [=](Options& o) {
                o.required("RUN", choices->run, "the run: the beginning of its cell, and /NUMBER");
                o.value("--threads", choices->threads, "with so many threads (default: as stored)");
                o.value("--keep", choices->keep, "keep the repetition in this store", "DIR");
                o.store(choices->store);
                o.format(choices->format);
              },
          .action = [=](const Console& console) { return verify(console, *choices); }};
}

}  // namespace velo
