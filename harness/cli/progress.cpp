#include "harness/cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace velo {

namespace {

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::lround(seconds));
  if (s >= 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}s", s);
}

std::string bar(double fraction, int width) {
  const int full = std::clamp(static_cast<int>(std::lround(fraction * width)), 0, width);
  std::string out;
  for (int i = 0; i < width; ++i) out += i < full ? "\u2501" : "\u2500";
  return out;
}

}  // namespace

ProgressDisplay::ProgressDisplay(std::ostream& err, Mode mode, const std::vector<Task>& tasks, std::size_t total,
                                 int workers)
    : err_(err), mode_(mode), tasks_(tasks), total_(total), workers_(workers), began_(Clock::now()), drawn_(began_) {}

CampaignEvents ProgressDisplay::events() {
  return {.started = [this](std::size_t task) { started(task); },
          .progress = [this](std::size_t task, std::int64_t step, double fraction, double seconds,
                             double validation) { progress(task, step, fraction, seconds, validation); },
          .finished = [this](std::size_t task, const TrialSummary& summary) { finished(task, summary); },
          .tick = [this] { tick(); }};
}

std::string ProgressDisplay::title(std::size_t task) const {
  const Cell& cell = tasks_[task].cell;
  return fmt::format("{} on {}, study {} trial {}", cell.label, cell.workload.name, cell.study, cell.trial);
}

void ProgressDisplay::started(std::size_t task) { running_[task] = Running{.since = Clock::now()}; }

void ProgressDisplay::progress(std::size_t task, std::int64_t step, double fraction, double seconds,
                               double validation) {
  Running& r = running_[task];
  r.fraction = fraction;
  r.seconds = seconds;
  r.validation = validation;
  r.evaluated = step > 0;
}

void ProgressDisplay::finished(std::size_t task, const TrialSummary& s) {
  finished_wall_ += since(running_[task].since);
  running_.erase(task);
  ++done_;
  if (s.status == Status::failed) ++failed_;
  if (mode_ != Mode::lines) return;
  const std::string outcome =
      s.status == Status::failed ? fmt::format("failed: {}", s.message)
      : s.result.reached
          ? fmt::format("reached {} {:.4g} in {} steps, {:.2f} s", s.metric, s.validation_target.value_or(0.0),
                        s.result.steps, s.result.seconds)
          : fmt::format("ended ({}) at {} {}", s.stop_reason ? name(*s.stop_reason) : "unknown", s.metric,
                        s.best_validation ? fmt::format("{:.4g}", *s.best_validation) : "unmeasured");
  const std::string memory = s.status != Status::failed && s.peak_memory_bytes > 0
                                 ? fmt::format(", peak {} MB", s.peak_memory_bytes / 1'000'000)
                                 : "";
  err_ << fmt::format("[{}/{}] {}: {}{}\n", done_, total_, title(task), outcome, memory) << std::flush;
}

std::string ProgressDisplay::time_left() const {
  if (done_ == 0) return "estimating";
  const double mean = finished_wall_ / static_cast<double>(done_);
  double work = mean * static_cast<double>(total_ - done_ - std::min(running_.size(), total_ - done_));
  for (const auto& [task, r] : running_) work += std::max(0.0, mean - since(r.since));
  return duration_text(work / workers_) + " left";
}

void ProgressDisplay::tick() {
  if (mode_ != Mode::live || since(drawn_) < 0.1) return;
  drawn_ = Clock::now();
  draw();
}

void ProgressDisplay::draw() {
  std::string block;
  if (lines_ > 0) block += fmt::format("\x1b[{}A", lines_);
  const double share = total_ == 0 ? 1.0 : static_cast<double>(done_) / static_cast<double>(total_);
  block +=
      fmt::format("\x1b[2K{} {}/{} trials, {}{}, {}\n", bar(share, 30), done_, total_,
                  failed_ > 0 ? fmt::format("{} failed, ", failed_) : "", duration_text(since(began_)), time_left());
  int lines = 1;
  for (const auto& [task, r] : running_) {
    const Target& target = tasks_[task].cell.target;
    const std::string metric =
        r.evaluated ? fmt::format("{} {:.4f}", target.metric, r.validation) : std::string("starting");
    const std::string goal = target.validation ? fmt::format(" (target {:.4f})", *target.validation) : "";
    block += fmt::format("\x1b[2K  {} {} {}{}\n", bar(r.fraction, 10), title(task), metric, goal);
    ++lines;
  }
  for (int i = lines; i < lines_; ++i) block += "\x1b[2K\n";
  if (lines < lines_) block += fmt::format("\x1b[{}A", lines_ - lines);
  lines_ = lines;
  err_ << block << std::flush;
}

void ProgressDisplay::close() {
  if (mode_ == Mode::live) draw();
}

}  // namespace velo
