#include "workloads/data/raw_files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::data {

namespace fs = std::filesystem;

namespace {

/// Where hashes were last found right: one line "name modification-time" per file.
std::string stamp_path(const std::string& folder) { return folder + "/hashed_at"; }

std::int64_t modification_time(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return -1;
  return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec;
}

std::int64_t length(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? static_cast<std::int64_t>(info.st_size) : -1;
}

std::map<std::string, std::int64_t> read_stamp(const std::string& folder) {
  std::map<std::string, std::int64_t> times;
  std::ifstream file(stamp_path(folder));
  std::string name;
  for (std::int64_t time = 0; file >> name >> time;) times[name] = time;
  return times;
}

/// A data directory may be read-only for whoever trains from it: then every start hashes again, and that is all.
void write_stamp(const RawSet& set, const std::string& folder) {
  std::ofstream file(stamp_path(folder), std::ios::trunc);
  for (const RawFile& f : set.files) file << f.name << ' ' << modification_time(folder + "/" + f.name) << '\n';
}

std::string repair(const RawSet& set) { return cat("; `velo data install ", set.name, "` repairs it"); }

void check_lengths(const RawSet& set, const std::string& directory) {
  const std::string folder = set.folder(directory);
  if (!fs::exists(folder))
    throw Error(
        cat("data set '", set.name, "' is not installed in ", directory, ": run `velo data install ", set.name, "`"));
  for (const RawFile& f : set.files) {
    const std::string path = folder + "/" + f.name;
    const std::int64_t bytes = length(path);
    if (bytes < 0) throw Error(cat(path, " is missing", repair(set)));
    if (bytes != f.bytes) throw Error(cat(path, " has ", bytes, " bytes where ", f.bytes, " are right", repair(set)));
  }
}

void check_hash(const RawSet& set, const RawFile& file, const std::string& folder) {
  const std::string path = folder + "/" + file.name;
  const MappedFile mapped(path);
  const auto bytes = mapped.bytes();
  if (sha256({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) != file.sha256)
    throw Error(cat(path, " has been altered: its SHA-256 is not that of ", set.name, repair(set)));
}

[[noreturn]] void fail(const std::string& what, const std::string& path) {
  throw Error(cat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

/// A folder that is removed with all its content unless it was renamed away.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {
    std::error_code failed;
    fs::remove_all(path_, failed);
    fs::create_directories(path_, failed);
    if (failed) throw Error(cat("cannot create ", path_, ": ", failed.message()));
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::int64_t RawSet::bytes() const {
  std::int64_t sum = 0;
  for (const RawFile& f : files) sum += f.bytes;
  return sum;
}

std::string RawSet::version() const {
  std::string text;
  for (const RawFile& f : files) text += cat(f.name, " ", f.sha256, "\n");
  return sha256(text);
}

bool is_installed(const RawSet& set, const std::string& directory) {
  for (const RawFile& f : set.files)
    if (length(set.folder(directory) + "/" + f.name) != f.bytes) return false;
  return true;
}

std::string directory_of(const DataSource& source) {
  return source.directory.empty() ? default_data_directory() : source.directory;
}

void check(const RawSet& set, const std::string& directory) {
  check_lengths(set, directory);
  const std::string folder = set.folder(directory);
  const auto hashed = read_stamp(folder);
  bool fresh = true;
  for (const RawFile& f : set.files) {
    const auto known = hashed.find(f.name);
    if (known != hashed.end() && known->second == modification_time(folder + "/" + f.name)) continue;
    check_hash(set, f, folder);
    fresh = false;
  }
  if (!fresh) write_stamp(set, folder);
}

void verify(const RawSet& set, const std::string& directory) {
  check_lengths(set, directory);
  for (const RawFile& f : set.files) check_hash(set, f, set.folder(directory));
  write_stamp(set, set.folder(directory));
}

void install(const RawSet& set, const std::string& directory, const std::function<void(const std::string&)>& convert,
             const Say& say) {
  const std::string final_folder = set.folder(directory);
  if (is_installed(set, directory)) {
    try {
      verify(set, directory);
      say(cat(set.name, " is installed in ", final_folder));
      return;
    } catch (const Error& altered) {
      say(altered.what());
    }
  }

  const ScratchFolder scratch(cat(directory, "/.", set.name, ".", getpid()));
  const std::string made = scratch.path() + "/" + set.name;
  fs::create_directory(made);
  convert(made);
  verify(set, scratch.path());
  std::error_code failed;
  if (fs::exists(final_folder)) fs::rename(final_folder, scratch.path() + "/replaced", failed);
  fs::rename(made, final_folder, failed);
  if (failed && !is_installed(set, directory)) throw Error(cat("cannot create ", final_folder, ": ", failed.message()));
  say(cat("installed ", set.name, " in ", final_folder));
}

void write_file(const std::string& path, const std::vector<std::span<const std::uint8_t>>& parts) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) fail("create", path);
  for (std::span<const std::uint8_t> part : parts) {
    while (!part.empty()) {
      const ssize_t n = write(file, part.data(), part.size());
      if (n < 0) {
        const int reason = errno;
        close(file);
        errno = reason;
        fail("write", path);
      }
      part = part.subspan(static_cast<std::size_t>(n));
    }
  }
  const bool synced = fsync(file) == 0;
  if (close(file) != 0 || !synced) fail("write", path);
}

MappedFile::MappedFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail("open", path);
  struct stat info {};
  void* address = MAP_FAILED;
  if (fstat(file, &info) == 0 && info.st_size > 0)
    address = mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (address == MAP_FAILED) fail("map", path);
  bytes_ = {static_cast<const std::uint8_t*>(address), static_cast<std::size_t>(info.st_size)};
}

MappedFile::~MappedFile() { munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size()); }

}  // namespace velo::data
