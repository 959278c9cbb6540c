// results/files.hpp
//
// Small files, whole or not at all. Errors name the file and the system's reason.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace velo {

/// Throws Error when the file cannot be read.
[[nodiscard]] std::string read_file(const std::filesystem::path& file);

/// How long a replaced file must last.
enum class Durability {
  disk,     ///< survives the machine: flushed before and after the rename
  process,  ///< survives the process: for what is replaced again soon
};

/// Writes to a temporary name in the same folder and renames: readers see the old or the new content.
/// Throws Error (disk full, no permission); the old content stays.
void replace_file(const std::filesystem::path& file, std::string_view content,
                  Durability durability = Durability::disk);

/// create_directories with an Error that names the folder.
void make_folder(const std::filesystem::path& folder);

/// A name in the same folder that no other process uses: "<file>.<host hash>.<pid>.<n>.tmp".
[[nodiscard]] std::filesystem::path temporary_name(const std::filesystem::path& file);

/// Flushes a file, or the entries of a folder, to disk.
void sync_path(const std::filesystem::path& path);

/// Flushes everything on the file system of a folder to disk: once for thousands of files written with
/// Durability::process.
void sync_file_system(const std::filesystem::path& folder);

/// "cannot write '<file>': No space left on device", from errno.
[[nodiscard]] std::string system_sentence(std::string_view what, const std::filesystem::path& file, int error);

}  // namespace velo
