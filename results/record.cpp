#include "results/record.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <fstream>
#include <iterator>
#include <utility>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

template <typename Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Words<Status, 5> status_words{{{Status::planned, "planned"},
                                         {Status::running, "running"},
                                         {Status::done, "done"},
                                         {Status::failed, "failed"},
                                         {Status::stale, "stale"}}};

constexpr Words<StopReason, 14> stop_reason_words{{{StopReason::target, "target"},
                                                   {StopReason::finished, "finished"},
                                                   {StopReason::budget, "budget"},
                                                   {StopReason::diverged, "diverged"},
                                                   {StopReason::nan, "nan"},
                                                   {StopReason::oom, "oom"},
                                                   {StopReason::interrupted, "interrupted"},
                                                   {StopReason::timeout, "timeout"},
                                                   {StopReason::node_lost, "node_lost"},
                                                   {StopReason::cancelled, "cancelled"},
                                                   {StopReason::stopped_lossless, "stopped_lossless"},
                                                   {StopReason::halved, "halved"},
                                                   {StopReason::error, "error"},
                                                   {StopReason::unknown, "unknown"}}};

constexpr Words<Isolation, 3> isolation_words{
    {{Isolation::exclusive, "exclusive"}, {Isolation::pinned, "pinned"}, {Isolation::shared, "shared"}}};

constexpr Words<WorkloadRole, 3> workload_role_words{
    {{WorkloadRole::base, "base"}, {WorkloadRole::held_out, "held_out"}, {WorkloadRole::unscored, "unscored"}}};

constexpr Words<Direction, 3> direction_words{
    {{Direction::none, "none"}, {Direction::lower, "lower"}, {Direction::higher, "higher"}}};

template <typename Enum, std::size_t N>
std::string_view word_of(Enum value, const Words<Enum, N>& words) {
  for (const auto& [candidate, word] : words)
    if (candidate == value) return word;
  throw std::logic_error("an enumeration of results/record.hpp holds no valid value");
}

template <typename Enum, std::size_t N>
Enum value_of(std::string_view text, std::string_view what, const Words<Enum, N>& words) {
  for (const auto& [value, word] : words)
    if (word == text) return value;
  std::vector<std::string> valid;
  for (const auto& [value, word] : words) valid.emplace_back(word);
  throw Error(cat("'", text, "' is not a known ", what, "; valid are ", join_words(valid)));
}

std::string read_line_after(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find_first_of(":=");
    if (colon == std::string::npos) continue;
    const auto first = line.find_first_not_of(" \t\"", colon + 1);
    const auto last = line.find_last_not_of(" \t\"");
    return first == std::string::npos ? std::string() : line.substr(first, last - first + 1);
  }
  return {};
}

// "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz" -> "intel xeon platinum 8481c"
std::string plain_model(std::string_view model) {
  model = model.substr(0, model.find('@'));
  std::string lower;
  for (const char c : model) lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  for (const std::string_view mark : {"(r)", "(tm)"})
    for (auto at = lower.find(mark); at != std::string::npos; at = lower.find(mark))
      lower.replace(at, mark.size(), 1, ' ');
  std::vector<std::string> words;
  std::string word;
  for (const char c : lower + " ") {
    if (c != ' ') {
      word.push_back(c);
      continue;
    }
    if (!word.empty() && word != "cpu" && word != "processor") words.push_back(word);
    word.clear();
  }
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : " ") + w;
  return out;
}

}  // namespace

std::string_view name(Status status) { return word_of(status, status_words); }
std::string_view name(StopReason reason) { return word_of(reason, stop_reason_words); }
std::string_view name(Isolation isolation) { return word_of(isolation, isolation_words); }
std::string_view name(Direction direction) { return word_of(direction, direction_words); }
std::string_view name(WorkloadRole role) { return word_of(role, workload_role_words); }

Status parse_status(std::string_view text) { return value_of(text, "status", status_words); }
StopReason parse_stop_reason(std::string_view text) { return value_of(text, "stop reason", stop_reason_words); }
Isolation parse_isolation(std::string_view text) { return value_of(text, "isolation", isolation_words); }
Direction parse_direction(std::string_view text) { return value_of(text, "direction", direction_words); }
WorkloadRole parse_workload_role(std::string_view text) {
  return value_of(text, "role of a workload", workload_role_words);
}

std::string hardware_class(const Fingerprint& f) {
  if (!f.device.empty()) return plain_model(f.device);
  const std::string model = plain_model(f.cpu_model);
  return cat(model.empty() ? "unknown processor" : model, " x", f.cores, f.isa.empty() ? "" : " ", f.isa);
}

Fingerprint host_fingerprint(const BuildFacts& build) {
  Fingerprint f;
  utsname system{};
  uname(&system);
  f.host = system.nodename;
  const std::string distribution = read_line_after("/etc/os-release", "PRETTY_NAME");
  f.os = cat(distribution, distribution.empty() ? "" : ", ", system.sysname, " ", system.release);
  f.cpu_model = read_line_after("/proc/cpuinfo", "model name");
  if (f.cpu_model.empty()) f.cpu_model = system.machine;
  f.cores = sysconf(_SC_NPROCESSORS_ONLN);  // the machine's: pinning a trial does not change its class
  f.memory_bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  f.isa = build.isa;
  f.device = build.device;
  f.backend = build.backend;
  f.threads = build.threads;
  f.precision = build.precision;
  f.compiler = build.compiler;
  f.build_type = build.build_type;
  f.libraries = build.libraries;
  f.git_commit = build.git_commit;
  f.velo_version = build.velo_version;
  f.hardware_class = hardware_class(f);
  return f;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace velo
