// harness/cli/verb.hpp
//
// How a verb of the command is written. One file per verb: it declares its options on an Options object, and its
// action prints data to `out` and talk to `err` (the only room that prints). Errors are thrown (results/error.hpp);
// run_cli turns them into one sentence on stderr and the exit status.
//
// A line velo_add_verb(list) in CMakeLists.txt compiles list.cpp and expects `Verb list_verb()` in it:
//
//   Verb list_verb() {
//     struct Choices { std::string kind; };
//     auto choices = std::make_shared<Choices>();
//     return {.name = "list", .group = "Look around", .summary = "...", .examples = {"velo list"},
//             .declare = [=](Options& o) { o.positional("KIND", choices->kind, "algorithms or workloads"); },
//             .action = [=](const Console& console) { ...; return ExitCode::ok; }};
//   }
//
// Host-only: no Kokkos here. Verbs that train reach it through harness/run.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/error.hpp"

namespace CLI {
class App;
}

namespace velo {

class Registry;

enum class Format { table, csv, json, markdown, latex };

/// Declares options on a verb. Targets must outlive parsing and keep their value when the option is absent.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(&app) {}

  /// `names` as in "-q,--quiet".
  void flag(const std::string& names, bool& target, const std::string& help);
  void value(const std::string& names, std::string& target, const std::string& help,
             const std::string& placeholder = "TEXT");
  void value(const std::string& names, std::int64_t& target, const std::string& help,
             const std::string& placeholder = "N");
  void value(const std::string& names, double& target, const std::string& help, const std::string& placeholder = "X");
  /// One of a few words; anything else is a usage error naming them.
  void choice(const std::string& names, std::string& target, const std::vector<std::string>& words,
              const std::string& help);
  /// May be given several times, one value each.
  void list(const std::string& names, std::vector<std::string>& target, const std::string& help,
            const std::string& placeholder = "TEXT");
  void required(const std::string& name, std::string& target, const std::string& help);
  void positional(const std::string& name, std::string& target, const std::string& help);
  void positionals(const std::string& name, std::vector<std::string>& target, const std::string& help);
  /// `--format table|csv|json|markdown|latex`
  void format(Format& target);
  /// `--out DIR`, or `--store DIR`: the store, results/store by default.
  void store(std::string& target);

 private:
  CLI::App* app_;
};

/// Where a verb speaks, and what it may know of the program it runs in.
struct Console {
  std::ostream& out;         ///< data
  std::ostream& err;         ///< talk
  const Registry* registry;  ///< null in a build for analysis only
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::string program;  ///< path of the running executable, for workers
};

struct Verb {
  std::string name;
  std::string group;                  ///< heading in `velo --help`
  std::string summary;                ///< one line
  std::vector<std::string> examples;  ///< whole command lines, shown by --help
  std::function<void(Options&)> declare;
  std::function<ExitCode(const Console&)> action;
  bool hidden = false;  ///< for the harness itself (workers)
};

/// Every verb of this build, in the order of `velo --help` (generated from the list in harness/cli/CMakeLists.txt).
[[nodiscard]] std::vector<Verb> all_verbs();

/// Parses and runs one command line; returns the exit status. `registry` may hold out-of-tree modules.
int run_cli(const Registry* registry, int argc, const char* const* argv);
/// The same with its streams elsewhere: for verbs that ask another verb.
int run_cli(const Registry* registry, const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

/// "velo 0.1.0 (release, OpenMP, ...)": the first line of --version.
[[nodiscard]] std::string version_text();

}  // namespace velo
