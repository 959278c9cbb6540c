// `velo profile`: where the time of a training step goes, and its memory.
#include <algorithm>
#include <ostream>

#include "analysis/table.hpp"
#include "harness/catalogue.hpp"
#include "harness/cli/print.hpp"
#include "harness/config/draft.hpp"
#include "harness/config/yaml.hpp"
#include "harness/device/runtime.hpp"
#include "harness/run/foreign_load.hpp"
#include "harness/run/machine_peak.hpp"
#include "harness/run/step_profile.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string workload, algorithm = "adamw", data;
  std::vector<std::string> settings;
  std::string show = "operations";
  std::int64_t threads = 0, steps = 20;
  bool synthetic = false;
  Format format = Format::table;
};

Tree word(const std::string& text, const char* option) {
  Tree out;
  out.kind = Tree::Kind::scalar;
  out.scalar = text;
  out.at = {Origin::Kind::override, cat(option, text), 0, 0};
  return out;
}

/// The workload with its settings, checked as in a sweep.
Component resolved_workload(const Choices& choices, const Catalogue& catalogue) {
  Draft draft = read_workload(word(choices.workload, ""), catalogue, {});
  for (const std::string& setting : choices.settings) {
    const Origin at = {Origin::Kind::override, cat("--set ", setting), 0, 0};
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) fail(at, "a setting must look like size=small");
    assign(draft, split_path(setting.substr(0, equals), at), parse_override_value(setting.substr(equals + 1), at.file),
           catalogue, {.rank = Rank::override});
  }
  return resolve(draft);
}

/// The least time that the tighter roof allows.
double least_seconds(const OperationCost& cost, const MachinePeak& peak) {
  return std::max(cost.flops / peak.flops_per_second, cost.bytes / peak.bytes_per_second);
}

Table time_table(const StepProfile& profile, const MachinePeak& peak, bool layers) {
  std::vector<ProfiledOperation> operations = layers ? profile.operations : by_kind(profile.operations);
  std::stable_sort(operations.begin(), operations.end(),
                   [](const ProfiledOperation& a, const ProfiledOperation& b) { return a.seconds > b.seconds; });
  ProfiledOperation all{.operation = "all", .layer = {}, .seconds = profile.profiled_seconds, .cost = {}};
  for (const ProfiledOperation& operation : operations) {
    all.calls += operation.calls;
    all.cost = all.cost + operation.cost;
  }
  operations.push_back(all);

  Table table;
  table.columns = {{"operation"}};
  if (layers) table.columns.push_back({"layer"});
  table.columns.push_back({"direction"});
  for (const char* name : {"calls", "ms", "share", "MFLOP", "MB", "GFLOP_per_s", "GB_per_s", "fraction_of_peak"})
    table.columns.push_back({name, ColumnType::real});
  for (const ProfiledOperation& o : operations) {
    std::vector<TableValue> row = {o.operation};
    if (layers) row.emplace_back(o.layer);
    row.emplace_back(std::string(o.operation == "all" ? "" : o.backward ? "backward" : "forward"));
    for (const double value : {o.calls, 1e3 * o.seconds, o.seconds / profile.profiled_seconds}) row.emplace_back(value);
    const bool known = o.cost.flops > 0 || o.cost.bytes > 0;
    for (const double value : {o.cost.flops / 1e6, o.cost.bytes / 1e6, o.cost.flops / o.seconds / 1e9,
                               o.cost.bytes / o.seconds / 1e9, least_seconds(o.cost, peak) / o.seconds})
      row.push_back(known && o.seconds > 0 ? TableValue(value) : TableValue());
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table memory_table(const StepProfile& profile) {
  Table table;
  table.columns = {{"memory"}, {"MB", ColumnType::real}, {"of_needed", ColumnType::real}};
  const auto needed = static_cast<double>(profile.needed_bytes());
  const auto add = [&](const char* what, std::int64_t bytes) {
    const auto value = static_cast<double>(bytes);
    table.rows.push_back({std::string(what), value / 1e6, value / needed});
  };
  add("parameters, gradient, model state", profile.parameter_bytes);
  add("state of the algorithm", profile.state_bytes);
  add("batch", profile.batch_bytes);
  add("activations, the most at once", profile.activation_bytes);
  add("needed", profile.needed_bytes());
  add("held for activations", profile.arena_bytes);
  if (profile.memory_bytes > 0) {
    add("taken", profile.memory_bytes);
    add("kept by libraries, once a process", profile.library_bytes);
  }
  return table;
}

ExitCode profile_workload(const Choices& choices, const Console& console) {
  if (choices.steps < 2) throw Error("--steps must be at least 2");
  const Catalogue catalogue = catalogue_of(*console.registry);
  const ProfileRequest request{
      .workload = resolved_workload(choices, catalogue),
      .algorithm = resolve(read_algorithm(word(choices.algorithm, "--algorithm "), catalogue, {})),
      .data_directory = choices.data,
      .synthetic = choices.synthetic,
      .steps = choices.steps,
      .memory = choices.show == "memory"};
  const Runtime runtime(static_cast<int>(choices.threads));
  const StepProfile profile = profile_steps(request, *console.registry);
  if (choices.show == "memory") {
    print_table(console, choices.format, memory_table(profile));
    return ExitCode::ok;
  }
  const MachinePeak peak = measure_machine_peak();
  print_table(console, choices.format, time_table(profile, peak, choices.show == "layers"));
  console.err << cat("operations add up to ", analysis::rounded(1e3 * profile.profiled_seconds),
                     " ms, a step that is not ", "profiled takes ", analysis::rounded(1e3 * profile.step_seconds),
                     " ms: an error of ", analysis::rounded(100 * profile.error(), 2),
                     " %\npeak, measured: ", analysis::rounded(peak.flops_per_second / 1e9), " GFLOP/s in a product, ",
                     analysis::rounded(peak.bytes_per_second / 1e9),
                     " GB/s in a triad; what caches hold may exceed it\n");
  if (profile.foreign_share <= ForeignLoad::limit) return ExitCode::ok;
  console.err << cat("others used ", static_cast<int>(100 * profile.foreign_share),
                     " % of the machine: shares may do, times are not to be quoted\n");
  return ExitCode::inconclusive;
}

}  // namespace

Verb profile_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "profile",
          .group = "Look around",
          .summary = "Show where a training step spends its time, and its memory",
          .examples = {"velo profile prose_lm", "velo profile speech_deepspeech --synthetic --threads 1 --show layers",
                       "velo profile fashion_resnet --set size=small --show memory --format json"},
          .declare =
              [=](Options& o) {
                o.required("WORKLOAD", choices->workload, "its name, as `velo list` shows it");
                o.list("--set", choices->settings, "a parameter of the workload", "KEY=VALUE");
                o.value("--algorithm", choices->algorithm, "whose step it is", "NAME");
                o.choice("--show", choices->show, {"operations", "layers", "memory"},
                         "kinds of operation, operations of each layer, or memory");
                o.flag("--synthetic", choices->synthetic, "generated data instead of the installed");
                o.value("--data", choices->data, "where converted data sets lie", "DIR");
                o.value("--threads", choices->threads, "threads (default: what OMP_NUM_THREADS says, else all cores)");
                o.value("--steps", choices->steps, "steps to profile");
                o.format(choices->format);
              },
          .action = [=](const Console& console) { return profile_workload(*choices, console); }};
}

}  // namespace velo
