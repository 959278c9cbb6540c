#include "results/diff.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <sstream>
#include <type_traits>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/files.hpp"
#include "results/text.hpp"
#include "results/trajectory.hpp"

namespace velo {

namespace {

std::string show(const std::string& value) { return cat("'", value, "'"); }
std::string show(std::int64_t value) { return number_text(value); }
std::string show(std::uint64_t value) { return std::to_string(value); }
std::string show(double value) { return number_text(value); }
std::string show(bool value) { return value ? "yes" : "no"; }
std::string show(const std::map<std::string, std::string>& value) { return cat(value.size(), " entries"); }
template <typename T>
requires std::is_enum_v<T> std::string show(T value) { return std::string(name(value)); }
template <typename T>
std::string show(const std::optional<T>& value) {
  return value ? show(*value) : "nothing";
}

/// Bit for bit, but any NaN equals any other.
bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}
/// Times a run, so stays aside.
bool is_timing(const SeriesInfo& info) { return info.unit == "s"; }

/// Collects the differences of one cell.
class CellComparison {
 public:
  CellComparison(std::string cell, std::string label, std::vector<Difference>& out)
      : cell_(std::move(cell)), label_(std::move(label)), out_(out) {}

  void note(std::string what, std::string text) { out_.push_back({cell_, label_, std::move(what), std::move(text)}); }

  void config(const std::string& a, const std::string& b) {
    if (a == b) return;
    std::istringstream left(a), right(b);
    std::string x, y;
    for (int line = 1;; ++line) {
      const bool more_x = static_cast<bool>(std::getline(left, x)), more_y = static_cast<bool>(std::getline(right, y));
      if (!more_x && !more_y) break;
      if (more_x && more_y && x == y) continue;
      note("config", cat("line ", line, ": ", more_x ? show(x) : "missing", " against ", more_y ? show(y) : "missing"));
      return;
    }
    note("config", "differs in its line endings");
  }

  void summaries(const TrialSummary& a, const TrialSummary& b) {
    std::vector<std::string> left;
    // Both visits meet the fields in one order, so texts pair up by position; equal texts of numbers are equal bits.
    visit_fields(a, [&](const Field&, const auto& member) { left.push_back(show(member)); });
    std::size_t i = 0;
    visit_fields(b, [&](const Field& field, const auto& member) {
      const std::string right = show(member);
      const bool compared = field.role == FieldRole::request || field.role == FieldRole::result;
      if (compared && left[i] != right) note(std::string(field.name), cat(left[i], " against ", right));
      ++i;
    });
  }

  void groups(const std::string& group, const SeriesGroup& a, const SeriesGroup& b) {
    for (const auto& series : a.series) {
      if (is_timing(series.info)) continue;
      const std::string path = group + "/" + series.info.name;
      if (const Series* other = b.find(series.info.name))
        values(path, a, b, series, *other);
      else
        note(path, "is missing on the right");
    }
    for (const auto& series : b.series)
      if (a.find(series.info.name) == nullptr && !is_timing(series.info))
        note(group + "/" + series.info.name, "is missing on the left");
  }

 private:
  void values(const std::string& path, const SeriesGroup& a, const SeriesGroup& b, const Series& x, const Series& y) {
    const std::size_t common = std::min(x.values.size(), y.values.size());
    std::size_t first = 0;
    while (first < common && same(x.values[first], y.values[first])) ++first;
    if (first < common) {
      const double step = a.at("step")[first];
      note(path, cat("at step ", static_cast<std::int64_t>(step), ": ", show(x.values[first]), " against ",
                     show(y.values[first])));
    } else if (x.values.size() != y.values.size()) {
      note(path, cat(a.rows(), " rows against ", b.rows()));
    }
  }

  std::string cell_;
  std::string label_;
  std::vector<Difference>& out_;
};

std::string label_of(const Store& store, const std::string& cell) {
  try {
    if (const auto run = store.current_run(cell)) {
      const TrialSummary summary = store.read_status(*run);
      return cat(summary.workload, " / ", summary.label.empty() ? summary.algorithm : summary.label);
    }
  } catch (const Error&) {
    return "unreadable";
  }
  return "no run";
}

std::string config_of(const Store& store, const RunRef& run) {
  const auto file = store.folder(run).config();
  return std::filesystem::exists(file) ? read_file(file) : std::string();
}

void compare_runs(CellComparison& comparison, const Store& a, const RunRef& run_a, const Store& b,
                  const RunRef& run_b) {
  comparison.config(config_of(a, run_a), config_of(b, run_b));
  comparison.summaries(a.read_status(run_a), b.read_status(run_b));
  const auto file_a = a.folder(run_a).trajectory(), file_b = b.folder(run_b).trajectory();
  const bool has_a = std::filesystem::exists(file_a), has_b = std::filesystem::exists(file_b);
  if (has_a != has_b) comparison.note("trajectory", cat("is missing on the ", has_a ? "right" : "left"));
  if (!has_a || !has_b) return;
  const Trajectory left = read_trajectory(file_a), right = read_trajectory(file_b);
  comparison.groups("evaluations", left.evaluations, right.evaluations);
  comparison.groups("steps", left.steps, right.steps);
}

void compare_cell(const Store& a, const Store& b, const std::string& cell, std::vector<Difference>& out) {
  CellComparison comparison(cell, label_of(a, cell), out);
  const auto run_a = a.current_run(cell), run_b = b.current_run(cell);
  if (!run_a || !run_b) {
    if (run_a || run_b) comparison.note("missing", cat("no run on the ", run_a ? "right" : "left"));
    return;
  }
  try {
    compare_runs(comparison, a, *run_a, b, *run_b);
  } catch (const Error& problem) {
    comparison.note("unreadable", problem.what());
  }
}

}  // namespace

StoreDifference diff_stores(const Store& a, const Store& b) {
  const auto left = a.cells(), right = b.cells();
  std::set<std::string> all(left.begin(), left.end());
  all.insert(right.begin(), right.end());
  StoreDifference result;
  for (const auto& cell : all) {
    const bool in_a = std::binary_search(left.begin(), left.end(), cell);
    const bool in_b = std::binary_search(right.begin(), right.end(), cell);
    if (in_a && in_b) {
      ++result.compared;
      compare_cell(a, b, cell, result.differences);
    } else {
      const Store& only = in_a ? a : b;
      result.differences.push_back(
          {cell, label_of(only, cell), "missing", cat("only in '", only.root().string(), "'")});
    }
  }
  return result;
}

std::vector<Difference> diff_runs(const Store& a, const RunRef& run_a, const Store& b, const RunRef& run_b) {
  std::vector<Difference> out;
  CellComparison comparison(run_a.cell, label_of(a, run_a.cell), out);
  compare_runs(comparison, a, run_a, b, run_b);
  return out;
}

}  // namespace velo
