// tests/support/command.hpp
//
// Runs the built `velo` as a user would: its own process, its own standard output and error.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace velo::test {

struct Outcome {
  int exit = 0;  ///< exit status; 128 + signal when it was killed
  std::string out;
  std::string err;
};

/// Runs `velo ARGUMENTS...` in `folder` (empty: here). `kill_when` is asked every millisecond; when it says so the
/// process and its workers get SIGKILL. `environment` entries look like "NAME=value".
[[nodiscard]] Outcome run_velo(const std::vector<std::string>& arguments, const std::filesystem::path& folder = {},
                               const std::vector<std::string>& environment = {},
                               const std::function<bool()>& kill_when = {});

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
