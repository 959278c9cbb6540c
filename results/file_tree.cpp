#include "results/file_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"
#include "results/unpack.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

class Folder final : public FileTree {
 public:
  explicit Folder(const fs::path& path) : root_(path.string()) {
    while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
  }

  [[nodiscard]] std::vector<Entry> list(const std::string& folder) const override {
    const std::string place = full(folder);
    DIR* const directory = opendir(place.c_str());
    if (directory == nullptr) throw Error(system_sentence("cannot list", place, errno));
    std::vector<Entry> entries;
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      bool is_folder = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
        std::error_code unknown;
        is_folder = fs::is_directory(fs::path(place) / name, unknown);
      }
      entries.push_back({name, is_folder});
    }
    closedir(directory);
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  std::optional<std::string_view> read(const std::string& file, std::string& memory) const override {
    constexpr std::size_t step = std::size_t{1} << 16;
    const std::string place = full(file);
    const int in = ::open(place.c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
    if (in < 0) throw Error(system_sentence("cannot read", place, errno));
    std::size_t used = 0;
    ssize_t got = 1;
    while (got > 0) {
      if (memory.size() < used + step) memory.resize(std::max(used + step, 2 * memory.size()));
      got = ::read(in, memory.data() + used, memory.size() - used);
      used += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
    const int reason = errno;
    close(in);
    if (got < 0) throw Error(system_sentence("cannot read", place, reason));
    return std::string_view(memory.data(), used);
  }

  [[nodiscard]] std::string root() const override { return root_; }
  [[nodiscard]] std::string name() const override { return fs::path(root_).filename().string(); }

 private:
  [[nodiscard]] std::string full(const std::string& name) const { return name.empty() ? root_ : cat(root_, "/", name); }
  std::string root_;
};

std::string unzipped(const fs::path& path) {
  const std::string packed = read_file(path);
  auto out = unpack({reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()}, Packing::gzip_members);
  if (!out) throw Error(cat("'", path.string(), "' is not a sound .tar.gz: it is cut off or damaged; get it again"));
  return std::move(*out);
}

/// A header of 512 bytes (POSIX.1-2001, pax interchange format, ustar header block).
struct TarHeader {
  std::string_view bytes;

  [[nodiscard]] std::string text(std::size_t at, std::size_t length) const {
    const std::string_view field = bytes.substr(at, length);
    return std::string(field.substr(0, field.find('\0')));
  }
  [[nodiscard]] std::uint64_t octal(std::size_t at, std::size_t length) const {
    std::uint64_t value = 0;
    for (const char c : text(at, length))
      if (c >= '0' && c <= '7') value = 8 * value + static_cast<unsigned>(c - '0');
    return value;
  }
  [[nodiscard]] bool sound() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(bytes[i]);  // the sum counts itself as blanks
    return sum == octal(148, 8);
  }
  [[nodiscard]] std::string name() const {
    const std::string prefix = bytes.substr(257, 5) == "ustar" && bytes[263] != ' ' ? text(345, 155) : "";
    return prefix.empty() ? text(0, 100) : cat(prefix, "/", text(0, 100));
  }
};

/// The value of "path" in a pax header: records "LENGTH KEY=VALUE\n".
std::string pax_path(std::string_view records) {
  const auto at = records.find(" path=");
  if (at == std::string_view::npos) return {};
  return std::string(records.substr(at + 6, records.find('\n', at) - at - 6));
}

class Archive final : public FileTree {
 public:
  explicit Archive(const fs::path& path) : root_(path.string()), bytes_(unzipped(path)) {
    std::string long_name;
    for (std::size_t at = 0; at + 512 <= bytes_.size();) {
      const TarHeader header{std::string_view(bytes_).substr(at, 512)};
      if (header.bytes.find_first_not_of('\0') == std::string_view::npos) break;
      const std::uint64_t size = header.octal(124, 12);
      if (!header.sound() || size > bytes_.size() - at - 512)
        throw Error(cat("'", root_, "' is not a sound .tar.gz: the entry at byte ", at, " is damaged; get it again"));
      const std::string_view content = std::string_view(bytes_).substr(at + 512, size);
      at += 512 + (size + 511) / 512 * 512;
      const char kind = header.bytes[156];
      if (kind == 'L') long_name = std::string(content.substr(0, content.find('\0')));
      if (kind == 'x') long_name = pax_path(content);
      if (kind == 'L' || kind == 'x' || kind == 'g') continue;
      add(long_name.empty() ? header.name() : long_name, kind == '5', content);
      long_name.clear();
    }
    drop_single_root();
  }

  [[nodiscard]] std::vector<Entry> list(const std::string& folder) const override {
    const auto found = folders_.find(folder);
    if (found == folders_.end()) throw Error(cat("there is no folder '", folder, "' in '", root_, "'"));
    std::vector<Entry> entries;
    for (const auto& [name, is_folder] : found->second) entries.push_back({name, is_folder});
    return entries;
  }

  std::optional<std::string_view> read(const std::string& file, std::string&) const override {
    const auto found = files_.find(top_ + file);
    return found == files_.end() ? std::nullopt : std::optional(found->second);
  }

  [[nodiscard]] std::string root() const override { return root_; }
  [[nodiscard]] std::string name() const override {
    if (!top_.empty()) return top_.substr(0, top_.size() - 1);
    const std::string file = fs::path(root_).filename().string();
    return file.substr(0, file.find(".t"));  // .tar.gz, .tgz
  }

 private:
  void add(std::string name, bool is_folder, std::string_view content) {
    while (name.starts_with("./")) name.erase(0, 2);
    while (!name.empty() && name.back() == '/') name.pop_back();
    if (name.empty() || name == ".") return;
    if (!is_folder) files_[name] = content;
    for (bool folder = is_folder; !name.empty(); folder = true) {
      const auto slash = name.rfind('/');
      const std::string parent = slash == std::string::npos ? "" : name.substr(0, slash);
      const bool known =
          !folders_[parent].emplace(name.substr(slash == std::string::npos ? 0 : slash + 1), folder).second;
      if (folder) folders_[name];
      if (known) return;
      name = parent;
    }
  }

  void drop_single_root() {
    const auto top = folders_.find("");
    if (top == folders_.end()) folders_[""];
    if (top == folders_.end() || top->second.size() != 1 || !top->second.begin()->second) return;
    top_ = top->second.begin()->first + "/";
    std::map<std::string, std::map<std::string, bool>> below;
    for (auto& [name, entries] : folders_) {
      if (name + "/" == top_)
        below[""] = std::move(entries);
      else if (name.starts_with(top_))
        below[name.substr(top_.size())] = std::move(entries);
    }
    folders_ = std::move(below);
  }

  std::string root_, bytes_, top_;
  std::map<std::string, std::map<std::string, bool>> folders_;  ///< folder -> entry -> whether it is a folder
  std::map<std::string, std::string_view> files_;
};

}  // namespace

std::unique_ptr<const FileTree> FileTree::open(const fs::path& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return std::make_unique<Folder>(path);
  if (!fs::exists(path, unknown)) throw Error(cat("there is no folder or archive '", path.string(), "'"));
  return std::make_unique<Archive>(path);
}

}  // namespace velo
