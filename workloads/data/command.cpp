#include "workloads/data/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace {

/// First or last line that the command wrote, for an error sentence.
std::string line_of(const std::string& path, Reason reason) {
  std::ifstream file(path);
  std::string found;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    found = line;
    if (reason == Reason::first_line) break;
  }
  return found;
}

}  // namespace

void run_command(const std::vector<std::string>& words, const std::string& folder, const std::string& need,
                 Reason reason) {
  const std::string log = folder + "/log";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw Error(cat(words[0], " is not on this machine; ", need));
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw Error(cat("`", words[0], " ", words[1], "` failed: ", line_of(log, reason)));
}

}  // namespace velo::data
