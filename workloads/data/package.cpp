#include "workloads/data/package.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace fs = std::filesystem;

namespace {

/// Last line that the command wrote, for an error sentence.
std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return last;
}

/// Runs a program in `folder`, its output in `folder`/log. Throws Error when it cannot start or fails.
void run(const std::vector<std::string>& command, const std::string& folder) {
  const std::string log = folder + "/log";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw Error(cat(command[0], " is not on this machine; it is needed to unpack a Debian package"));
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) throw Error(cat("`", command[0], " ", command[1], "` failed: ", last_line(log)));
}

}  // namespace

std::string package_folder(const std::string& package, const std::string& folder, const std::string& scratch,
                           const Say& say) {
  if (fs::is_directory(folder)) return folder;
  fs::create_directories(scratch);
  const std::string where = fs::absolute(scratch).string();
  say(cat("downloading Debian package ", package));
  run({"apt-get", "download", package}, where);
  for (const auto& entry : fs::directory_iterator(where))
    if (entry.path().extension() == ".deb") run({"dpkg", "-x", entry.path().string(), "unpacked"}, where);
  std::string unpacked = where + "/unpacked" + folder;
  if (!fs::is_directory(unpacked)) throw Error(cat("Debian package ", package, " has no folder ", folder));
  return unpacked;
}

}  // namespace velo::data
