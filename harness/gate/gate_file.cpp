#include "harness/gate/gate_file.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "analysis/equivalence.hpp"
#include "harness/config/draft.hpp"
#include "harness/config/yaml.hpp"
#include "harness/sweep/entries.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

double read_real(const Tree& value, const std::string& what, double low, double high) {
  char* end = nullptr;
  const double number = std::strtod(value.scalar.c_str(), &end);
  if (!value.is_scalar() || value.quoted || value.scalar.empty() || *end != '\0' || !(number >= low && number <= high))
    fail(value.at, cat(what, " is a number from ", low, " to ", high, ", not ", value.text()));
  return number;
}

std::int64_t read_whole(const Tree& value, const std::string& what, double low, double high) {
  const double number = read_real(value, what, low, high);
  if (number != std::floor(number)) fail(value.at, cat(what, " is a whole number, not ", value.text()));
  return static_cast<std::int64_t>(number);
}

double read_fraction(const Tree& value, const std::string& what) {
  try {
    return analysis::fraction_from(value.scalar, what);
  } catch (const Error& error) {
    fail(value.at, error.what());
  }
}

constexpr double least_level = 0.51, most_level = 0.9999;

void read_replay(const Tree& tree, GateFile& out, const Catalogue& catalogue) {
  const Fields fields(tree, "the gate's replay", {"changed", "cases"});
  if (const Tree* changed = fields.find("changed")) {
    if (changed->scalar != "hold" && changed->scalar != "note")
      fail(changed->at, cat("changed is hold or note, not ", changed->text()));
    out.hold = changed->scalar == "hold";
  }
  if (const Tree* cases = fields.find("cases")) {
    if (!cases->is_sequence()) fail(cases->at, cat("cases is a list of algorithm entries, not ", cases->described()));
    for (const Tree& item : cases->items) {
      const AlgorithmEntry entry = read_algorithm_entry(item, catalogue);
      out.extra_replays.push_back({entry.label, resolve(entry.draft)});
    }
  }
}

void read_quality(const Tree& tree, GateFile& out, const Catalogue& catalogue) {
  const Fields fields(tree, "the gate's quality", {"sweep", "margin", "margins", "level"});
  const Tree& sweep = fields.require("sweep");
  if (!sweep.is_scalar()) fail(sweep.at, cat("sweep is the path of a sweep file, not ", sweep.described()));
  const std::filesystem::path path = std::filesystem::path(out.path).parent_path() / sweep.scalar;
  if (!std::filesystem::exists(path)) fail(sweep.at, cat("there is no sweep file '", path.string(), "'"));
  out.sweep = path.string();
  if (const Tree* margin = fields.find("margin")) out.quality_margin = read_fraction(*margin, "margin");
  if (const Tree* margins = fields.find("margins")) {
    const Fields of_workloads(*margins, "the gate's margins", catalogue.workload_names());
    for (const Tree::Entry& one : margins->entries)
      out.quality_margins[one.key] = read_fraction(one.value, cat("the margin of ", one.key));
  }
  if (const Tree* level = fields.find("level")) out.quality_level = read_real(*level, "level", least_level, most_level);
}

void read_speed(const Tree& tree, GateFile& out, const Catalogue& catalogue) {
  const Fields fields(tree, "the gate's speed",
                      {"algorithms", "parameters", "threads", "margin", "level", "looks", "seconds", "foreign_limit"});
  const Tree& algorithms = fields.require("algorithms");
  if (!algorithms.is_sequence())
    fail(algorithms.at, cat("algorithms is a list of algorithm entries, not ", algorithms.described()));
  std::set<std::string> labels;
  for (const Tree& item : algorithms.items) {
    const AlgorithmEntry entry = read_algorithm_entry(item, catalogue);
    (void)resolve(entry.draft);
    if (!labels.insert(entry.label).second)
      fail(item.at, cat("'", entry.label, "' is measured twice; give it a label"));
    Tree bare = item;
    std::erase_if(bare.entries, [](const Tree::Entry& one) { return one.key == "label"; });
    out.speed_cases.push_back({entry.label, bare.text()});
  }
  if (const Tree* value = fields.find("parameters")) out.parameters = read_whole(*value, "parameters", 1, 1e9);
  if (const Tree* value = fields.find("threads")) out.threads = read_whole(*value, "threads", 1, 1024);
  if (const Tree* value = fields.find("margin")) out.speed.margin = read_fraction(*value, "margin");
  if (const Tree* value = fields.find("level")) out.speed.level = read_real(*value, "level", least_level, most_level);
  if (const Tree* value = fields.find("seconds")) out.speed_seconds = read_real(*value, "seconds", 1, 1e6);
  if (const Tree* value = fields.find("foreign_limit")) out.foreign_limit = read_real(*value, "foreign_limit", 0, 1);
  if (const Tree* value = fields.find("looks")) {
    out.speed.looks.clear();
    for (const Tree& item : value->items)
      out.speed.looks.push_back(static_cast<std::size_t>(read_whole(item, "looks", 2, 1000)));
    try {
      check(out.speed);
    } catch (const Error& error) {
      fail(value->at, error.what());
    }
  }
}

}  // namespace

GateFile read_gate_file(const std::string& path, const Catalogue& catalogue) {
  const Tree tree = read_yaml_file(path);
  const Fields fields(tree, "the gate", {"gate", "replay", "quality", "speed"});
  GateFile out;
  out.path = path;
  out.name = fields.require("gate").scalar;
  if (out.name.empty()) fail(fields.require("gate").at, "gate is a name");
  if (const Tree* replay = fields.find("replay")) read_replay(*replay, out, catalogue);
  if (const Tree* quality = fields.find("quality")) read_quality(*quality, out, catalogue);
  if (const Tree* speed = fields.find("speed")) read_speed(*speed, out, catalogue);
  return out;
}

double quality_margin(const GateFile& gate, const std::string& workload) {
  const auto own = gate.quality_margins.find(workload.substr(0, workload.find('{')));
  return own == gate.quality_margins.end() ? gate.quality_margin : own->second;
}

Component component_from(const std::string& yaml, const std::string& argument, const Catalogue& catalogue) {
  return resolve(read_algorithm(parse_override_value(yaml, argument), catalogue, {}));
}

}  // namespace velo
