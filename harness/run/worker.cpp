#include "harness/run/worker.hpp"

#include <optional>

#include "harness/catalogue.hpp"
#include "harness/device/runtime.hpp"
#include "harness/run/build_info.hpp"
#include "harness/run/trial.hpp"
#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

RunRef run_ref(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) throw Error(cat("'", text, "' is not a run; write CELL/RUN"));
  return {text.substr(0, slash), text.substr(slash + 1)};
}

}  // namespace

BuildFacts build_facts() {
  const RuntimeInfo runtime = runtime_info();
  BuildFacts facts;
  facts.velo_version = build_version;
  facts.git_commit = build_commit;
  facts.compiler = build_compiler;
  facts.build_type = build_type;
  facts.isa = runtime.isa;
  facts.backend = runtime.backend;
  if (runtime.backend == "Cuda") facts.device = runtime.device;
  facts.precision = runtime.scalar;
  facts.threads = runtime.threads;
  facts.libraries.insert(runtime.libraries.begin(), runtime.libraries.end());
  return facts;
}

std::optional<TrialSummary> run_worker(const WorkerSettings& settings, const Registry& registry, const SayProgress& say,
                                       const std::atomic<bool>& interrupted) {
  const Store store = Store::open(settings.store);
  const RunRef run = run_ref(settings.run);
  std::optional<Claim> claim = store.claim(run.cell);
  if (!claim) return std::nullopt;
  TrialRequest request{.cell = read_canonical_config(read_file(store.folder(run).config()), catalogue_of(registry)),
                       .run = run,
                       .data = {.directory = settings.data_directory, .synthetic = false},
                       .fingerprint = {},
                       .isolation = settings.isolation,
                       .checkpoint_seconds = settings.checkpoint_seconds};
  request.data.synthetic = request.cell.synthetic;
  if (settings.enough > 0) request.enough = settings.enough;
  if (std::filesystem::exists(store.folder(run).status()) && store.read_status(run).status == Status::done)
    return std::nullopt;

  const Runtime runtime(request.cell.threads);
  request.fingerprint = host_fingerprint(build_facts());
  TrialHooks hooks;
  hooks.progress = [&](const TrialProgress& p) { say(p.step, p.fraction, p.seconds, p.validation); };
  hooks.interrupted = [&] { return interrupted.load(); };
  hooks.heartbeat = [&] { return claim->heartbeat(); };
  return run_trial(request, registry, store, hooks);
}

}  // namespace velo
