// workloads/data/raw_files.hpp
//
// A converted data set on disk: a folder of raw files whose lengths and hashes are known beforehand. Trials map them
// into memory. Hashing 55 MB costs a fifth of a second, so a stamp file remembers the modification times at which the
// hashes were right: check() hashes only files changed since.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/data_set.hpp"
#include "harness/workload.hpp"

namespace velo::data {

struct RawFile {
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
};

/// The parent of the data sets that `source` means.
[[nodiscard]] std::string directory_of(const DataSource& source);

/// What a converted data set consists of; `name` is its folder inside the data directory.
struct RawSet {
  std::string name;
  std::vector<RawFile> files;

  [[nodiscard]] std::string folder(const std::string& directory) const { return directory + "/" + name; }
  [[nodiscard]] std::int64_t bytes() const;
  /// SHA-256 over the names and hashes of all files.
  [[nodiscard]] std::string version() const;
};

/// Every file is there with the right length.
[[nodiscard]] bool is_installed(const RawSet& set, const std::string& directory);

/// Throws Error for the first file that is missing, has the wrong length or, if changed since its last hashing, the
/// wrong content. The sentence names `velo data install`.
void check(const RawSet& set, const std::string& directory);

/// The same, hashing every file.
void verify(const RawSet& set, const std::string& directory);

/// Installs: `convert(folder)` writes all files into a scratch folder beside the final one, they are verified, and the
/// folder is renamed into place. Nothing happens when an unharmed copy is there; a harmed one is replaced.
void install(const RawSet& set, const std::string& directory, const std::function<void(const std::string&)>& convert,
             const Say& say);

/// What contiguous values are in memory, and so in a raw file.
template <typename Values>
[[nodiscard]] std::span<const std::uint8_t> bytes_of(const Values& values) {
  const std::span all(values);
  return {reinterpret_cast<const std::uint8_t*>(all.data()), all.size_bytes()};
}

/// Writes the parts one after another. Throws Error with the system's reason.
void write_file(const std::string& path, const std::vector<std::span<const std::uint8_t>>& parts);

/// A file in memory, read-only, shared between processes.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace velo::data
