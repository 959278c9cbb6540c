// `velo replay`: drives an algorithm with recorded gradients and writes every point it visits.
#include "harness/run/replay.hpp"

#include <ostream>

#include "harness/catalogue.hpp"
#include "harness/cli/verb.hpp"
#include "harness/config/draft.hpp"
#include "harness/config/yaml.hpp"
#include "harness/device/runtime.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// The algorithm with its settings, checked against its declared parameters as in a sweep.
Component resolved(const std::string& name, const std::vector<std::string>& settings, const Catalogue& catalogue) {
  Tree word;
  word.kind = Tree::Kind::scalar;
  word.scalar = name;
  word.at = {Origin::Kind::override, cat("--algorithm ", name), 0, 0};
  Draft draft = read_algorithm(word, catalogue, {});
  for (const std::string& setting : settings) {
    const Origin at = {Origin::Kind::override, cat("--set ", setting), 0, 0};
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) fail(at, "a setting must look like lr=0.1");
    assign(draft, split_path(setting.substr(0, equals), at), parse_override_value(setting.substr(equals + 1), at.file),
           catalogue, {.rank = Rank::override});
  }
  return resolve(draft);
}

}  // namespace

Verb replay_verb() {
  struct Choices {
    std::string algorithm, input, output;
    std::vector<std::string> settings;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "replay",
          .group = "Check an implementation",
          .summary = "Drive an algorithm with recorded gradients, or a quadratic, and write every point it visits",
          .examples = {"velo replay --algorithm adamw --set lr=0.01 --set weight_decay=0.1 input.h5 --out output.h5",
                       "velo replay --algorithm lookahead --set inner=sgd --set inner.lr=0.1 input.h5 --out output.h5"},
          .declare =
              [=](Options& o) {
                o.required("--algorithm", choices->algorithm, "its name, as `velo list` shows it");
                o.list("--set", choices->settings, "a parameter, by the path it has below the algorithm", "KEY=VALUE");
                o.required("INPUT", choices->input, "HDF5 file: /params with /gradients or /problem");
                o.required("--out", choices->output, "HDF5 file to write");
              },
          .action =
              [=](const Console& console) {
                const Component algorithm =
                    resolved(choices->algorithm, choices->settings, catalogue_of(*console.registry));
                const ReplayInput input = read_replay_input(choices->input);
                const Runtime runtime;
                const ReplayOutput output = replay(algorithm, *console.registry, input);
                write_replay_output(choices->output, input, output);
                console.err << cat("wrote ", choices->output, ": ", input.steps, " steps of ", algorithm.name, ", ",
                                   input.size(), " parameters, ", output.state_bytes, " bytes of state\n");
                return ExitCode::ok;
              }};
}

}  // namespace velo
