#include "harness/cli/scoring_options.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <thread>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

void ScoringOptions::declare(Options& o, const std::string& store_option) {
  if (store_option == "--out") {
    o.store(store);
  } else {
    o.value(store_option, store, "the store (default: results/store)", "DIR");
  }
  o.flag("--all", everything, "judge every run of the store, whatever its sweep");
  o.value("--where", where, "only trials that meet this: fields, hyperparameters, and or not", "CONDITION");
  o.value("--logs", logs, "judge AlgoPerf's logs straight, without a store: their folder or a .tar.gz of it", "DIR");
  o.value("--workloads", workloads, "with --logs: the table of workloads (default: workloads.csv in or beside them)",
          "FILE");
  o.choice("--ruleset", ruleset, {"external", "self"}, "with --logs: how they were tuned");
  o.choice("--release", release, {"v0.5", "v0.6"}, "with --logs: of AlgoPerf");
  o.choice("--clock", clock, {"example-gradients", "steps", "seconds"},
           "what times are counted in (default: example-gradients; seconds by AlgoPerf's rules and with --logs)");
  o.choice("--rules", rules, {"velodrome", "algoperf-v0.5", "algoperf-v0.6"}, "how the score is computed");
  o.choice("--selection", selection, {"min-time", "first-evaluation"},
           "which trial speaks for a study (default: by the rules)");
  o.value("--r-max", r_max, "end of the performance profile", "R");
  o.value("--resamples", resamples, "resamples of the studies", "N");
  o.value("--seed", seed, "seed of the resampling", "N");
  o.value("--level", level, "nominal coverage of the intervals", "P");
  o.flag("--mix-hardware", overrides.mix_hardware, "compare seconds of different hardware classes all the same");
  o.flag("--mix-divisions", overrides.mix_divisions, "score closed and open results together all the same");
  o.flag("--mix-versions", overrides.mix_versions, "compare versions or targets of one workload all the same");
  o.flag("--allow-untimeable", overrides.untimeable, "use seconds measured on shared cores all the same");
}

analysis::ScoreOptions ScoringOptions::score_options() const {
  analysis::ScoreOptions out;
  out.rules = analysis::rules_from(rules);
  const bool timed = out.rules != analysis::Rules::velodrome || !logs.empty();
  out.clock = !clock.empty() ? analysis::clock_from(clock)
              : timed        ? analysis::Clock::seconds
                             : analysis::Clock::example_gradients;
  out.r_max = r_max;
  out.overrides = overrides;
  if (selection == "min-time") out.selection = analysis::Selection::min_time;
  if (selection == "first-evaluation") out.selection = analysis::Selection::first_evaluation;
  return out;
}

analysis::BootstrapOptions ScoringOptions::bootstrap_options() const {
  analysis::BootstrapOptions out;
  out.resamples = resamples;
  out.seed = static_cast<std::uint64_t>(seed);
  out.level = level;
  out.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return out;
}

std::string ScoringOptions::command(const std::string& verb, const std::string& subject) const {
  const ScoringOptions plain;
  std::string out = cat("velo ", verb, " ", subject);
  const auto add = [&](const std::string& option, const auto& value, const auto& usual) {
    if (value != usual) out += cat(" ", option, " ", value);
  };
  const auto add_flag = [&](const std::string& option, bool given) {
    if (given) out += cat(" ", option);
  };
  add("--out", store, plain.store);
  if (!where.empty()) out += cat(" --where \"", where, "\"");
  add("--logs", logs, plain.logs);
  add("--workloads", workloads, plain.workloads);
  add("--ruleset", ruleset, plain.ruleset);
  add("--release", release, plain.release);
  add("--clock", clock, plain.clock);
  add("--rules", rules, plain.rules);
  add("--selection", selection, plain.selection);
  add("--r-max", r_max, plain.r_max);
  add("--resamples", resamples, plain.resamples);
  add("--seed", seed, plain.seed);
  add("--level", level, plain.level);
  add_flag("--mix-hardware", overrides.mix_hardware);
  add_flag("--mix-divisions", overrides.mix_divisions);
  add_flag("--mix-versions", overrides.mix_versions);
  add_flag("--allow-untimeable", overrides.untimeable);
  return out;
}

std::string ScoringOptions::question(const std::string& verb, const std::string& subject) const {
  ScoringOptions anywhere = *this;
  anywhere.store = ScoringOptions{}.store;
  anywhere.logs.clear();
  anywhere.workloads.clear();
  return anywhere.command(verb, subject);
}

analysis::Race ScoringOptions::load(TrialDetail detail) const {
  if (!logs.empty()) {
    if (!where.empty()) throw Error("--where asks a store; `velo import algoperf` makes one of the logs");
    const AlgoPerfRules made_under{parse_algoperf_release(release), ruleset};
    auto table = AlgoPerfWorkload::read(workload_table(workloads, logs), made_under);
    return analysis::race_of(
        read_algoperf_logs(logs, std::move(table), made_under, LogDetail::results, bootstrap_options().threads));
  }
  const Store found = Store::open(store);
  if (everything) return analysis::load_race(found, "", detail, where);
  if (!sweep.empty()) return analysis::load_race(found, find_sweep(found, sweep), detail, where);
  const auto names = found.sweeps();
  if (names.size() > 1) {
    throw Error(cat("the store ", store, " holds the sweeps ", join_words(names), "; name one, or give --all"));
  }
  return analysis::load_race(found, names.empty() ? "" : names.front(), detail, where);
}

std::filesystem::path workload_table(const std::string& given, const std::filesystem::path& logs) {
  if (!given.empty()) return given;
  const std::filesystem::path plain = logs.string().ends_with('/') ? logs.parent_path() : logs;
  std::error_code unknown;
  for (const auto& folder : {plain, plain.parent_path()}) {
    auto file = folder / "workloads.csv";
    if (std::filesystem::is_regular_file(file, unknown)) return file;
  }
  throw Error(
      cat("targets are not in AlgoPerf's logs: give their table with --workloads FILE, or put workloads.csv into '",
          logs.string(), "'"));
}

void require_algoperf(const std::string& format) {
  if (format != "algoperf")
    throw Error(cat("there is no format '", format, "'; the format is algoperf", did_you_mean(format, {"algoperf"})));
}

std::string find_sweep(const Store& store, const std::string& text) {
  const auto names = store.sweeps();
  const std::filesystem::path path(text);
  for (const std::string& name : names) {
    if (name == text || (path.has_extension() && (name == path.stem() || store.read_sweep(name).source == text)))
      return name;
  }
  throw Error(cat("there is no sweep '", text, "' in ", store.root().string(), "; there is ", join_words(names),
                  did_you_mean(text, names)));
}

void print_notes(const Console& console, const std::vector<std::string>& notes) {
  for (const std::string& note : notes) console.err << "note: " << note << '\n';
}

}  // namespace velo
