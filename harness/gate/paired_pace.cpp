#include "harness/gate/paired_pace.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "analysis/power.hpp"
#include "analysis/score.hpp"
#include "analysis/table.hpp"
#include "harness/run/cores.hpp"
#include "harness/run/foreign_load.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t turns = 40;
constexpr double turn_seconds = 0.005;
constexpr int answer_milliseconds = 120000;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// `velo pace` of one build, which answers "N steps" with their seconds.
class Pacer {
 public:
  /// `core`: where it runs; nothing: wherever it likes.
  Pacer(std::string program, const GateFile::SpeedCase& algorithm, const GateFile& gate, std::optional<int> core)
      : program_(std::move(program)) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) throw Error("no pipe to be had for `velo pace`");
    const std::string parameters = number_text(gate.parameters), threads = number_text(gate.threads);
    pid_ = fork();
    if (pid_ < 0) throw Error("no process to be had for `velo pace`");
    if (pid_ == 0) {
      if (core) stay_on({&*core, 1});
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      const int nowhere = open("/dev/null", O_WRONLY);
      if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
      execl(program_.c_str(), program_.c_str(), "pace", "--algorithm", algorithm.entry.c_str(), "--parameters",
            parameters.c_str(), "--threads", threads.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    to_ = to[1];
    from_ = from[0];
  }
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;
  ~Pacer() {
    close(to_);  // the end of its input is the end of the process
    close(from_);
    int status = 0;
    waitpid(pid_, &status, 0);
  }

  /// Makes so many steps; their seconds.
  double turn(std::int64_t steps) {
    const std::string line = number_text(steps) + "\n";
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const bool written = write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    std::signal(SIGPIPE, before);
    std::string answer;
    while (written && answer.find('\n') == std::string::npos) {
      pollfd wait{from_, POLLIN, 0};
      char buffer[64];
      if (poll(&wait, 1, answer_milliseconds) <= 0) break;
      const ssize_t n = read(from_, buffer, sizeof buffer);
      if (n <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    const double seconds = std::strtod(answer.c_str(), nullptr);
    if (!(seconds > 0))
      throw Error(cat("'", program_,
                      " pace' does not answer: the build may be older than `velo gate`, or lack the "
                      "algorithm"));
    return seconds;
  }

 private:
  std::string program_;
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

/// Steps that take about a turn, after the first ones, which allocate.
std::int64_t steps_of_a_turn(Pacer& pacer) {
  (void)pacer.turn(2);
  std::int64_t steps = 1;
  while (pacer.turn(steps) < turn_seconds / 2) steps *= 2;
  return steps;
}

std::string load_text(double share) { return analysis::percent_text(share); }

struct RoundSeries {
  std::vector<double> rounds;
  analysis::SpeedLook look;
  std::string gave_up;  ///< a sentence; else the look has a verdict
};

}  // namespace

std::string program_of_build(const std::string& build) {
  namespace fs = std::filesystem;
  const fs::path path = fs::is_directory(build) ? fs::path(build) / "velo" : fs::path(build);
  if (!fs::is_regular_file(path) || access(path.c_str(), X_OK) != 0)
    throw Error(cat("'", build, "' is neither a build folder with the program velo in it nor a program"));
  return fs::absolute(path).string();
}

PaceRound pace_round(const PaceBuilds& builds, const GateFile::SpeedCase& algorithm, const GateFile& gate,
                     std::size_t round) {
  const bool baseline_first = round % 2 == 0;
  std::optional<int> core;
  if (const std::vector<int> all = own_cores(); gate.threads == 1 && !all.empty()) core = all[round / 2 % all.size()];
  const ForeignLoad foreign;
  std::vector<double> speedups;
  {
    Pacer candidate(builds.candidate, algorithm, gate, core), baseline(builds.baseline, algorithm, gate, core);
    const std::int64_t steps = std::max(steps_of_a_turn(candidate), steps_of_a_turn(baseline));
    for (std::size_t turn = 0; turn < turns; ++turn) {
      double seconds[2];  // candidate, baseline
      const bool first_is_baseline = baseline_first == (turn % 2 == 0);
      for (const bool baseline_now : {first_is_baseline, !first_is_baseline})
        seconds[baseline_now] = (baseline_now ? baseline : candidate).turn(steps);
      speedups.push_back(std::log(seconds[1] / seconds[0]));
    }
  }  // both are waited for: their seconds are ours
  return {analysis::median_of(speedups), foreign.share()};
}

analysis::GateCase measure_pace(const PaceBuilds& builds, const GateFile::SpeedCase& algorithm, const GateFile& gate,
                                double seconds, const std::function<void(const std::string&)>& say) {
  using analysis::GateVerdict;
  const Clock::time_point start = Clock::now();
  const analysis::SpeedRule rule(gate.speed);
  const std::size_t most_disturbed = 2 * gate.speed.looks.back();
  const auto series = [&] {
    RoundSeries out;
    std::size_t disturbed = 0;
    double worst = 0;
    while (true) {
      if (seconds_since(start) > seconds) {
        out.gave_up = disturbed > 0 ? cat("the time for it is up; others used up to ", load_text(worst),
                                          " of the machine in ", disturbed, " rounds, which do not count")
                                    : "the time for it is up";
        return out;
      }
      const PaceRound round = pace_round(builds, algorithm, gate, out.rounds.size() + disturbed);
      if (round.foreign_share > gate.foreign_limit) {
        worst = std::max(worst, round.foreign_share);
        if (++disturbed > most_disturbed) {
          out.gave_up = cat("others used up to ", load_text(worst), " of the machine: nothing to judge by");
          return out;
        }
        continue;
      }
      out.rounds.push_back(round.log_speedup);
      say(cat(algorithm.label, ": round ", out.rounds.size(), ", ",
              analysis::percent_text(std::expm1(round.log_speedup), true)));
      out.look = rule.look(out.rounds);
      if (out.look.verdict) return out;
    }
  };

  analysis::GateCase out;
  out.part = analysis::GatePart::speed;
  out.name = algorithm.label;
  out.margin = gate.speed.margin;
  RoundSeries first = series();
  const bool alarm = first.gave_up.empty() &&
                     (*first.look.verdict == GateVerdict::regressed || *first.look.verdict == GateVerdict::improved);
  const RoundSeries second = alarm ? series() : RoundSeries{};
  const RoundSeries& last = alarm ? second : first;
  out.pairs = last.rounds.size();
  if (last.look.rounds >= 2 && last.look.verdict) {
    out.effect = std::expm1(last.look.mean);
    out.low = std::expm1(last.look.interval.low);
    out.high = std::expm1(last.look.interval.high);
  }
  if (last.rounds.size() >= 2) {
    double mean = 0, squares = 0;
    for (const double d : last.rounds) mean += d / static_cast<double>(last.rounds.size());
    for (const double d : last.rounds) squares += (d - mean) * (d - mean);
    const double spread = std::sqrt(squares / static_cast<double>(last.rounds.size() - 1));
    out.visible = std::expm1(
        analysis::smallest_effect(spread, static_cast<std::int64_t>(gate.speed.looks.back()), 0.8, gate.speed.level));
  }
  if (!last.gave_up.empty()) {
    out.verdict = GateVerdict::inconclusive;
    out.sentence = last.gave_up;
  } else {
    out.verdict = analysis::confirmed(*first.look.verdict, alarm ? second.look.verdict : std::nullopt);
    out.sentence = cat("speedup of a step ", analysis::percent_text(*out.effect, true), " (",
                       analysis::percent_text(*out.low, true), " to ", analysis::percent_text(*out.high, true), ") in ",
                       out.pairs, " paired rounds, margin ", analysis::percent_text(gate.speed.margin));
    if (alarm) {
      out.sentence += out.verdict == *first.look.verdict
                          ? cat(", confirming ", analysis::percent_text(std::expm1(first.look.mean), true), " in ",
                                first.rounds.size(), " rounds before")
                          : cat("; ", analysis::percent_text(std::expm1(first.look.mean), true), " in the ",
                                first.rounds.size(), " rounds before was not confirmed");
    }
    if (out.verdict == GateVerdict::inconclusive) out.sentence += "; the interval reaches across the margin";
  }
  out.word = analysis::name(out.verdict);
  return out;
}

}  // namespace velo
