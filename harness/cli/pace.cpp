// `velo pace`: one side of a paired measurement. Reads numbers of steps, answers each with their seconds.
#include <iostream>

#include "harness/catalogue.hpp"
#include "harness/cli/verb.hpp"
#include "harness/device/runtime.hpp"
#include "harness/gate/gate_file.hpp"
#include "harness/run/algorithm_speed.hpp"
#include "results/text.hpp"

namespace velo {

Verb pace_verb() {
  struct Choices {
    std::string algorithm;
    std::int64_t parameters = 1'000'000, threads = 1;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "pace",
          .group = "Internal",
          .summary = "Make so many steps when told to, and say how long they took (`velo gate` starts two)",
          .examples = {"echo 100 | velo pace --algorithm '{adamw: {lr: 0.1}}' --parameters 1000000"},
          .declare =
              [=](Options& o) {
                o.required("--algorithm", choices->algorithm, "an algorithm entry, as in a sweep");
                o.value("--parameters", choices->parameters, "parameters of the model");
                o.value("--threads", choices->threads, "threads");
              },
          .action =
              [=](const Console& console) {
                const Component algorithm = component_from(choices->algorithm, cat("--algorithm ", choices->algorithm),
                                                           catalogue_of(*console.registry));
                const Runtime runtime(static_cast<int>(choices->threads));
                PacedAlgorithm rider(algorithm, *console.registry, choices->parameters);
                for (std::int64_t steps = 0; std::cin >> steps && steps > 0;)
                  console.out << number_text(rider.turn(steps)) << std::endl;
                return ExitCode::ok;
              },
          .hidden = true};
}

}  // namespace velo
