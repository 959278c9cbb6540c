#include "workloads/data/package.hpp"

#include <filesystem>

#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/command.hpp"

namespace velo::data {

namespace fs = std::filesystem;

namespace {

void run(const std::vector<std::string>& words, const std::string& folder) {
  run_command(words, folder, "it is needed to unpack a Debian package");
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
