#include "harness/executors/local_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "harness/run/cores.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using Clock = std::chrono::steady_clock;

struct Process {
  std::size_t job = 0;
  pid_t pid = -1;
  int output = -1;
  std::string pending;  ///< output after the last newline
  Clock::time_point started;
  bool asked_to_stop = false;
  Clock::time_point asked;
};

class Pool {
 public:
  Pool(const LocalPool& settings, const std::vector<Job>& jobs, const PoolEvents& events, const std::atomic<bool>& stop)
      : settings_(settings),
        jobs_(jobs),
        events_(events),
        stop_(stop),
        slots_(static_cast<std::size_t>(settings.workers)) {
    const std::vector<int> cores = own_cores();
    const auto threads = static_cast<std::size_t>(settings.threads);
    if (settings.pin && cores.size() >= slots_.size() * threads)
      for (std::size_t slot = 0; slot < slots_.size(); ++slot)
        cores_.emplace_back(cores.begin() + static_cast<std::ptrdiff_t>(slot * threads),
                            cores.begin() + static_cast<std::ptrdiff_t>((slot + 1) * threads));
  }

  void run() {
    while (true) {
      const bool stopping = stop_.load();
      bool busy = false;
      for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
        if (!slots_[slot] && next_ < jobs_.size() && !stopping) start(slot);
        busy = busy || slots_[slot].has_value();
      }
      if (!busy) return;
      if (stopping) ask_to_stop();
      wait_for_output();
      for (auto& slot : slots_) reap(slot);
      if (events_.tick) events_.tick();
    }
  }

 private:
  void start(std::size_t slot) {
    const Job& job = jobs_[next_];
    int pipe_ends[2];
    if (::pipe2(pipe_ends, O_CLOEXEC) != 0) throw Error(cat("no pipe for a worker: ", std::strerror(errno)));
    std::vector<std::string> command = job.command;
    if (events_.starting) events_.starting(next_, command);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const std::string threads = std::to_string(settings_.threads);
    const pid_t parent = ::getpid();

    const pid_t pid = ::fork();
    if (pid < 0) throw Error(cat("a worker could not be started: ", std::strerror(errno)));
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a worker never outlives its coordinator
      if (::getppid() != parent) ::_exit(127);
      ::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the coordinator, which asks the workers in order
      ::dup2(pipe_ends[1], STDOUT_FILENO);
      const int log = ::open(job.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      if (log >= 0) ::dup2(log, STDERR_FILENO);
      ::setenv("OMP_NUM_THREADS", threads.c_str(), 1);
      ::setenv("OPENBLAS_NUM_THREADS", threads.c_str(), 1);
      if (!cores_.empty()) {
        stay_on(cores_[slot]);
        ::setenv("OMP_PROC_BIND", "true", 1);
      } else {
        ::setenv("OMP_PROC_BIND", "false", 1);
      }
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(pipe_ends[1]);
    ::fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
    slots_[slot] = Process{.job = next_,
                           .pid = pid,
                           .output = pipe_ends[0],
                           .pending = {},
                           .started = Clock::now(),
                           .asked_to_stop = false,
                           .asked = {}};
    if (events_.started) events_.started(next_);
    ++next_;
  }

  void ask_to_stop() {
    for (auto& slot : slots_) {
      if (!slot) continue;
      if (!slot->asked_to_stop) {
        ::kill(slot->pid, SIGTERM);
        slot->asked_to_stop = true;
        slot->asked = Clock::now();
      } else if (Clock::now() - slot->asked > std::chrono::seconds(10)) {
        ::kill(slot->pid, SIGKILL);
      }
    }
  }

  void wait_for_output() {
    std::vector<pollfd> files;
    for (const auto& slot : slots_)
      if (slot) files.push_back({slot->output, POLLIN, 0});
    ::poll(files.data(), files.size(), 100);
    for (auto& slot : slots_)
      if (slot) read_lines(*slot);
  }

  void read_lines(Process& process) {
    char buffer[4096];
    ssize_t n = 0;
    while ((n = ::read(process.output, buffer, sizeof buffer)) > 0) {
      process.pending.append(buffer, static_cast<std::size_t>(n));
      std::size_t end = 0;
      while ((end = process.pending.find('\n')) != std::string::npos) {
        if (events_.line) events_.line(process.job, process.pending.substr(0, end));
        process.pending.erase(0, end + 1);
      }
    }
  }

  void reap(std::optional<Process>& slot) {
    if (!slot) return;
    if (settings_.timeout_seconds > 0 &&
        Clock::now() - slot->started > std::chrono::duration<double>(settings_.timeout_seconds))
      ::kill(slot->pid, SIGKILL);
    int status = 0;
    rusage usage{};
    if (::wait4(slot->pid, &status, WNOHANG, &usage) != slot->pid) return;
    read_lines(*slot);
    ::close(slot->output);
    const JobEnd end{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                     .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                     .peak_memory_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024};
    const std::size_t job = slot->job;
    slot.reset();
    if (events_.finished) events_.finished(job, end);
  }

  const LocalPool& settings_;
  const std::vector<Job>& jobs_;
  const PoolEvents& events_;
  const std::atomic<bool>& stop_;
  std::vector<std::optional<Process>> slots_;
  std::vector<std::vector<int>> cores_;
  std::size_t next_ = 0;
};

}  // namespace

void run_pool(const LocalPool& pool, const std::vector<Job>& jobs, const PoolEvents& events,
              const std::atomic<bool>& stop) {
  if (pool.workers < 1 || pool.threads < 1) throw Error("a local pool needs at least one worker and one thread");
  Pool(pool, jobs, events, stop).run();
}

int available_cores() { return static_cast<int>(own_cores().size()); }

}  // namespace velo
