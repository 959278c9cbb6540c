#include "harness/doctor.hpp"

#include <hdf5.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include "harness/data_set.hpp"
#include "harness/device/runtime.hpp"
#include "results/text.hpp"

namespace velo {

namespace fs = std::filesystem;

namespace {

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string rounded(double value, int digits) {
  std::ostringstream out;
  out.setf(std::ios::fixed);
  out.precision(digits);
  out << value;
  return out.str();
}

std::string gigabytes(double bytes) { return rounded(bytes / 1e9, 1) + " GB"; }

/// Smallest difference of successive readings that is not zero.
Finding clock_resolution() {
  using Clock = std::chrono::steady_clock;
  std::int64_t least = 1000000000;
  for (int i = 0; i < 2000; ++i) {
    const auto before = Clock::now();
    const auto difference = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - before).count();
    if (difference > 0) least = std::min<std::int64_t>(least, difference);
  }
  return {"clock step", cat(least, " ns"), least > 1000 ? "too coarse to time single steps" : ""};
}

Finding governor(const fs::path& system) {
  const std::string word = first_line(system / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (word.empty()) return {"frequency governor", "not readable here", ""};
  return {"frequency governor", word,
          word == "performance" ? "" : "seconds vary with the clock rate: cpupower frequency-set -g performance"};
}

/// The bracketed word of "always [madvise] never".
Finding huge_pages(const fs::path& system) {
  const std::string line = first_line(system / "sys/kernel/mm/transparent_hugepage/enabled");
  const auto begin = line.find('['), end = line.find(']');
  if (begin == std::string::npos || end == std::string::npos) return {"huge pages", "not readable here", ""};
  const std::string word = line.substr(begin + 1, end - begin - 1);
  return {"huge pages", word,
          word == "never" ? "updates are slower: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled" : ""};
}

Finding memory(const fs::path& system) {
  std::ifstream in(system / "proc/meminfo");
  for (std::string word; in >> word;) {
    double kilobytes = 0;
    if (word == "MemAvailable:" && in >> kilobytes)
      return {"memory free", gigabytes(kilobytes * 1024), kilobytes < 1e6 ? "trials may run out of memory" : ""};
  }
  return {"memory free", "not readable here", ""};
}

/// Processor seconds used by everybody, from the first line of /proc/stat: user nice system idle iowait irq softirq
/// steal. Idle and waiting are left out.
double busy_seconds(const fs::path& system) {
  std::istringstream line(first_line(system / "proc/stat"));
  std::string label;
  line >> label;
  double sum = 0;
  for (int i = 0; i < 8; ++i) {
    double ticks = 0;
    line >> ticks;
    if (i != 3 && i != 4) sum += ticks;
  }
  return sum / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Finding foreign_load(const fs::path& system, double watch_seconds) {
  const double busy = busy_seconds(system);
  const std::clock_t own = std::clock();
  std::this_thread::sleep_for(std::chrono::duration<double>(watch_seconds));
  const double own_seconds = static_cast<double>(std::clock() - own) / CLOCKS_PER_SEC;
  const double cores = static_cast<double>(std::max(1u, std::thread::hardware_concurrency()));
  const double share = (busy_seconds(system) - busy - own_seconds) / (watch_seconds * cores);
  const double percent = std::clamp(100 * share, 0.0, 100.0);
  return {"foreign load", cat(rounded(percent, 0), " % of ", static_cast<std::int64_t>(cores), " processors"),
          percent > 5 ? "other processes are busy: seconds measured now are not comparable" : ""};
}

}  // namespace

std::vector<Finding> examine_program(const RuntimeInfo& runtime) {
  std::vector<Finding> out = {{"back-end", runtime.backend, ""},
                              {"threads", cat(runtime.threads), ""},
                              {"device", runtime.device, ""},
                              {"instruction set", runtime.isa, ""},
                              {"kernels of the libraries", runtime.blas_isa, ""}};
  for (const auto& [name, version] : runtime.libraries) {
    const bool pthreads = name == "OpenBLAS" && version.find("pthread") != std::string::npos;
    out.push_back(
        {name, version, pthreads ? "it fights with OpenMP for the cores: install libopenblas-openmp-dev" : ""});
  }
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  out.push_back({"HDF5", cat(major, ".", minor, ".", release), ""});
  out.push_back({"SQLite", sqlite3_libversion(), ""});
  return out;
}

std::vector<Finding> examine_machine(const fs::path& system, double watch_seconds) {
  return {clock_resolution(), governor(system), huge_pages(system), memory(system),
          foreign_load(system, watch_seconds)};
}

std::vector<Finding> examine_data(const fs::path& store, const std::string& data_directory,
                                  const std::vector<DataSetInfo>& sets) {
  std::vector<Finding> out;
  // The store may not exist yet: the folder that will hold it is asked instead.
  std::error_code error;
  fs::path existing = fs::absolute(store);
  while (!fs::exists(existing, error) && existing.has_relative_path()) existing = existing.parent_path();
  const auto space = fs::space(existing, error);
  const std::string room = error ? "unknown" : gigabytes(static_cast<double>(space.available)) + " free";
  std::string advice;
  if (access(existing.c_str(), W_OK) != 0)
    advice = cat(existing.string(), " cannot be written: give another store with --out");
  else if (!error && space.available < 1000000000)
    advice = "a sweep may fill it: give another store with --out";
  out.push_back({"store", cat(store.string(), ", ", room), advice});
  for (const DataSetInfo& set : sets) {
    const bool installed = set.installed(data_directory);
    out.push_back({cat("data set ", set.name), installed ? "installed" : "missing",
                   installed ? "" : cat("velo data install ", set.name)});
  }
  return out;
}

}  // namespace velo
