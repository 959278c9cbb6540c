// results/file_tree.hpp
//
// A folder to read from, or a .tar.gz of one (POSIX ustar, with GNU's and pax's long names): the same questions to
// both. Names are relative, parts joined by '/'.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace velo {

class FileTree {
 public:
  struct Entry {
    std::string name;
    bool folder = false;
  };

  /// Throws Error when there is neither a folder nor a sound archive at `path`. An archive is unpacked into memory; a
  /// single folder at its top is taken for the root, as tar's archives of a folder have one.
  static std::unique_ptr<const FileTree> open(const std::filesystem::path& path);

  FileTree() = default;
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;
  virtual ~FileTree() = default;

  /// Entries of a folder ("" for the root), sorted by name. May be called from several threads, as read() may.
  [[nodiscard]] virtual std::vector<Entry> list(const std::string& folder) const = 0;
  /// Content of a file, or nothing where there is none; throws Error when it cannot be read. It lies in the tree or in
  /// `memory`, which grows and never shrinks: keep one for many files.
  virtual std::optional<std::string_view> read(const std::string& file, std::string& memory) const = 0;
  /// Where the tree lies, for sentences.
  [[nodiscard]] virtual std::string root() const = 0;
  /// What its folder is called.
  [[nodiscard]] virtual std::string name() const = 0;
};

}  // namespace velo
