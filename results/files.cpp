#include "results/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// Closes on destruction.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

void write_all(int descriptor, std::string_view content, const std::filesystem::path& file) {
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(system_sentence("cannot write", file, errno));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string host_hash() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return sha256(host.data()).substr(0, 8);
}

}  // namespace

std::string system_sentence(std::string_view what, const std::filesystem::path& file, int error) {
  std::string_view advice;
  if (error == ENOSPC || error == EDQUOT) advice = "; free some space and start again";
  if (error == EACCES || error == EROFS || error == EPERM) advice = "; choose a folder you may write to";
  return cat(what, " '", file.string(), "': ", std::strerror(error), advice);
}

std::string read_file(const std::filesystem::path& file) {
  const Descriptor in{open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.value < 0) throw Error(system_sentence("cannot read", file, errno));
  struct stat info {};
  fstat(in.value, &info);
  std::string content(static_cast<std::size_t>(std::max<off_t>(info.st_size, 0)), '\0');
  std::size_t used = 0;
  std::array<char, 4096> tail{};
  while (true) {
    const bool room = used < content.size();
    const ssize_t got =
        room ? read(in.value, content.data() + used, content.size() - used) : read(in.value, tail.data(), tail.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(system_sentence("cannot read", file, errno));
    if (got == 0) break;
    if (!room) content.append(tail.data(), static_cast<std::size_t>(got));
    used += static_cast<std::size_t>(got);
  }
  content.resize(used);
  return content;
}

std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.string() + "." + host_hash() + "." + std::to_string(getpid()) + "." + std::to_string(counter++) + ".tmp";
}

void sync_file_system(const std::filesystem::path& folder) {
  const Descriptor place{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (place.value < 0 || syncfs(place.value) != 0) throw Error(system_sentence("cannot flush", folder, errno));
}

void sync_path(const std::filesystem::path& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) throw Error(system_sentence("cannot open", path, errno));
  // Some file systems cannot flush a folder and say EINVAL; then the rename is as durable as they make it.
  if (fsync(file.value) != 0 && errno != EINVAL) throw Error(system_sentence("cannot flush", path, errno));
}

void replace_file(const std::filesystem::path& file, std::string_view content, Durability durability) {
  const auto temporary = temporary_name(file);
  try {
    const Descriptor out{open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (out.value < 0) throw Error(system_sentence("cannot write", file, errno));
    write_all(out.value, content, file);
    if (durability == Durability::disk && fsync(out.value) != 0)
      throw Error(system_sentence("cannot write", file, errno));
    if (std::rename(temporary.c_str(), file.c_str()) != 0) throw Error(system_sentence("cannot write", file, errno));
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  if (durability == Durability::disk)
    sync_path(file.parent_path().empty() ? std::filesystem::path(".") : file.parent_path());
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(system_sentence("cannot make the folder", folder, failure.value()));
}

}  // namespace velo
