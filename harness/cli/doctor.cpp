// `velo doctor`: what this machine is, and what on it would spoil a measurement.
#include "harness/doctor.hpp"

#include <memory>

#include "harness/cli/print.hpp"
#include "harness/data_set.hpp"
#include "harness/device/runtime.hpp"

namespace velo {

Verb doctor_verb() {
  struct Choices {
    std::string store = "results/store";
    Format format = Format::table;
  };
  auto choices = std::make_shared<Choices>();
  return {.name = "doctor",
          .group = "Look around",
          .summary = "Examine the machine: back-end, libraries, clock, load, disk, data sets",
          .examples = {"velo doctor", "velo doctor --out /scratch/store --format json"},
          .declare =
              [=](Options& o) {
                o.store(choices->store);
                o.format(choices->format);
              },
          .action =
              [=](const Console& console) {
                const Runtime runtime;
                Table table;
                table.columns = {{"item"}, {"found"}, {"advice"}};
                const auto add = [&table](const std::vector<Finding>& findings) {
                  for (const Finding& f : findings) table.rows.push_back({f.item, f.value, f.advice});
                };
                table.rows.push_back({std::string("program"), version_text(), std::string()});
                add(examine_program(runtime_info()));
                add(examine_machine("/", 0.3));
                add(examine_data(choices->store, default_data_directory(), data_sets(*console.registry)));
                print_table(console, choices->format, table);
                return ExitCode::ok;
              },
          .hidden = false};
}

}  // namespace velo
