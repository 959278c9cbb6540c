// `velo trial`: the worker process of one trial. The coordinator starts it; it says its progress on stdout.
#include <csignal>
#include <ostream>

#include "harness/cli/verb.hpp"
#include "harness/executors/campaign.hpp"
#include "harness/run/worker.hpp"

namespace velo {

namespace {

std::atomic<bool> interrupted{false};

extern "C" void ask_to_end(int /*signal*/) { interrupted.store(true); }

}  // namespace

Verb trial_verb() {
  struct Choices {
    WorkerSettings worker;
    std::string isolation = "shared";
  };
  auto choices = std::make_shared<Choices>();
  choices->worker.store = "results/store";
  return {.name = "trial",
          .group = "Internal",
          .summary = "Run one trial in its prepared folder (workers are started with this)",
          .examples = {"velo trial --run 3fa9c1d2e4b5a6978812/0001 --isolation pinned"},
          .declare =
              [=](Options& o) {
                o.store(choices->worker.store);
                o.value("--run", choices->worker.run, "the run to make", "CELL/RUN");
                o.value("--data", choices->worker.data_directory, "where converted data sets lie", "DIR");
                o.choice("--isolation", choices->isolation, {"exclusive", "pinned", "shared"}, "how alone it runs");
                o.value("--enough", choices->worker.enough,
                        "work, in example-gradients, after which it cannot change the score");
                o.value("--checkpoint-seconds", choices->worker.checkpoint_seconds, "wall seconds between checkpoints",
                        "S");
              },
          .action =
              [=](const Console& console) {
                std::signal(SIGTERM, ask_to_end);
                std::signal(SIGINT, ask_to_end);
                choices->worker.isolation = parse_isolation(choices->isolation);
                const SayProgress say = [&](std::int64_t step, double fraction, double seconds, double validation) {
                  console.out << progress_line(step, fraction, seconds, validation) << std::endl;
                };
                const auto summary = run_worker(choices->worker, *console.registry, say, interrupted);
                if (!summary) return static_cast<ExitCode>(worker_exit_elsewhere);
                return summary->status == Status::failed ? ExitCode::some_failed : ExitCode::ok;
              },
          .hidden = true};
}

}  // namespace velo
