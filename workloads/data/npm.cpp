#include "workloads/data/npm.hpp"

#include <filesystem>

#include "results/text.hpp"
#include "workloads/data/command.hpp"

namespace velo::data {

namespace {

const char* const need = "it is needed to get data out of npm packages (Debian packages nodejs and npm)";

}  // namespace

void npm_install(const std::vector<std::string>& packages, const std::string& folder, const Say& say) {
  std::filesystem::create_directories(folder);
  run_command({"node", "--version"}, folder, need);  // npm itself is a script of node's
  say(cat("downloading from npm: ", join_words(packages)));
  // Its first error line is the reason; explanations follow, and remarks about log files.
  std::vector<std::string> words = {
      "npm",       "install",      "--ignore-scripts",     "--no-save",     "--loglevel=error", "--no-audit",
      "--no-fund", "--logs-max=0", "--no-update-notifier", "--no-progress", "--prefix",         "."};
  words.insert(words.end(), packages.begin(), packages.end());
  run_command(words, folder, need, Reason::first_line);
}

void run_node(const std::string& script, const std::vector<std::string>& arguments, const std::string& folder) {
  // Node ends an uncaught error's report with its own version: the last line shall be the reason.
  const std::string caught =
      cat("try {\n", script, "\n} catch (error) {\n  console.error(error.message.split('\\n')[0]);\n",
          "  process.exit(1);\n}\n");
  std::vector<std::string> words = {"node", "--input-type=module", "--eval", caught, "--"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  run_command(words, folder, need);
}

}  // namespace velo::data
