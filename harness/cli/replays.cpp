// `velo replays`: the trajectories of verdict zero, for `velo gate`, which reads them.
#include <gnu/libc-version.h>

#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/verb.hpp"
#include "harness/device/runtime.hpp"
#include "harness/gate/gate_file.hpp"
#include "harness/run/worker.hpp"
#include "results/record.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

void say(const Console& console, const std::string& kind, const std::string& key, std::string value) {
  for (char& c : value)
    if (c == '\n' || c == '\t') c = ' ';
  console.out << kind << '\t' << key << '\t' << value << std::endl;
}

/// What decides the bits of a trajectory.
void say_fingerprint(const Console& console) {
  const Fingerprint fingerprint = host_fingerprint(build_facts());
  std::string libraries;
  for (const auto& [name, version] : fingerprint.libraries)
    libraries += cat(libraries.empty() ? "" : ", ", name, " ", version);
  say(console, "made_with", "hardware_class", fingerprint.hardware_class);
  say(console, "made_with", "isa", fingerprint.isa);
  say(console, "made_with", "blas_kernels", runtime_info().blas_isa);
  say(console, "made_with", "backend", fingerprint.backend);
  say(console, "made_with", "precision", fingerprint.precision);
  say(console, "made_with", "compiler", fingerprint.compiler);
  say(console, "made_with", "build_type", fingerprint.build_type);
  say(console, "made_with", "libraries", libraries);
  say(console, "made_with", "c_library", cat("glibc ", gnu_get_libc_version()));
}

}  // namespace

Verb replays_verb() {
  auto file = std::make_shared<std::string>();
  return {.name = "replays",
          .group = "Internal",
          .summary = "Replay every algorithm on the gate's recorded problem (`velo gate` starts it)",
          .examples = {"velo replays configs/ci/regression.yaml"},
          .declare = [=](Options& o) { o.required("GATE", *file, "the gate's file"); },
          .action =
              [=](const Console& console) {
                const Catalogue catalogue = catalogue_of(*console.registry);
                std::vector<ReplayCase> cases = replay_cases(catalogue);
                for (ReplayCase& one : read_gate_file(*file, catalogue).extra_replays) cases.push_back(std::move(one));
                const Runtime runtime(1);
                say_fingerprint(console);
                for (const ReplayCase& one : cases) {
                  try {
                    say(console, "replay", one.name, replay_line(one.algorithm, *console.registry));
                  } catch (const Error& error) {
                    say(console, "refused", one.name, error.what());
                  }
                }
                return ExitCode::ok;
              },
          .hidden = true};
}

}  // namespace velo
