// harness/data_set.hpp
//
// What a data set is to the command: where it lies, how it gets there, how it is checked. Readers live in
// workloads/data; their descriptors are registered beside the workloads (velo_add_data_set). Plain C++, no Kokkos.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

class Registry;

/// Receives one line of progress.
using Say = std::function<void(std::string_view)>;

/// A registry entry. `directory` is always the data directory, the parent of every data set's own.
struct DataSetInfo {
  std::string name;
  std::string summary;  ///< one line: what, how much
  std::string licence;  ///< SPDX identifier and holder
  std::string package;  ///< Debian or npm package it is made from
  std::string homepage;
  std::int64_t bytes = 0;  ///< converted, on disk
  std::string version;     ///< SHA-256 of the converted content: part of the identity of every cell that uses it

  /// Converts the data set into `directory` unless it lies there unharmed. `from`: folder with the original files;
  /// empty: the installed package, else the package is downloaded (no root needed). Interrupted installs leave nothing
  /// behind that could be taken for a data set. Throws Error.
  std::function<void(const std::string& directory, const std::string& from, const Say& say)> install;
  /// Reads and hashes every byte. Throws Error naming the first wrong file.
  std::function<void(const std::string& directory)> verify;
  /// Every file is there with the right length.
  std::function<bool(const std::string& directory)> installed;
};

/// $VELO_DATA_DIR, else $XDG_CACHE_HOME/velodrome/data, else ~/.cache/velodrome/data. Throws Error when none is set.
[[nodiscard]] std::string default_data_directory();

/// The data sets of a registry, sorted by name.
[[nodiscard]] const std::vector<DataSetInfo>& data_sets(const Registry& registry);
/// Throws Error naming the nearest known name.
[[nodiscard]] const DataSetInfo& data_set(const Registry& registry, std::string_view name);

}  // namespace velo
