// harness/executors/local_pool.hpp
//
// Runs commands on this machine, a fixed number at a time, each as a process of its own with its own cores. A crash,
// an out-of-memory kill or a time-out of one trial never touches another. Host-only: knows processes, not trials.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace velo {

/// One process to run.
struct Job {
  std::vector<std::string> command;  ///< program and arguments
  std::string log;                   ///< file that takes its stderr, appended to; its folder exists
};

/// How a process ended.
struct JobEnd {
  int exit_code = 0;  ///< meaningful when signal is 0
  int signal = 0;     ///< what killed it, or 0
  std::int64_t peak_memory_bytes = 0;
};

struct LocalPool {
  int workers = 1;             ///< processes at a time
  int threads = 1;             ///< OMP_NUM_THREADS and cores of each
  bool pin = true;             ///< give each worker slot its own cores, when the machine has workers * threads of them
  double timeout_seconds = 0;  ///< kill a process after so long; 0: never
};

struct PoolEvents {
  /// Just before a job's process is made: may add arguments that depend on what has finished since.
  std::function<void(std::size_t job, std::vector<std::string>& command)> starting;
  std::function<void(std::size_t job)> started;
  /// One line of a process' standard output, without the newline.
  std::function<void(std::size_t job, const std::string& line)> line;
  std::function<void(std::size_t job, const JobEnd& end)> finished;
  /// About ten times a second, for displays.
  std::function<void()> tick;
};

/// Runs all jobs in order and returns when the last has ended. When `stop` becomes true no new job starts and the
/// running ones get SIGTERM (and after ten seconds SIGKILL). Throws Error when a process cannot be started.
void run_pool(const LocalPool& pool, const std::vector<Job>& jobs, const PoolEvents& events,
              const std::atomic<bool>& stop);

/// Cores this process may use.
[[nodiscard]] int available_cores();

}  // namespace velo
