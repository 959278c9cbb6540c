// tests/support/command.hpp
//
// Runs the built `velo` as a user would: its own process, its own standard output and error.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace velo::test {

struct Outcome {
  int exit = 0;  ///< exit status; 128 + signal when it was killed
  std::string out;
  std::string err;
};

/// Runs `velo ARGUMENTS...` in `folder` (empty: here). With a positive `kill_after` the process and its workers get
/// SIGKILL then, unless they have ended. `environment` entries look like "NAME=value".
[[nodiscard]] Outcome run_velo(const std::vector<std::string>& arguments, const std::filesystem::path& folder = {},
                               const std::vector<std::string>& environment = {},
                               std::chrono::milliseconds kill_after = std::chrono::milliseconds(0));

/// A folder of its own that is removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Writes a file below it and returns its path.
  std::string file(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace velo::test
