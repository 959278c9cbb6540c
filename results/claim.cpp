// Leases on cells. Taking a free cell is one atomic create. Taking over a dead owner's claim needs more than one step
// (judge, replace), so take-overs are serialised by a lock on a file at the root of the store, which the kernel drops
// when its holder dies; a claim is judged again under that lock.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Start time of a process in clock ticks since boot; 0 when there is no such living process. See proc(5), field 22.
std::int64_t process_start(std::int64_t pid) {
  const std::string line = first_line(fs::path("/proc") / std::to_string(pid) / "stat");
  const auto after_name = line.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(line.substr(after_name + 1));
  std::string word;
  fields >> word;
  if (word == "Z" || word == "X") return 0;
  for (int field = 4; field <= 22; ++field) fields >> word;
  return fields ? std::stoll(word) : 0;
}

ClaimOwner this_process() {
  ClaimOwner owner;
  owner.pid = getpid();
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  owner.host = host.data();
  owner.boot = first_line("/proc/sys/kernel/random/boot_id");
  std::error_code unknown;
  owner.pid_namespace = fs::read_symlink("/proc/self/ns/pid", unknown).string();
  owner.pid_start = process_start(owner.pid);
  owner.claimed_at = utc_now();
  return owner;
}

std::string owner_to_json(const ClaimOwner& o) {
  const nlohmann::ordered_json object{{"pid", o.pid},
                                      {"host", o.host},
                                      {"boot", o.boot},
                                      {"pid_namespace", o.pid_namespace},
                                      {"pid_start", o.pid_start},
                                      {"claimed_at", o.claimed_at}};
  return object.dump() + "\n";
}

/// A torn claim (its writer died between create and write) has no owner and lives by its age.
ClaimOwner owner_from_json(const std::string& text) {
  ClaimOwner o;
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return o;
  o.pid = object.value("pid", std::int64_t{0});
  o.host = object.value("host", "");
  o.boot = object.value("boot", "");
  o.pid_namespace = object.value("pid_namespace", "");
  o.pid_start = object.value("pid_start", std::int64_t{0});
  o.claimed_at = object.value("claimed_at", "");
  return o;
}

bool is_alive(const ClaimOwner& owner, const ClaimOwner& self, std::chrono::seconds age, std::chrono::seconds lease) {
  if (owner.host == self.host && !owner.boot.empty()) {
    if (owner.boot != self.boot) return false;
    if (owner.pid_namespace == self.pid_namespace) return process_start(owner.pid) == owner.pid_start;
  }
  return age <= lease;
}

fs::path claim_file(const Store& store, const std::string& cell) { return store.cell_folder(cell) / "claim"; }

/// Creates the claim if there is none. False when there is one.
bool create_claim(const fs::path& file, const std::string& content) {
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == EEXIST) return false;
  if (descriptor < 0) throw Error(system_sentence("cannot claim", file, errno));
  const ssize_t written = write(descriptor, content.data(), content.size());
  const int reason = errno;
  close(descriptor);
  if (written == static_cast<ssize_t>(content.size())) return true;
  unlink(file.c_str());
  throw Error(system_sentence("cannot claim", file, reason));
}

/// The lock under which dead claims are replaced.
class TakeOverLock {
 public:
  explicit TakeOverLock(const fs::path& file) : descriptor_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw Error(system_sentence("cannot open", file, errno));
    while (flock(descriptor_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      const int reason = errno;
      close(descriptor_);
      throw Error(system_sentence("cannot lock", file, reason));
    }
  }
  TakeOverLock(const TakeOverLock&) = delete;
  TakeOverLock& operator=(const TakeOverLock&) = delete;
  ~TakeOverLock() { close(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

std::optional<ClaimState> Store::claim_state(const std::string& cell, std::chrono::seconds lease) const {
  const fs::path file = claim_file(*this, cell);
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return std::nullopt;
  std::string content;
  try {
    content = read_file(file);
  } catch (const Error&) {
    if (!fs::exists(file)) return std::nullopt;  // released between the two looks
    throw;
  }
  ClaimState state{owner_from_json(content), false};
  state.alive = is_alive(state.owner, this_process(), std::chrono::seconds(std::time(nullptr) - info.st_mtime), lease);
  return state;
}

std::optional<Claim> Store::claim(const std::string& cell, std::chrono::seconds lease) const {
  const fs::path file = claim_file(*this, cell);
  make_folder(file.parent_path());
  const std::string content = owner_to_json(this_process());
  if (create_claim(file, content)) return Claim(file, content);

  auto state = claim_state(cell, lease);
  if (state && state->alive) return std::nullopt;
  const TakeOverLock lock(root_ / "takeover.lock");
  state = claim_state(cell, lease);
  if (state && state->alive) return std::nullopt;
  if (!state) return create_claim(file, content) ? std::optional(Claim(file, content)) : std::nullopt;
  replace_file(file, content);
  return Claim(file, content);
}

Claim::Claim(fs::path file, std::string content)
    : file_(std::move(file)), content_(std::move(content)), pid_(getpid()) {}

Claim::Claim(Claim&& other) noexcept
    : file_(std::exchange(other.file_, {})), content_(std::move(other.content_)), pid_(other.pid_) {}

Claim& Claim::operator=(Claim&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(content_, other.content_);
  std::swap(pid_, other.pid_);
  return *this;
}

Claim::~Claim() {
  try {
    release();
  } catch (const std::exception&) {
    // The claim stays behind; the next contender sees that its owner is dead.
  }
}

bool Claim::heartbeat() {
  if (file_.empty()) return false;
  std::error_code gone;
  if (!fs::exists(file_, gone) || read_file(file_) != content_) return false;
  if (utimensat(AT_FDCWD, file_.c_str(), nullptr, 0) != 0) throw Error(system_sentence("cannot touch", file_, errno));
  return true;
}

void Claim::release() {
  const fs::path file = std::exchange(file_, {});
  if (file.empty() || pid_ != getpid()) return;
  std::error_code gone;
  if (fs::exists(file, gone) && read_file(file) == content_) fs::remove(file, gone);
}

}  // namespace velo
