// velo new: starts an algorithm or a workload.
#include <memory>
#include <ostream>

#include "harness/cli/verb.hpp"
#include "harness/scaffold.hpp"
#include "results/text.hpp"

namespace velo {

Verb new_verb() {
  struct Choices {
    std::string kind, name, family = "first_order";
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "new",
          .group = "Extend",
          .summary = "write source, test and YAML of a new algorithm or workload",
          .examples = {"velo new algorithm my_rule", "velo new algorithm my_rule --family second_order",
                       "velo new workload my_task"},
          .declare =
              [=](Options& o) {
                o.required("KIND", choices->kind, "algorithm or workload");
                o.required("NAME", choices->name, "lower-case letters, digits and underscores");
                o.value("--family", choices->family, "folder of algorithms/ (default first_order)", "FAMILY");
              },
          .action =
              [=](const Console& console) {
                if (choices->kind != "algorithm" && choices->kind != "workload")
                  throw Error(cat("new makes an algorithm or a workload, not '", choices->kind, "'",
                                  did_you_mean(choices->kind, {"algorithm", "workload"})));
                const auto root = source_tree(".");
                const bool algorithm = choices->kind == "algorithm";
                for (const auto& path : algorithm ? new_algorithm(root, choices->name, choices->family)
                                                  : new_workload(root, choices->name))
                  console.out << path << '\n';
                console.err << "The three files build and pass as they are: ./velo test -- -R "
                            << (algorithm ? "algorithms_tests" : "workloads_tests") << '\n';
                return ExitCode::ok;
              },
          .hidden = false};
}

}  // namespace velo
