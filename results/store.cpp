#include "results/store.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

namespace fs = std::filesystem;
constexpr std::int64_t manifest_layout_version = 1;
constexpr std::size_t shortest_prefix = 4;

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_run_number(std::string_view text) {
  return text.size() >= 4 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string run_text(std::int64_t number) {
  std::string digits = std::to_string(number);
  return digits.size() < 4 ? std::string(4 - digits.size(), '0') + digits : digits;
}

/// Names of the entries of a folder that `wanted` accepts, sorted; empty when there is no folder.
template <typename Wanted>
std::vector<std::string> entries(const fs::path& folder, Wanted wanted) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    std::string entry = it->path().filename().string();
    if (wanted(entry)) names.push_back(std::move(entry));
  }
  if (failure && failure != std::errc::no_such_file_or_directory)
    throw Error(system_sentence("cannot list", folder, failure.value()));
  std::sort(names.begin(), names.end());
  return names;
}

/// Run numbers sort by value: "10000" comes after "9999".
bool run_before(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

fs::path manifest_file(const fs::path& root, const std::string& sweep) {
  const bool plain =
      !sweep.empty() && sweep.front() != '.' && std::all_of(sweep.begin(), sweep.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
      });
  if (!plain)
    throw Error(
        cat("'", sweep, "' cannot name a sweep; use letters, digits, '.', '_' and '-', not beginning with '.'"));
  return root / "sweeps" / (sweep + ".json");
}

}  // namespace

Store Store::open(const fs::path& root) {
  std::error_code unknown;
  if (!fs::is_directory(root, unknown))
    throw Error(cat("there is no store of results at '", root.string(), "'; `velo run` makes one"));
  if (!fs::is_directory(root / "trials", unknown) && !fs::is_directory(root / "sweeps", unknown))
    throw Error(cat("'", root.string(), "' is not a store of results: it has no folder 'trials'"));
  return Store(root);
}

Store Store::create(const fs::path& root) {
  make_folder(root / "trials");
  make_folder(root / "sweeps");
  return Store(root);
}

fs::path Store::cell_folder(const std::string& cell) const {
  if (!is_hex(cell) || cell.size() < shortest_prefix)
    throw Error(cat("'", cell, "' is not the id of a cell; ids are hexadecimal digits"));
  return root_ / "trials" / cell.substr(0, 2) / cell;
}

RunFolder Store::folder(const RunRef& run) const { return {cell_folder(run.cell) / run.run}; }

std::vector<std::string> Store::cells() const {
  std::vector<std::string> all;
  for (const auto& shelf : entries(root_ / "trials", [](const std::string& n) { return n.size() == 2 && is_hex(n); }))
    for (auto& cell : entries(root_ / "trials" / shelf,
                              [&](const std::string& n) { return is_hex(n) && n.size() >= 4 && n.starts_with(shelf); }))
      all.push_back(std::move(cell));
  return all;
}

std::vector<RunRef> Store::runs(const std::string& cell) const {
  auto numbers = entries(cell_folder(cell), is_run_number);
  std::sort(numbers.begin(), numbers.end(), run_before);
  std::vector<RunRef> runs;
  for (auto& number : numbers) runs.push_back({cell, std::move(number)});
  return runs;
}

std::vector<RunRef> Store::scan() const {
  std::vector<RunRef> all;
  for (const auto& cell : cells())
    for (auto& run : runs(cell)) all.push_back(std::move(run));
  return all;
}

RunRef Store::new_run(const std::string& cell) const {
  make_folder(cell_folder(cell));
  const auto existing = runs(cell);
  std::int64_t number = existing.empty() ? 1 : std::stoll(existing.back().run) + 1;
  while (true) {
    RunRef run{cell, run_text(number++)};
    const fs::path path = folder(run).path;
    if (mkdir(path.c_str(), 0777) == 0) return run;
    if (errno != EEXIST) throw Error(system_sentence("cannot make the folder", path, errno));
  }
}

void Store::write_status(const TrialSummary& summary) const {
  const bool passing = summary.status == Status::running || summary.status == Status::planned;
  replace_file(folder(summary.id).status(), summary_to_json(summary), passing ? Durability::process : Durability::disk);
}

TrialSummary Store::read_status(const RunRef& run) const {
  const fs::path file = folder(run).status();
  if (!fs::exists(file) && fs::is_directory(file.parent_path())) {
    TrialSummary planned;
    planned.id = run;
    return planned;
  }
  TrialSummary summary = summary_from_json(read_file(file), file.string());
  summary.id = run;  // the place is the name: a merged store may have renumbered the run
  return summary;
}

Status Store::observed_status(const TrialSummary& summary, std::chrono::seconds lease) const {
  if (summary.status != Status::running) return summary.status;
  const auto state = claim_state(summary.id.cell, lease);
  return state && state->alive ? Status::running : Status::stale;
}

std::optional<RunRef> Store::current_run(const std::string& cell) const {
  const auto all = runs(cell);
  for (auto run = all.rbegin(); run != all.rend(); ++run) {
    try {
      if (read_status(*run).status == Status::done) return *run;
    } catch (const Error&) {
      continue;  // a run without a readable status has no result to speak with
    }
  }
  return all.empty() ? std::nullopt : std::optional(all.back());
}

RunRef Store::find(std::string_view prefix) const {
  const auto slash = prefix.find('/');
  const std::string head(prefix.substr(0, slash));
  if (!is_hex(head) || head.size() < shortest_prefix)
    throw Error(cat("'", prefix, "' does not name a run; give at least ", shortest_prefix,
                    " hexadecimal digits of its cell, and '/' and its number where there are several"));
  const auto matches = entries(root_ / "trials" / head.substr(0, 2),
                               [&](const std::string& n) { return is_hex(n) && n.starts_with(head); });
  if (matches.empty()) throw Error(cat("no cell in '", root_.string(), "' begins with '", head, "'"));
  if (matches.size() > 1)
    throw Error(cat("'", head, "' is ambiguous: it begins ", join_words(matches), "; give more digits"));

  const std::string& cell = matches.front();
  if (slash == std::string_view::npos) {
    if (auto run = current_run(cell)) return *run;
    throw Error(cat("cell ", cell, " has no run yet"));
  }
  const std::string wanted(prefix.substr(slash + 1));
  std::vector<std::string> numbers;
  for (const auto& run : runs(cell)) {
    numbers.push_back(run.run);
    if (run.run == wanted || run.run == std::string(4 - std::min<std::size_t>(4, wanted.size()), '0') + wanted)
      return run;
  }
  throw Error(cat("cell ", cell, " has no run '", wanted, "'; it has ", join_words(numbers)));
}

void Store::write_sweep(const SweepManifest& manifest) const {
  const fs::path file = manifest_file(root_, manifest.name);
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const auto& [cell, label] : manifest.cells) cells.push_back({{"cell", cell}, {"label", label}});
  const nlohmann::ordered_json object{{"layout_version", manifest_layout_version},
                                      {"name", manifest.name},
                                      {"source", manifest.source},
                                      {"cells", std::move(cells)}};
  make_folder(file.parent_path());
  replace_file(file, object.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

namespace {

/// Takes a manifest from the events of its parser: as objects, thousands of cells take three times as long. Members it
/// does not know are passed over; a known one of another type ends the reading.
class ManifestReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  SweepManifest manifest;
  std::optional<std::int64_t> version;

  [[nodiscard]] bool complete() const { return version && has_source_ && has_cells_; }

  bool string(string_t& text) override {
    if (depth_ == top && key_ == "source") {
      manifest.source = std::move(text);
      has_source_ = true;
    } else if (in_cell() && key_ == "cell") {
      manifest.cells.back().cell = std::move(text);
      ++members_;
    } else if (in_cell() && key_ == "label") {
      manifest.cells.back().label = std::move(text);
      ++members_;
    } else {
      return other();
    }
    return true;
  }
  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override { return number(static_cast<std::int64_t>(value)); }
  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    if (depth_ == top) cells_ = false;
    return true;
  }
  bool start_object(std::size_t) override {
    const bool holds_members = depth_ == 0 || (cells_ && depth_ == list);
    if (!holds_members && !other()) return false;
    ++depth_;
    if (in_cell()) {
      manifest.cells.emplace_back();
      members_ = 0;
      key_.clear();
    }
    return true;
  }
  bool end_object() override {
    const bool whole = !in_cell() || members_ == 2;
    --depth_;
    return whole;
  }
  bool start_array(std::size_t) override {
    if (depth_ == top && key_ == "cells") {
      cells_ = has_cells_ = true;
    } else if (!other()) {
      return false;
    }
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  static constexpr int top = 1, list = 2, cell = 3;  // depths: the object, its list of cells, one of them

  [[nodiscard]] bool in_cell() const { return cells_ && depth_ == cell; }
  bool number(std::int64_t value) {
    if (depth_ != top || key_ != "layout_version") return other();
    version = value;
    return true;
  }
  /// A value that is none of ours: fine as the value of a member that is not ours either.
  [[nodiscard]] bool other() const {
    if (depth_ == top) return key_ != "layout_version" && key_ != "source" && key_ != "cells";
    if (in_cell()) return key_ != "cell" && key_ != "label";
    return depth_ > 0 && !(cells_ && depth_ == list);
  }

  std::string key_;
  int depth_ = 0;
  int members_ = 0;
  bool cells_ = false, has_source_ = false, has_cells_ = false;
};

}  // namespace

SweepManifest Store::read_sweep(const std::string& sweep) const {
  const fs::path file = manifest_file(root_, sweep);
  if (!fs::exists(file)) {
    const auto known = sweeps();
    throw Error(cat("there is no sweep '", sweep, "' in '", root_.string(), "'", did_you_mean(sweep, known),
                    "; it has ", join_words(known)));
  }
  ManifestReader reader;
  reader.manifest.name = sweep;
  const bool whole = nlohmann::json::sax_parse(read_file(file), &reader);
  if (reader.version && *reader.version > manifest_layout_version)
    throw Error(cat("'", file.string(), "' has layout ", *reader.version, ", newer than the ", manifest_layout_version,
                    " this velo reads; use the newer velo"));
  if (!whole || !reader.complete())
    throw Error(cat("'", file.string(), "' is not a list of a sweep's cells; delete it and start the sweep again"));
  return std::move(reader.manifest);
}

std::vector<std::string> Store::sweeps() const {
  auto names = entries(root_ / "sweeps", [](const std::string& n) { return n.ends_with(".json") && n.front() != '.'; });
  for (auto& sweep : names) sweep.resize(sweep.size() - std::string_view(".json").size());
  return names;
}

namespace {

/// Everything about a run but its number.
std::string content_key(const Store& store, const RunRef& run) {
  std::string key;
  if (const auto config = store.folder(run).config(); fs::exists(config)) key = read_file(config);
  if (!fs::exists(store.folder(run).status())) return key;
  TrialSummary summary = store.read_status(run);
  summary.id.run.clear();
  return key + summary_to_json(summary);
}

/// Copies into a folder of another name first: a killed merge leaves no half run.
void copy_run(const Store& from, const RunRef& run, const Store& to, const RunRef& target) {
  const fs::path destination = to.folder(target).path;
  const fs::path arriving = destination.parent_path() / ("arriving-" + temporary_name(target.run).string());
  make_folder(arriving);
  for (const auto& entry : fs::directory_iterator(from.folder(run).path)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".tmp") continue;
    std::error_code failure;
    fs::copy_file(entry.path(), arriving / entry.path().filename(), failure);
    if (failure) {
      fs::remove_all(arriving);
      throw Error(system_sentence("cannot copy to", destination / entry.path().filename(), failure.value()));
    }
  }
  if (fs::exists(from.folder(run).status())) {
    TrialSummary summary = from.read_status(run);
    summary.id = target;
    replace_file(arriving / "status.json", summary_to_json(summary));
  }
  fs::rename(arriving, destination);
}

}  // namespace

std::size_t Store::merge_from(const Store& other) const {
  std::size_t copied = 0;
  for (const auto& cell : other.cells()) {
    std::vector<std::string> known;
    std::int64_t next = 1;
    for (const auto& run : runs(cell)) {
      known.push_back(content_key(*this, run));
      next = std::stoll(run.run) + 1;
    }
    for (const auto& run : other.runs(cell)) {
      const std::string key = content_key(other, run);
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      copy_run(other, run, *this, {cell, run_text(next++)});
      known.push_back(key);
      ++copied;
    }
  }
  const auto mine = sweeps();
  for (const auto& sweep : other.sweeps()) {
    SweepManifest manifest = other.read_sweep(sweep);
    if (std::find(mine.begin(), mine.end(), sweep) != mine.end()) {
      SweepManifest united = read_sweep(sweep);
      for (const auto& entry : manifest.cells)
        if (std::find(united.cells.begin(), united.cells.end(), entry) == united.cells.end())
          united.cells.push_back(entry);
      manifest = std::move(united);
    }
    write_sweep(manifest);
  }
  return copied;
}

}  // namespace velo
